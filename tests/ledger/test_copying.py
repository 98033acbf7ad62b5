"""Rows that are appended in a thread of its own: all of them or none, and never a caller that waits for ever."""

import threading
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import cast

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text

from tests.ledger.rows import read
from whalefall_pipeline.core.errors import LedgerError
from whalefall_pipeline.ledger.copying import MANY, MOST_WAITING, copying
from whalefall_pipeline.ledger.database import TEXTS_AT_ONCE, find_cancel, transaction

COLUMNS = ("instance_id", "rules", "basis", "evaluated_at")
SCOPES = ("instance_id", "scope", "status", "reason", "valid_from")
MOMENT = "2026-01-01T00:00:00+00:00"
BEYOND = (MOST_WAITING + 2) * TEXTS_AT_ONCE
"""So many lines that the thread has to take some, for the caller to go on."""
BOTH = pytest.mark.parametrize("accounts", [MANY - 1, MANY], ids=["at once", "in a thread"])


def _lines(many: int, instance_id: str = "1") -> Iterator[str]:
    return (f"{instance_id}\tscope {number}\tdenied\t\t{MOMENT}\n" for number in range(many))


def _failing(many: int) -> Iterator[str]:
    yield from _lines(many)
    raise ZeroDivisionError


def _is_clean(ledger: Engine) -> bool:
    threads = [thread for thread in threading.enumerate() if thread.name == "ledger copy"]
    return not threads and read(ledger, "select from instance_scopes") == []


@pytest.fixture
def registered(ledger: Engine) -> Engine:
    with ledger.begin() as connection:
        connection.execute(text("insert into instances (name, db_type, host, port) values ('one', 'mysql', 'h', 1)"))
    return ledger


@BOTH
def test_tables_follow_each_other_and_statements_see_what_was_waited_for(registered: Engine, accounts: int) -> None:
    (row,) = read(registered, "select id::text from instances")
    with registered.connect() as connection, transaction(connection):
        with copying(connection, accounts) as copier:
            copier.append("instance_scopes", SCOPES, _lines(3, row["id"]))
            copier.append("instance_scopes", SCOPES, iter(()))
            copier.append("finding_evaluation", COLUMNS, [f"{row['id']}\t\\\\x01\t\\\\x02\t{MOMENT}\n"])
            copier.wait()
            assert connection.execute(text("select count(*) from instance_scopes")).scalar_one() == 3
            copier.append("instance_scopes", SCOPES, _lines(BEYOND, row["id"]))
        assert connection.execute(text("select count(*) from instance_scopes")).scalar_one() == BEYOND + 3
        assert connection.execute(text("select count(*) from finding_evaluation")).scalar_one() == 1


@BOTH
@pytest.mark.parametrize("empty", [1, TEXTS_AT_ONCE, BEYOND])
def test_texts_that_hold_no_row_end_nothing(registered: Engine, accounts: int, empty: int) -> None:
    (row,) = read(registered, "select id::text from instances")
    _append(registered, accounts, chain([""] * empty, _lines(2, row["id"]), [""] * empty), iter(()))
    assert len(read(registered, "select from instance_scopes")) == 2


def _append(ledger: Engine, accounts: int, *tables: Iterable[str], wait: bool = False) -> None:
    with (
        ledger.connect() as connection,
        transaction(connection),
        copying(connection, accounts) as copier,
    ):
        for lines in tables:
            copier.append("instance_scopes", SCOPES, lines)
        if wait:
            copier.wait()


@BOTH
@pytest.mark.parametrize("kind", ["in the middle", "at the end", "then another table", "then a wait"])
def test_what_the_ledger_refuses_is_raised(registered: Engine, accounts: int, kind: str) -> None:
    wrong = _lines(BEYOND, "0" if kind == "at the end" else "no number")
    more = [_lines(BEYOND)] if kind == "then another table" else []
    with pytest.raises(LedgerError, match=r"violates foreign key|invalid input"):
        _append(registered, accounts, wrong, *more, wait=kind == "then a wait")
    assert _is_clean(registered)


@BOTH
@pytest.mark.parametrize("many", [0, 1, BEYOND])
def test_where_the_caller_fails_its_own_error_is_raised_and_nothing_is_written(
    registered: Engine, accounts: int, many: int
) -> None:
    with pytest.raises(ZeroDivisionError):
        _append(registered, accounts, _failing(many))
    assert _is_clean(registered)


@BOTH
def test_a_cancel_ends_what_is_under_way(registered: Engine, accounts: int) -> None:
    """The ledger holds the rows back, as one that is locked does, until it is told to stop."""
    with registered.connect() as holding, holding.begin():
        holding.execute(text("lock table instance_scopes in access exclusive mode"))
        with pytest.raises(LedgerError, match="canceling statement"):
            _append_and_cancel(registered, accounts)
    assert _is_clean(registered)


def _append_and_cancel(ledger: Engine, accounts: int) -> None:
    with ledger.connect() as connection, transaction(connection):
        cancel = threading.Thread(target=_cancel_when_waiting, args=(ledger, connection))
        cancel.start()
        try:
            with copying(connection, accounts) as copier:
                copier.append("instance_scopes", SCOPES, _lines(BEYOND))
        finally:
            cancel.join()


def _cancel_when_waiting(ledger: Engine, connection: Connection) -> None:
    driver = cast("psycopg.Connection[object]", connection.connection.driver_connection)
    waiting = f"select from pg_stat_activity where pid = {driver.info.backend_pid} and wait_event_type = 'Lock'"
    while not read(ledger, waiting):
        pass
    find_cancel(connection)()
