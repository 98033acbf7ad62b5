"""What a compromised PostgreSQL server may do: ask for the password, never end, send more than anybody can hold."""

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from psycopg.pq import PGconn

from tests.servers.hostile import HOST, HostileServer, Peer, start_hostile, to_message
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.postgresql import PostgresqlAdapter
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncDataError, WhalefallError
from whalefall_pipeline.core.model import Instance, Login
from whalefall_pipeline.sync.opening import open_source
from whalefall_pipeline.sync.plan import Collector

SECRET = "correct-horse-battery"
LIMITS = Limits(connect_seconds=2, statement_seconds=5, answer_bytes=4 * 1024**2)
INSTANCE = Instance(1, "bad", "postgresql", HOST, 1)
READY = to_message(b"Z", b"I")
IN_TRANSACTION = to_message(b"Z", b"T")
LOGGED_IN = to_message(b"R", struct.pack(">I", 0)) + to_message(b"S", b"server_version\x0016.1\x00") + READY
BEGUN = to_message(b"C", b"BEGIN\0")
COLUMN = b"x\0" + struct.pack(">IhIhih", 0, 0, 25, -1, -1, 0)
HEADER = to_message(b"1", b"") + to_message(b"2", b"") + to_message(b"T", struct.pack(">h", 1) + COLUMN)
EMPTY_ROW = to_message(b"D", struct.pack(">hi", 1, -1))


def read(server: HostileServer, options: dict[str, str] | None = None, limits: Limits = LIMITS) -> None:
    instance = replace(INSTANCE, port=server.port, options=options or {})
    login = Login("collector", SECRET)
    with Deadline(30) as deadline, PostgresqlAdapter().open(instance, login, limits, deadline) as session:
        session.read_accounts()


def refuse_tls(peer: Peer) -> None:
    """Take the client's first messages, and say that there is no TLS."""
    peer.receive()
    peer.send(b"N")
    peer.receive()


def log_in(peer: Peer) -> None:
    refuse_tls(peer)
    peer.send(LOGGED_IN)


def ask_in_clear(peer: Peer) -> None:
    refuse_tls(peer)
    peer.send(to_message(b"R", struct.pack(">I", 3)))
    peer.receive()


def test_a_server_that_asks_for_the_password_itself_does_not_get_it() -> None:
    with (
        start_hostile(ask_in_clear) as server,
        pytest.raises(DatabaseConnectionError, match=r"tls to verify-full.*allow_cleartext_password") as raised,
    ):
        read(server)
    assert SECRET.encode() not in server.heard
    assert not raised.value.transient


@pytest.mark.parametrize("methods", ["!md5", "!none", "!md5,!gss", "!password", "md5,scram-sha-256"])
def test_methods_that_an_instance_refuses_itself_do_not_allow_it(methods: str) -> None:
    with start_hostile(ask_in_clear) as server, pytest.raises(DatabaseConnectionError):
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
    with start_hostile(ask_in_clear) as server, pytest.raises(DatabaseConnectionError):
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


def begin(peer: Peer) -> None:
    """Begin the transaction, and take the first question."""
    log_in(peer)
    peer.receive()
    peer.send(BEGUN, IN_TRANSACTION)
    peer.receive()


def answer_the_begin_with_rows(peer: Peer) -> None:
    log_in(peer)
    peer.receive()
    peer.send(HEADER.removeprefix(to_message(b"1", b"") + to_message(b"2", b"")), EMPTY_ROW, BEGUN, IN_TRANSACTION)
    peer.wait()


def test_a_transaction_that_did_not_begin_is_not_read_in() -> None:
    with start_hostile(answer_the_begin_with_rows) as server, pytest.raises(SyncDataError):
        read(server)


def answer_with_rows_for_ever(peer: Peer) -> None:
    begin(peer)
    peer.send(HEADER)
    peer.send_for_ever(EMPTY_ROW)


def answer_with_a_huge_field(peer: Peer) -> None:
    begin(peer)
    peer.send(HEADER, b"D" + struct.pack(">Ihi", 2**30 + 10, 1, 2**30))
    peer.send_zeros(2**30)


def answer_with_columns_for_ever(peer: Peer) -> None:
    begin(peer)
    peer.send(to_message(b"1", b""), to_message(b"2", b""))
    peer.send(b"T" + struct.pack(">Ih", 2**30, 32_767))
    peer.send_for_ever(COLUMN)


def notice_in_the_middle_for_ever(peer: Peer) -> None:
    begin(peer)
    peer.send_for_ever(to_message(b"N", b"SNOTICE\0Mwelcome\0\0"))


