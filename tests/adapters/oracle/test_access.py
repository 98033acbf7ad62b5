"""Effective access on Oracle: cases from the documentation, made on the stand-in and read by the adapter."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from tests.adapters.oracle.access_cases import CASES, EMP, NO, OF_SYS, PARAMETER, PDB, SELECT, YES, Case
from tests.adapters.oracle.reading import ROOT, read
from tests.servers.oracle import VERSION_23, StandIn
from whalefall_pipeline.adapters.oracle.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.access.model import GateState, Population, Question, Verdict
from whalefall_pipeline.core.model import (
    MEMBER,
    SERVER,
    Account,
    AccountState,
    Effect,
    Held,
    Kind,
    Securable,
    Seen,
    Unseen,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
USERS = ("HR", "ANN", "BEN", "MID")
SETUP = (
    *(f'CREATE USER "{name}" IDENTIFIED BY "x"' for name in USERS),
    *(f'GRANT CREATE SESSION TO "{name}"' for name in USERS),
    'CREATE TABLE "HR"."EMP"',
    'CREATE PROCEDURE "HR"."RAISE"',
    'CREATE SEQUENCE "HR"."NEXT"',
    'CREATE TABLE "SYS"."OBJ$"',
    'CREATE TABLE "SYS"."USER$"',
    'CREATE ROLE "CLERK"',
    'CREATE ROLE "STAFF"',
)


@pytest.fixture(scope="module")
def standin() -> StandIn:
    return StandIn(VERSION_23)


@pytest.fixture
def server(standin: StandIn) -> StandIn:
    standin.start_anew()
    standin.execute(*SETUP)
    return standin


def build(server: StandIn, statements: Iterable[str], service: str = PDB) -> Population:
    server.execute(*statements)
    seen = read(server, service)
    assert seen.unseen == {}
    return Population(seen.states, attributes=seen.attributes or {}, now=NOW)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_verdict_is_what_the_documentation_says(server: StandIn, case: Case) -> None:
    population = build(server, case.statements)
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
    assert len(CASES) >= 30
    assert all("Guide" in case.source or "Reference" in case.source for case in CASES.values())


@pytest.mark.parametrize(("value", "verdict"), [("TRUE", YES), ("FALSE", NO)])
def test_a_parameter_lets_any_privileges_reach_sys(server: StandIn, value: str, verdict: Verdict) -> None:
    """Until 18c; the source of it: see PARAMETER."""
    assert "O7_DICTIONARY_ACCESSIBILITY" in PARAMETER
    found = build(server, ('GRANT SELECT ANY TABLE TO "ANN"',))
    attributes = {**found.attributes, "O7_DICTIONARY_ACCESSIBILITY": value}
    population = Population(found.accounts, attributes=attributes, now=NOW)
    assert Decider(ACCESS, population).decide("ANN", Question("SELECT", OF_SYS)).verdict is verdict


def test_what_was_granted_in_one_container_holds_there_and_commonly_in_all(server: StandIn) -> None:
    """Security Guide, "Managing Commonly and Locally Granted Privileges"; seen from the root."""
    server.execute(
        'CREATE USER "C##ANN" IDENTIFIED BY "x" CONTAINER=ALL',
        'CREATE USER "C##BEN" IDENTIFIED BY "x" CONTAINER=ALL',
        'GRANT SELECT ANY TABLE TO "C##ANN" CONTAINER=ALL',
        container="CDB$ROOT",
    )
    server.execute('GRANT SELECT ANY TABLE TO "C##BEN" CONTAINER=CURRENT')
    decider = Decider(ACCESS, build(server, (), ROOT))
    for container, able in ((PDB, {"C##ANN": YES, "C##BEN": YES}), ("CDB$ROOT", {"C##ANN": YES, "C##BEN": NO})):
        question = Question("SELECT", EMP._replace(database=container))
        assert {name: decider.decide(name, question).verdict for name in able} == able
    assert decider.decide("SALESPDB.HR", Question("SELECT", EMP)).verdict is YES
    assert decider.decide("SALESPDB.HR", Question("SELECT", EMP._replace(database="CDB$ROOT"))).verdict is not YES


@pytest.mark.parametrize(
    ("privilege", "words"),
    [
        ("GRANT ANY ROLE", "GRANT DBA"),
        ("GRANT ANY PRIVILEGE", "any system privilege"),
        ("ALTER USER", "ALTER USER SYSTEM"),
        ("BECOME USER", "any user"),
        ("CREATE ANY PROCEDURE", "DBA's rights"),
        ("CREATE ANY TRIGGER", "schema's owner"),
        ("CREATE ANY JOB", "as any user"),
        ("CREATE ANY DIRECTORY", "Oracle's own user"),
        ('SELECT ON "SYS"."USER$"', "verifiers"),
    ],
)
def test_ways_to_more(server: StandIn, privilege: str, words: str) -> None:
    found = find_escalations(ACCESS, build(server, (f'GRANT {privilege} TO "ANN"',)))
    assert "ANN" not in found.superusers
    assert any(words in way.danger.step for way in found.ways if way.username == "ANN" and not way.danger.becomes)
    assert not any(way.username == "BEN" for way in found.ways)


@pytest.mark.parametrize(
    ("clause", "taken"), [("", {"BEN"}), (" WITH NO ROLES", {"BEN"}), (" AUTHENTICATION REQUIRED", set[str]())]
)
def test_a_proxy_takes_over_another_user(server: StandIn, clause: str, taken: set[str]) -> None:
    """Security Guide, "Proxy Authentication": who must bring the other's password has it already."""
    statement = f'ALTER USER "BEN" GRANT CONNECT THROUGH "MID"{clause}'
    found = find_escalations(ACCESS, build(server, (statement,)))
    ways = [way for way in found.ways if way.danger.becomes == "BEN"]
    assert {way.danger.becomes for way in ways if way.username == "MID"} == taken
    assert all(way.steps == ("CONNECT MID[BEN]",) for way in ways)
    assert {way.username for way in ways} <= {"MID"}


