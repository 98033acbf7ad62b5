"""What a compromised MySQL or MariaDB server may do: ask for the password or a file, never end, send too much."""

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.servers.hostile import HOST, HostileServer, Peer, start_hostile, to_packets
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.mysql import MysqlAdapter
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError, WhalefallError
from whalefall_pipeline.core.model import Instance, Login

SECRET = "correct-horse-battery"
LIMITS = Limits(connect_seconds=2, statement_seconds=5, answer_bytes=4 * 1024**2)
INSTANCE = Instance(1, "bad", "mysql", HOST, 1)
SALT = b"12345678abcdefghijkl"
CAPABILITIES = 0x00AFF7DF & ~0x0800  # what servers have, TLS excepted
OK = b"\0\0\0\2\0\0\0"
EOF = b"\xfe\0\0\2\0"
COLUMN = b"\3def\0\0\0\1x\0\x0c" + struct.pack("<HIBHBH", 45, 255, 253, 0, 0, 0)
KEY = generate_private_key(65537, 2048).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def to_greeting(plugin: bytes = b"mysql_native_password") -> bytes:
    low, high = CAPABILITIES & 0xFFFF, CAPABILITIES >> 16
    fixed = struct.pack("<I", 1) + SALT[:8] + b"\0" + struct.pack("<HBHHB", low, 45, 2, high, 21) + bytes(10)
    return b"\x0a8.4.0\0" + fixed + SALT[8:] + b"\0" + plugin + b"\0"


def read(server: HostileServer, options: dict[str, str] | None = None) -> None:
    instance = replace(INSTANCE, port=server.port, options=options or {})
    login = Login("collector", SECRET)
    with Deadline(30) as deadline, MysqlAdapter().open(instance, login, LIMITS, deadline) as session:
        session.read_accounts()


def switch_to(plugin: bytes) -> Callable[[Peer], None]:
    """Ask for another method once the client has answered the greeting, and hear what it sends."""

    def behave(peer: Peer) -> None:
        peer.send(to_packets(to_greeting()))
        peer.receive()
        question = b"\4Password: " if plugin == b"dialog" else SALT + b"\0"
        peer.send(to_packets(b"\xfe" + plugin + b"\0" + question, first=2))
        peer.receive()
        if plugin == b"caching_sha2_password":
            peer.send(to_packets(b"\1\4", first=4))
            peer.receive()
            peer.send(to_packets(b"\1" + KEY, first=6))
            peer.receive()

    return behave


def greet_with_sha256(peer: Peer) -> None:
    peer.send(to_packets(to_greeting(b"sha256_password")))
    peer.receive()
    peer.send(to_packets(b"\xfesha256_password\0" + SALT + b"\0", first=2))
    peer.receive()
    peer.send(to_packets(b"\1" + KEY, first=4))
    peer.receive()


def greet_with_caching_sha2(peer: Peer) -> None:
    peer.send(to_packets(to_greeting(b"caching_sha2_password")))
    peer.receive()
    peer.send(to_packets(b"\1\4", first=2))
    peer.receive()
    peer.send(to_packets(b"\1" + KEY, first=4))
    peer.receive()


ASKING = {
    "mysql_clear_password": switch_to(b"mysql_clear_password"),
    "dialog": switch_to(b"dialog"),
    "sha256_password": switch_to(b"sha256_password"),
    "caching_sha2_password": switch_to(b"caching_sha2_password"),
    "sha256_password from the start": greet_with_sha256,
    "caching_sha2_password from the start": greet_with_caching_sha2,
}


@pytest.mark.parametrize("how", ASKING)
def test_a_server_that_asks_for_the_password_itself_does_not_get_it(how: str) -> None:
    with (
        start_hostile(ASKING[how]) as server,
        pytest.raises(DatabaseConnectionError, match=r"tls to verify-full.*allow_cleartext_password") as raised,
    ):
        read(server)
    assert SECRET.encode() not in server.heard
    assert b"\2" not in server.heard[-5:], "no key was asked for"
    assert not raised.value.transient


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog"])
def test_an_instance_may_allow_it(plugin: bytes) -> None:
    with start_hostile(switch_to(plugin)) as server, pytest.raises(DatabaseConnectionError):
        read(server, {"allow_cleartext_password": "yes"})
    assert SECRET.encode() in server.heard


@pytest.mark.parametrize("plugin", [b"mysql_old_password", b"parsec", b"authentication_kerberos_client", b"\xff\xfe"])
def test_a_method_that_there_is_not_is_said_to_be_none(plugin: bytes) -> None:
    with start_hostile(switch_to(plugin)) as server, pytest.raises(DatabaseConnectionError) as raised:
        read(server)
    assert SECRET.encode() not in server.heard
    assert "\n" not in str(raised.value)


