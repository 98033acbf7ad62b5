"""What of a server and its databases is seen, why the rest is not, and with how many statements."""

import math
from collections.abc import Mapping

import pytest

from tests.adapters.sqlserver.conftest import Readings
from tests.engines.sqlserver import SqlserverEngine
from tests.engines.sqlserver_cases import DATABASE
from tests.servers.sqlserver_standin.faults import Before
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.adapters.sqlserver.catalog import GROUP
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.model import Seen, is_observed


def test_without_view_any_definition_there_is_no_list(engine: SqlserverEngine, readings: Readings) -> None:
    engine.standin.tables.allow("VIEW ANY DEFINITION", held=0)
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
        with pytest.raises(SyncDataError, match="VIEW ANY DEFINITION"):
            session.read_accounts()
        reading = session.read_grants()
        assert not reading.grants
        assert {seen.status for seen in reading.coverage.values()} == {Seen.DENIED}
        assert {"server", "databases", f"database:{DATABASE}"} <= reading.coverage.keys()
        assert not any(part.readable for part in session.check() if part.scope == "server")


def test_the_security_half_of_view_any_definition_is_not_enough(engine: SqlserverEngine, readings: Readings) -> None:
    """No document says which views it shows, and names of objects are not among them: nothing is taken for complete."""
    engine.standin.tables.allow("VIEW ANY DEFINITION", held=0)
    engine.standin.tables.allow("VIEW ANY SECURITY DEFINITION", f"VIEW SECURITY DEFINITION {DATABASE}")
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
        with pytest.raises(SyncDataError, match="VIEW ANY SECURITY DEFINITION alone is not enough"):
            session.read_accounts()
        assert {seen.status for seen in session.read_grants().coverage.values()} == {Seen.DENIED}


def test_without_view_any_database_the_list_of_databases_is_not_observed(
    engine: SqlserverEngine, readings: Readings
) -> None:
    engine.standin.tables.allow("VIEW ANY DATABASE", held=0)
    assert readings.read()[1].coverage["databases"].status is Seen.DENIED


STATES = ("RESTORING", "RECOVERING", "RECOVERY_PENDING", "SUSPECT", "EMERGENCY", "COPYING", "OFFLINE_SECONDARY")
"""`state_desc` of sys.databases, beside ONLINE and OFFLINE."""
UNREADABLE: Mapping[str, tuple[Mapping[str, str], str]] = {
    **{state: ({"state_desc": state}, f"the database is {state}") for state in STATES},
    "single user": ({"user_access_desc": "SINGLE_USER"}, "single-user mode"),
    "restricted": ({"user_access_desc": "RESTRICTED_USER"}, "restricted to db_owner"),
    "secondary": ({"replica_id": "a", "updateability": "READ_ONLY"}, "secondary of an availability group"),
    "primary": ({"replica_id": "a"}, "CONNECT ANY DATABASE"),
    "no access": ({}, "CONNECT ANY DATABASE"),
}
"""What keeps a login out of a database: columns of sys.databases, and a part of the reason that is told."""


@pytest.mark.parametrize("name", UNREADABLE)
def test_the_state_of_a_database_that_cannot_be_read_is_said(
    engine: SqlserverEngine, readings: Readings, name: str
) -> None:
    columns, why = UNREADABLE[name]
    tables = engine.standin.tables
    tables.allow(f"CONNECT {DATABASE}", held=0)
    for column, value in columns.items():
        tables.run(f"update all_databases set {column} = ? where name = ?", [value, DATABASE])
    observation = readings.read()[1].coverage[f"database:{DATABASE}"]
    assert why in observation.reason
    assert observation.status is (Seen.DENIED if "CONNECT" in why else Seen.UNREACHABLE)


@pytest.mark.parametrize(
    ("fault", "status"),
    [("offline", Seen.UNREACHABLE), ("no access", Seen.DENIED), ("no definition", Seen.DENIED), ("916", Seen.DENIED)],
)
def test_a_database_that_cannot_be_read_is_not_observed(
    engine: SqlserverEngine, readings: Readings, fault: str, status: Seen
) -> None:
    """The others are complete, the reason stays the same, and its own accounts are not listed as seen."""
    tables = engine.standin.tables
    whole = readings.grants()
    if fault == "offline":
        tables.run("update all_databases set state_desc = 'OFFLINE' where name = ?", [DATABASE])
    elif fault == "no access":
        tables.allow(f"CONNECT {DATABASE}", held=0)
    elif fault == "no definition":
        tables.allow(f"VIEW DEFINITION {DATABASE}", held=0)
    else:
        refusal = 'The server principal "wf_collector" is not able to access the database'
        engine.standin.wire.faults.refusing[DATABASE] = refusal
    first, second = readings.read()[1], readings.read()[1]
    assert first.coverage[f"database:{DATABASE}"].status is status
    assert first.coverage == second.coverage
    assert set(first.grants) == {grant for grant in whole if grant.securable.database != DATABASE}
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
        assert session.may_hide(f"[{DATABASE}].[somebody]")
        assert not session.may_hide("a login")


def test_an_offline_database_that_the_server_does_not_even_name_hides_in_the_list(
    engine: SqlserverEngine, readings: Readings
) -> None:
    """sys.databases leaves it out, and its files have no name to this login: it must not pass for dropped."""
    tables = engine.standin.tables
    tables.run("update all_databases set state_desc = 'OFFLINE' where name = ?", [DATABASE])
    tables.allow(f"NAME OF {DATABASE}", held=0)
    coverage = readings.read()[1].coverage
    assert coverage["databases"].status is Seen.DENIED
    assert "offline" in coverage["databases"].reason
    assert not is_observed(f"database:{DATABASE}", coverage)