def test_superusers_are_those_with_dba_and_sysdba(server: StandIn) -> None:
    statements = ('GRANT "DBA" TO "CLERK"', 'GRANT "CLERK" TO "ANN"', 'GRANT SYSDBA TO "BEN"', 'GRANT SYSOPER TO "MID"')
    superusers = set(find_escalations(ACCESS, build(server, statements)).superusers)
    assert {"ANN", "BEN", "SYS"} <= superusers
    assert not superusers & {"HR", "MID"}


def test_what_was_not_seen_leaves_no_no(server: StandIn) -> None:
    population = build(server, ())
    for scope, verdict in (
        ("server/roles", Verdict.UNKNOWN), (f"database:{PDB}/object_privileges", Verdict.UNKNOWN),
        (f"database:{PDB}", Verdict.UNKNOWN), ("databases", Verdict.UNKNOWN), ("database:HRPDB", NO),
        (f"database:{PDB}/quotas", NO), ("server/profiles", NO),
    ):  # fmt: skip
        partly = Population(population.accounts, unseen={scope: Unseen(scope, Seen.DENIED, "why", None)}, now=NOW)
        assert Decider(ACCESS, partly).decide("ANN", Question("SELECT", EMP)).verdict is verdict


def test_the_gates(server: StandIn) -> None:
    statements = (
        f'{SELECT} "ANN"', f'{SELECT} "BEN"', 'ALTER USER "ANN" ACCOUNT LOCK', 'REVOKE CREATE SESSION FROM "BEN"',
    )  # fmt: skip
    decider = Decider(ACCESS, build(server, statements))
    for name, session, login in (
        ("ANN", GateState.OPEN, GateState.CLOSED), ("BEN", GateState.CLOSED, GateState.OPEN),
    ):  # fmt: skip
        answer = decider.decide(name, Question("SELECT", EMP))
        assert answer.verdict is YES
        assert {gate.name: gate.state for gate in answer.gates} == {"session": session, "login": login}


def test_a_name_path_means_what_is_known_by_it() -> None:
    known = [EMP, Securable("view", PDB, "HR", "EMPS")]
    assert list(ACCESS.find_targets(None, ["HR", "EMP"], known)) == [EMP]
    assert list(ACCESS.find_targets(None, [PDB, "HR", "EMPS"], known)) == known[1:]
    assert list(ACCESS.find_targets("table", [PDB, "HR", "NEW"], known)) == [Securable("table", PDB, "HR", "NEW")]
    assert list(ACCESS.find_targets(None, ["HR", "NEW"], known)) == []


def test_the_whole_server_needs_no_name_and_a_table_has_one() -> None:
    assert list(ACCESS.find_targets(SERVER, [], [EMP])) == [Securable(SERVER)]
    assert list(ACCESS.find_targets("table", [], [EMP])) == []


def test_what_can_be_held_on_the_server_a_container_and_an_object_is_listed() -> None:
    for scope in (SERVER, "database"):
        assert {"CREATE SESSION", "SELECT ANY TABLE"} <= set(ACCESS.list_privileges(Securable(scope)))
    assert "SELECT" in ACCESS.list_privileges(EMP)
    assert "CREATE SESSION" not in ACCESS.list_privileges(EMP)
    assert not ACCESS.list_privileges(Securable("quota"))


def test_whether_one_can_log_in_waits_for_no_other_question() -> None:
    assert not ACCESS.find_gate_questions(Question("CREATE SESSION", Securable("database", PDB)))
    (gate,) = ACCESS.find_gate_questions(Question("SELECT", EMP))
    assert gate.question == Question("CREATE SESSION", Securable("database", PDB))


@pytest.mark.parametrize(("scope", "owners"), [("table", ["HR"]), ("directory", [])])
def test_a_schema_owns_its_tables_and_no_directory(scope: str, owners: list[str]) -> None:
    population = Population({"HR": AccountState(Account("HR", Kind.USER))})
    question = Question("READ", Securable(scope, PDB, "HR", "DUMPS"))
    assert [source.holder for source in ACCESS.find_sources(population, question, ["HR"])] == owners


@pytest.mark.parametrize(
    ("how", "step"),
    [
        ("PASSWORD", "SET ROLE CLERK IDENTIFIED BY ..."),
        ("APPLICATION", "a call of the package that turns on CLERK"),
        ("NONE", ""),
    ],
)
def test_a_default_role_is_on_by_itself_unless_something_has_to_turn_it_on(how: str, step: str) -> None:
    """Database Security Guide, Managing User Roles: an application role is enabled by its package only."""
    clerk = Securable("role", object="CLERK")
    population = Population(
        {
            "ANN": AccountState(Account("ANN", Kind.USER), frozenset({Held(MEMBER, clerk), Held("DEFAULT", clerk)})),
            "CLERK": AccountState(Account("CLERK", Kind.ROLE, {"authentication_type": how})),
        }
    )
    assert [link.step for link in ACCESS.find_links(population) if link.target == "CLERK"] == [step]


@pytest.mark.parametrize(("effect", "holders"), [("grant", ["ANN"]), ("deny", [])])
def test_only_what_is_granted_lets_one_become_a_dba(effect: Effect, holders: list[str]) -> None:
    held = Held("GRANT ANY ROLE", Securable(SERVER), effect=effect)
    population = Population({"ANN": AccountState(Account("ANN", Kind.USER), frozenset({held}))})
    assert [danger.holder for danger in ACCESS.find_dangers(population) if danger.held] == holders
