"""Effective access on SQL Server: cases from the documentation, made on the stand-in and read by the adapter."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from tests.adapters.sqlserver.access_cases import CASES
from tests.adapters.sqlserver.conftest import Readings
from tests.adapters.sqlserver.documented import DATABASE, NO, ORDERS, SELECT, YES, Case
from tests.engines.sqlserver import SqlserverEngine
from whalefall_pipeline.adapters.sqlserver.access import ACCESS
from whalefall_pipeline.adapters.sqlserver.access_permissions import find_covers
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.access.model import Escalations, GateState, Population, Question, Verdict
from whalefall_pipeline.core.model import SERVER, Securable, Seen, Unseen
from whalefall_pipeline.core.states import build_states

LOGINS = ("ann", "ben", "eve")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETUP = (
    *(f"CREATE LOGIN [{name}] WITH PASSWORD = 'a'" for name in LOGINS),
    f"USE [{DATABASE}]",
    *(f"CREATE USER [{name}] FOR LOGIN [{name}]" for name in LOGINS[:2]),
    "CREATE ROLE [readers]",
    "CREATE ROLE [staff]",
    "USE [master]",
)


@pytest.fixture
def shop(engine: SqlserverEngine) -> SqlserverEngine:
    set_up(engine)
    return engine


def set_up(engine: SqlserverEngine) -> None:
    """Make the database, its tables, and who is asked about."""
    tables = engine.standin.tables
    if DATABASE not in tables.databases():
        tables.create_database(DATABASE)
    tables.add_object(DATABASE, "orders", columns=("id", "card"))
    tables.add_object(DATABASE, "run", "P")
    engine.standin.execute(*SETUP)


def build(engine: SqlserverEngine, readings: Readings, statements: Iterable[str]) -> Population:
    engine.standin.execute(*statements)
    accounts, reading = readings.read()
    assert {seen.status for seen in reading.coverage.values()} == {Seen.OBSERVED}
    return Population(build_states(accounts, reading.held)[0], attributes=reading.attributes or {}, now=NOW)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_verdict_is_what_the_documentation_says(shop: SqlserverEngine, readings: Readings, case: Case) -> None:
    population = build(shop, readings, case.statements)
    question = Question(case.privilege, case.securable)
    decider = Decider(ACCESS, population)
    answer = decider.decide(case.username, question)
    assert answer.verdict is case.verdict, f"{case.source}: {[str(path) for path in answer.paths]}"
    able = {found.username: found.verdict for found in decider.find_who_can(question)}
    assert able.get(case.username, NO) is case.verdict
    wanted = ACCESS.find_wanted(question)
    for path in answer.paths:
        held = path.source.held
        assert held is None or any(
            all(have == want for have, want in zip(held.securable, each, strict=False) if want is not None)
            for each in wanted
        ), f"{held} would not be loaded"


def test_there_are_as_many_cases_as_are_promised() -> None:
    assert len(CASES) >= 40
    assert all("Microsoft Learn" in case.source for case in CASES.values())


def find_ways(population: Population) -> Escalations:
    return find_escalations(ACCESS, population)


def test_who_is_a_superuser(shop: SqlserverEngine, readings: Readings) -> None:
    """Members of sysadmin, by roles too, and who has CONTROL SERVER ("Server-Level Roles")."""
    statements = (
        "ALTER SERVER ROLE [sysadmin] ADD MEMBER [ann]", "GRANT CONTROL SERVER TO [ben]", "CREATE SERVER ROLE [ops]",
    )  # fmt: skip
    found = find_ways(build(shop, readings, statements))
    assert {"ann", "ben", "sa"} <= set(found.superusers)
    assert "eve" not in found.superusers


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (("ALTER SERVER ROLE [securityadmin] ADD MEMBER [eve]",), "to be treated as sysadmin"),
        (("GRANT IMPERSONATE ON LOGIN::[sa] TO [eve]",), "EXECUTE AS LOGIN = N'sa'"),
        (("GRANT UNSAFE ASSEMBLY TO [eve]",), "UNSAFE"),
        (("GRANT ALTER SETTINGS TO [eve]",), "sp_configure"),
        (
            ("GRANT IMPERSONATE ON LOGIN::[ben] TO [eve]", "ALTER SERVER ROLE [sysadmin] ADD MEMBER [ben]"),
            "EXECUTE AS LOGIN = N'ben'",
        ),
    ],
    ids=["securityadmin", "impersonate sa", "unsafe assembly", "alter settings", "impersonate a sysadmin"],
)
def test_who_could_become_one(
    shop: SqlserverEngine, readings: Readings, statements: tuple[str, ...], words: str
) -> None:
    ways = [way for way in find_ways(build(shop, readings, statements)).ways if way.username == "eve"]
    assert any(words in step for way in ways for step in way.steps)
    assert all(not way.danger.becomes for way in ways[:1])


@pytest.mark.parametrize("trusted", [True, False])
def test_db_owner_in_a_trustworthy_database_becomes_its_owner(
    shop: SqlserverEngine, readings: Readings, trusted: bool
) -> None:
    """ "TRUSTWORTHY Database Property", and only there: `sa` owns the database."""
    shop.standin.tables.run("update all_databases set is_trustworthy_on = ? where name = ?", [trusted, DATABASE])
    statements = (f"USE [{DATABASE}]", "ALTER ROLE [db_owner] ADD MEMBER [ann]")
    found = find_ways(build(shop, readings, statements))
    becoming = [way for way in found.ways if way.username == "ann" and not way.danger.becomes]
    assert bool(becoming) is trusted
    assert all("TRUSTWORTHY and owned by sa" in str(way) for way in becoming)


def test_what_was_not_seen_leaves_no_no(shop: SqlserverEngine, readings: Readings) -> None:
    population = build(shop, readings, ())
    for scope, verdict in ((SERVER, Verdict.UNKNOWN), (f"database:{DATABASE}", Verdict.UNKNOWN), ("database:x", NO)):
        unseen = {scope: Unseen(scope, Seen.DENIED, "why", None)}
        partly = Population(population.accounts, unseen=unseen, attributes=population.attributes, now=NOW)
        answer = Decider(ACCESS, partly).decide("ann", Question("SELECT", ORDERS))
        assert (answer.verdict, answer.unseen) == (verdict, (scope,) if verdict is Verdict.UNKNOWN else ())


def test_the_gates(shop: SqlserverEngine, readings: Readings) -> None:
    """A grant is of no use to who can't log in, or not connect to the database."""
    statements = (
        "ALTER LOGIN [ann] DISABLE", f"USE [{DATABASE}]", f"{SELECT} [ann]", f"{SELECT} [ben]", "DENY CONNECT TO [ben]",
    )  # fmt: skip
    decider = Decider(ACCESS, build(shop, readings, statements))
    gates = {name: dict(_states(decider, name)) for name in ("ann", "ben")}
    assert gates["ann"] == {"connect": GateState.OPEN, "login": GateState.CLOSED}
    assert gates["ben"] == {"connect": GateState.CLOSED, "login": GateState.OPEN}


