"""What a compromised PostgreSQL server may do: ask for the password, never end, send more than anybody can hold."""

import struct
from collections.abc import Callable

import pytest
from psycopg.pq import PGconn

from tests.adapters.postgresql.hostile_peers import LOGGED_IN, SECRET, read, refuse_tls
from tests.servers.hostile import HOST, Peer, start_hostile, to_message
from whalefall_pipeline.adapters.postgresql import PostgresqlAdapter
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError


def request_in_clear(peer: Peer) -> None:
    refuse_tls(peer)
    peer.send(to_message(b"R", struct.pack(">I", 3)))
    peer.receive()


def test_a_server_that_asks_for_the_password_itself_does_not_get_it() -> None:
    with (
        start_hostile(request_in_clear) as server,
        pytest.raises(DatabaseConnectionError, match=r"tls to verify-full.*allow_cleartext_password") as raised,
    ):
        read(server)
    assert SECRET.encode() not in server.heard
    assert not raised.value.transient


@pytest.mark.parametrize("methods", ["!md5", "!none", "!md5,!gss", "!password", "md5,scram-sha-256"])
def test_methods_that_an_instance_refuses_itself_do_not_allow_it(methods: str) -> None:
    with start_hostile(request_in_clear) as server, pytest.raises(DatabaseConnectionError):
        read(server, {"require_auth": methods})
    assert SECRET.encode() not in server.heard


@pytest.mark.parametrize(
    ("methods", "why"),
    [
        ("!md5,scram-sha-256", "with and without '!'"),
        ("md5,md5", "twice"),
        (" md5", "' md5'"),
        ("md5,", "''"),
        ("!!md5", "'!md5'"),
    ],
)
def test_methods_that_libpq_refuses_are_refused_before_anything_is_connected(methods: str, why: str) -> None:
    with pytest.raises(InvalidInstanceError, match=why) as raised:
        PostgresqlAdapter().check_options({"require_auth": methods})
    assert "\n" not in str(raised.value)
    failed = PGconn.connect(f"host={HOST} port=1 require_auth='{methods}'".encode())
    assert b"require_auth" in failed.error_message


@pytest.mark.parametrize(
    "options", [{"allow_cleartext_password": "yes"}, {"require_auth": "password"}, {"require_auth": "md5,password"}]
)
def test_an_instance_may_allow_it(options: dict[str, str]) -> None:
    with start_hostile(request_in_clear) as server, pytest.raises(DatabaseConnectionError):
        read(server, options)
    assert SECRET.encode() in server.heard


def never_answer(peer: Peer) -> None:
    peer.wait()


def never_log_in(peer: Peer) -> None:
    refuse_tls(peer)
    peer.wait()


def drip_the_login(peer: Peer) -> None:
    refuse_tls(peer)
    parameters = to_message(b"S", b"name\0" + b"x" * 1000 + b"\0")
    peer.drip(LOGGED_IN[:-6] + parameters * 100)


def send_parameters_for_ever(peer: Peer) -> None:
    refuse_tls(peer)
    peer.send(to_message(b"R", struct.pack(">I", 0)))
    peer.send_for_ever(to_message(b"S", b"name\0value\0"))


def notice_for_ever(peer: Peer) -> None:
    refuse_tls(peer)
    peer.send_for_ever(to_message(b"N", b"SNOTICE\0Mwelcome\0\0"))


def announce_a_huge_message(peer: Peer) -> None:
    refuse_tls(peer)
    peer.send(b"S" + struct.pack(">I", 2**30))
    peer.send_zeros(2**30)


def send_nonsense(peer: Peer) -> None:
    refuse_tls(peer)
    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)
    peer.wait()


def refuse_tls_for_ever(peer: Peer) -> None:
    peer.receive()
    peer.send_for_ever(b"N")


@pytest.mark.parametrize(
    "behave",
    [
        never_answer,
        never_log_in,
        drip_the_login,
        send_parameters_for_ever,
        notice_for_ever,
        announce_a_huge_message,
        send_nonsense,
        refuse_tls_for_ever,
    ],
)
def test_a_login_that_never_ends_ends_within_its_limits(behave: Callable[[Peer], None]) -> None:
    with start_hostile(behave) as server, pytest.raises(DatabaseConnectionError):
        read(server)
    assert SECRET.encode() not in server.heard


def test_a_login_is_bounded_by_what_no_setting_changes() -> None:
    with start_hostile(send_parameters_for_ever) as server, pytest.raises(DatabaseConnectionError) as raised:
        read(server)
    assert str(raised.value).endswith("more than 1,048,576 bytes during the login, which no server needs")