def test_an_error_of_one_database_while_rights_are_asked_for_is_that_database_s_own(
    engine: SqlserverEngine, readings: Readings
) -> None:
    """HAS_PERMS_BY_NAME opens the database: what it raises for one must not fail the instance."""
    refuse = engine.standin.wire.faults.refusing_text
    refuse[DATABASE] = "Database 'x' is already open and can only have one user at a time."
    coverage = readings.read()[1].coverage
    assert coverage[f"database:{DATABASE}"] == (Seen.UNREACHABLE, refuse[DATABASE])
    assert [seen.status for scope, seen in coverage.items() if scope != f"database:{DATABASE}"] == [
        Seen.OBSERVED for _ in range(len(coverage) - 1)
    ]


def test_a_locked_catalog_is_timed_out_and_the_rest_is_kept(engine: SqlserverEngine, readings: Readings) -> None:
    """LOCK_TIMEOUT ends the wait (error 1222) over the same connection."""
    whole = readings.grants()
    engine.standin.wire.faults.locked.add(DATABASE)
    engine.standin.wire.statements.clear()
    _, reading = readings.read()
    assert reading.coverage[f"database:{DATABASE}"] == (Seen.TIMED_OUT, "its catalog is locked by another session")
    assert set(reading.grants) == {grant for grant in whole if grant.securable.database != DATABASE}
    settings = [text for text in engine.standin.wire.statements if text.startswith("SET LOCK_TIMEOUT 5000")]
    assert len(settings) == 1


def test_how_many_statements_a_reading_sends(engine: SqlserverEngine, readings: Readings) -> None:
    """Ten of the server; of the databases one of each kind for as many of them as one statement reads."""
    for number in range(GROUP):
        engine.standin.tables.create_database(f"Db{number}")
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
        session.read_accounts()
        coverage = session.read_grants().coverage
        assert session.identity
        assert GROUP < len([scope for scope in coverage if scope.startswith("database:")]) <= 2 * GROUP
        assert session.statements == 10 + 5 + 2 * 3


@pytest.mark.parametrize("statement", ["database_principals", "database_permissions", "database_owners"])
def test_the_deadline_ends_with_what_was_read(engine: SqlserverEngine, readings: Readings, statement: str) -> None:
    """Accounts and the server's scope were read: they count, and what is left of the databases is timed out."""
    whole = readings.grants()
    view = {"database_principals": "database_principals", "database_permissions": "all_objects"}
    deadline = Deadline(30)
    engine.standin.wire.faults.before = Before(f"sys.{view.get(statement, 'sql_modules')}", deadline.expire)
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), deadline) as session:
        assert session.read_accounts()
        reading = session.read_grants()
    late = (Seen.TIMED_OUT, "the deadline of 30 s passed before")
    assert reading.coverage["server"].status is reading.coverage["databases"].status is Seen.OBSERVED
    assert reading.coverage[f"database:{DATABASE}"] == late
    assert set(reading.grants) == {grant for grant in whole if not grant.securable.database}
    assert reading.attributes is None


def test_a_deadline_before_the_server_was_read_gives_no_reading(engine: SqlserverEngine, readings: Readings) -> None:
    deadline = Deadline(30)
    engine.standin.wire.faults.before = Before("sys.server_permissions", deadline.expire)
    with (
        SqlserverAdapter().open(readings.instance, readings.login, Limits(), deadline) as session,
        pytest.raises(DatabaseConnectionError, match="deadline of 30 s"),
    ):
        session.read_accounts()


FIXED_STATEMENTS = 1 + 3 + 2 + 1 + 3 + 1
"""Setting the connection up, what answers, its identity and databases, what is denied to this login, accounts, what is
held on the server, its settings."""


def test_statements_do_not_depend_on_the_number_of_accounts(engine: SqlserverEngine, readings: Readings) -> None:
    engine.create_accounts([f"few{number}" for number in range(3)])
    few = count_statements(readings)
    engine.create_accounts([f"many{number}" for number in range(500)])
    assert len(engine.standin.tables.databases()) <= GROUP
    assert count_statements(readings) == few == FIXED_STATEMENTS + 2 + 2 + 3


def test_databases_are_read_many_at_a_time(engine: SqlserverEngine, readings: Readings) -> None:
    """Rights and externals of a hundred, principals of fifty, what is held of a group of them by one statement."""
    tables = engine.standin.tables
    for number in range(25 - len(tables.databases())):
        tables.create_database(f"many {number}")
    assert count_statements(readings) == FIXED_STATEMENTS + 1 + 1 + 2 + 3 * math.ceil(25 / GROUP)
    assert len({grant.securable.database for grant in readings.grants()} - {""}) == 25


def test_older_versions_are_not_asked_for_views_that_they_lack(engine: SqlserverEngine, readings: Readings) -> None:
    engine.standin.tables.run("delete from system_objects where name like 'external%'")
    assert count_statements(readings) == FIXED_STATEMENTS + 2 + 3
    assert not any("sys.external" in text for text in engine.standin.wire.statements if "SERVERPROPERTY" not in text)


def count_statements(readings: Readings) -> int:
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
        session.read_accounts()
        session.read_grants()
        return session.statements