def never_answer(peer: Peer) -> None:
    peer.wait()


def drip_the_greeting(peer: Peer) -> None:
    peer.drip(to_packets(to_greeting() + bytes(10_000)))


def greet_for_ever(peer: Peer) -> None:
    peer.send(struct.pack("<I", 0xFFFFFF))
    peer.send_for_ever(b"x")


def switch_for_ever(peer: Peer) -> None:
    peer.send(to_packets(to_greeting()))
    for number in range(2, 200, 2):
        peer.receive()
        peer.send(to_packets(b"\xfemysql_native_password\0" + SALT + b"\0", first=number))


def refuse_with_escapes(peer: Peer) -> None:
    peer.send(to_packets(b"\xff\x15\x04#28000\x1b]0;owned\x07Access denied"))


@pytest.mark.parametrize(
    "behave", [never_answer, drip_the_greeting, greet_for_ever, switch_for_ever, refuse_with_escapes]
)
def test_a_login_that_never_ends_ends_within_its_limits(behave: Callable[[Peer], None]) -> None:
    with start_hostile(behave) as server, pytest.raises(DatabaseConnectionError):
        read(server)
    assert SECRET.encode() not in server.heard


def test_a_login_is_bounded_by_what_no_setting_changes() -> None:
    with start_hostile(greet_for_ever) as server, pytest.raises(DatabaseConnectionError) as raised:
        read(server)
    assert str(raised.value).endswith("more than 1,048,576 bytes during the login, which no server needs")


def log_in(peer: Peer) -> None:
    """Let the client in, and answer what PyMySQL asks before our first question."""
    peer.send(to_packets(to_greeting()))
    peer.receive()
    peer.send(to_packets(OK, first=2))
    while b"SELECT" not in peer.receive().upper().replace(b"SET ", b""):
        peer.send(to_packets(OK, first=1))


def request_a_file(peer: Peer) -> None:
    log_in(peer)
    peer.send(to_packets(b"\xfb/etc/passwd", first=1))
    peer.receive()


def answer_with_rows_for_ever(peer: Peer) -> None:
    log_in(peer)
    peer.send(to_packets(b"\1", COLUMN, EOF, first=1))
    block = to_packets(*[b"\xfb"] * 256, first=4)
    peer.send_for_ever(block)


def answer_with_a_huge_field(peer: Peer) -> None:
    log_in(peer)
    peer.send(to_packets(b"\1", COLUMN, EOF, first=1), b"\xff\xff\xff\4", b"\xfe" + struct.pack("<Q", 2**30))
    peer.send_zeros(2**30)


def answer_with_columns_for_ever(peer: Peer) -> None:
    log_in(peer)
    peer.send(to_packets(b"\xfd\xff\xff\xff", first=1))
    peer.send_for_ever(to_packets(*[COLUMN] * 256, first=2))


@pytest.mark.parametrize("behave", [answer_with_rows_for_ever, answer_with_a_huge_field, answer_with_columns_for_ever])
def test_an_answer_is_no_larger_than_the_limit(behave: Callable[[Peer], None]) -> None:
    with start_hostile(behave) as server, pytest.raises(DatabaseConnectionError, match="4,194,304 bytes") as raised:
        read(server)
    assert "WHALEFALL_ANSWER_BYTES" in str(raised.value)
    assert not raised.value.transient


def test_no_file_is_given_to_a_server_that_asks_for_one() -> None:
    with start_hostile(request_a_file) as server, pytest.raises(WhalefallError):
        read(server)
    assert b"root:" not in server.heard


def answer_with_no_row(peer: Peer) -> None:
    log_in(peer)
    peer.send(to_packets(b"\1", COLUMN, EOF, EOF, first=1))
    peer.wait()


def answer_without_a_result(peer: Peer) -> None:
    log_in(peer)
    peer.send(to_packets(OK, first=1))
    peer.wait()


def answer_with_other_columns(peer: Peer) -> None:
    log_in(peer)
    peer.send(to_packets(b"\1", COLUMN, EOF, b"\1x", EOF, first=1))
    peer.wait()


def answer_with_a_broken_row(peer: Peer) -> None:
    log_in(peer)
    peer.send(to_packets(b"\2", COLUMN, COLUMN, EOF, b"\xfd\1", EOF, first=1))
    peer.wait()


@pytest.mark.parametrize(
    "behave", [answer_with_no_row, answer_without_a_result, answer_with_other_columns, answer_with_a_broken_row]
)
def test_what_does_not_answer_like_mysql_is_said_to_be_none(behave: Callable[[Peer], None]) -> None:
    with start_hostile(behave) as server, pytest.raises((SyncDataError, DatabaseConnectionError)) as raised:
        read(server)
    assert "MySQL" in str(raised.value)
    assert "\n" not in str(raised.value)