@pytest.mark.parametrize(
    "behave",
    [
        answer_with_rows_for_ever,
        answer_with_a_huge_field,
        answer_with_columns_for_ever,
        notice_in_the_middle_for_ever,
    ],
)
def test_an_answer_is_no_larger_than_the_limit(behave: Callable[[Peer], None]) -> None:
    with start_hostile(behave) as server, pytest.raises(DatabaseConnectionError, match="4,194,304 bytes") as raised:
        read(server)
    assert "WHALEFALL_ANSWER_BYTES" in str(raised.value)
    assert not raised.value.transient


def answer_with_many_short_rows(peer: Peer) -> None:
    begin(peer)
    peer.send(HEADER, EMPTY_ROW * 100_000, to_message(b"C", b"SELECT 100000\0"), IN_TRANSACTION)
    peer.wait()


def test_rows_that_are_short_on_the_wire_count_as_what_they_take_here() -> None:
    with (
        start_hostile(answer_with_many_short_rows) as server,
        pytest.raises(DatabaseConnectionError, match="4,194,304"),
    ):
        read(server)


def stay_silent_after_the_login(peer: Peer) -> None:
    log_in(peer)
    peer.wait()


def test_a_server_that_falls_silent_ends_with_the_deadline() -> None:
    with (
        start_hostile(stay_silent_after_the_login) as server,
        Deadline(1) as deadline,
        pytest.raises(DatabaseConnectionError, match="within the deadline"),
        PostgresqlAdapter().open(
            replace(INSTANCE, port=server.port), Login("collector", SECRET), LIMITS, deadline
        ) as session,
    ):
        session.read_accounts()


DONE = to_message(b"C", b"SELECT 1\0")


def answer_with(*messages: bytes) -> Callable[[Peer], None]:
    """Answer the first question with these messages."""

    def behave(peer: Peer) -> None:
        begin(peer)
        peer.send(to_message(b"1", b""), to_message(b"2", b""), *messages, IN_TRANSACTION)
        peer.wait()

    return behave


ROW_HEADER = to_message(b"T", struct.pack(">h", 1) + COLUMN)
NO_ROW = answer_with(ROW_HEADER, to_message(b"C", b"SELECT 0\0"))
NO_RESULT = answer_with(to_message(b"n", b""), to_message(b"C", b"SET\0"))
NOTHING = answer_with(to_message(b"n", b""), to_message(b"I", b""))
OTHER_COLUMNS = answer_with(ROW_HEADER, to_message(b"D", struct.pack(">hi", 1, 1) + b"x"), DONE)
TWO_ROWS = answer_with(ROW_HEADER, EMPTY_ROW, EMPTY_ROW, DONE)
TWO_ANSWERS = answer_with(ROW_HEADER, EMPTY_ROW, DONE, ROW_HEADER, EMPTY_ROW, DONE)
NO_ANSWER = answer_with()
OPENED = Collector(PostgresqlAdapter(), LIMITS)


@pytest.mark.parametrize("behave", [NO_ROW, NO_RESULT, NOTHING, OTHER_COLUMNS, TWO_ROWS, TWO_ANSWERS, NO_ANSWER])
def test_what_does_not_answer_as_it_was_asked_is_unusable(behave: Callable[[Peer], None]) -> None:
    """Not lost, and so not tried again."""
    with (
        start_hostile(behave) as server,
        Deadline(30) as deadline,
        pytest.raises(SyncDataError) as raised,
        open_source(OPENED, replace(INSTANCE, port=server.port), Login("collector", SECRET), deadline),
    ):
        pass
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("severity", [b"FATAL", b"ERROR"])
@pytest.mark.parametrize("in_login", [True, False])
def test_an_error_that_repeats_the_secret_and_escapes_is_shown_without_both(severity: bytes, in_login: bool) -> None:
    text = b"S" + severity + b"\0V" + severity + b"\0CXX000\0M\x1b[2Jno " + SECRET.encode() + b"\x07 here\0\0"

    def behave(peer: Peer) -> None:
        if in_login:
            refuse_tls(peer)
        else:
            begin(peer)
        peer.send(to_message(b"E", text), b"" if in_login else IN_TRANSACTION)

    with (
        start_hostile(behave) as server,
        Deadline(30) as deadline,
        pytest.raises(WhalefallError, match=r"\\x1b\[2Jno \(secret\)\\x07 here") as raised,
        open_source(OPENED, replace(INSTANCE, port=server.port), Login("collector", SECRET), deadline),
    ):
        pass
    assert SECRET not in str(raised.value)
