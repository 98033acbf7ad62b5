"""What a compromised PostgreSQL server may answer to a question: never the end, too much, or another thing."""

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.adapters.postgresql.hostile_peers import (
    BEGUN,
    COLUMN,
    EMPTY_ROW,
    HEADER,
    IN_TRANSACTION,
    INSTANCE,
    LIMITS,
    SECRET,
    begin,
    log_in,
    read,
    refuse_tls,
)
from tests.servers.hostile import Peer, start_hostile, to_message
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.postgresql import PostgresqlAdapter
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError, WhalefallError
from whalefall_pipeline.core.model import Login
from whalefall_pipeline.sync.opening import open_source
from whalefall_pipeline.sync.plan import Collector


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