def _states(decider: Decider, username: str) -> Iterable[tuple[str, GateState]]:
    answer = decider.decide(username, Question("SELECT", ORDERS))
    assert answer.verdict is YES
    return ((gate.name, gate.state) for gate in answer.gates)


def test_every_permission_is_covered_up_to_the_server() -> None:
    """CONTROL on each securable, and CONTROL SERVER at the end, imply all ("Permissions (Database Engine)")."""
    for scope in ("table", "schema", "database", "role_definition", "login", "endpoint", SERVER):
        securable = Securable(scope)._replace(object="" if scope == SERVER else "x")
        for privilege in ACCESS.list_privileges(securable):
            covers = find_covers(Question(privilege, securable))
            assert covers[-1].securable == Securable(SERVER)
            assert "CONTROL SERVER" in covers[-1].privileges


def test_a_name_path_means_what_is_known_by_it_else_what_it_may_be() -> None:
    view = Securable("view", "shop", "dbo", "v")
    assert list(ACCESS.find_targets(None, ["shop", "dbo", "v"], [view, view])) == [view]
    assert list(ACCESS.find_targets(None, ["shop", "dbo", "t"], [view])) == [Securable("table", "shop", "dbo", "t")]
    assert list(ACCESS.find_targets("table", ["shop", "dbo", "v"], [view])) == [Securable("table", "shop", "dbo", "v")]
    assert list(ACCESS.find_targets(None, ["shop", "dbo"], [view])) == [Securable("schema", "shop", object="dbo")]
    assert not ACCESS.find_targets("table", ["shop"], [view])
    assert not ACCESS.find_targets(None, ["a", "b", "c", "d", "e"], [view])
