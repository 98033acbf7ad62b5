"""Every rule of MySQL's and MariaDB's, and those of all engines, found on real servers and clear on them."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from tests.adapters.mysql.finding_cases import CASES, ELSEWHERE, LOCAL, OF_ONE, OPTIONS, PEOPLE, STILL, TABLES
from tests.adapters.mysql.servers import STARTERS
from tests.engines.judging import Case, Judged, judge, run_all
from tests.engines.mysql import MysqlServer
from tests.servers.mysql_programs import run_client, start_with_plugins
from whalefall_pipeline.adapters.mysql.access_gates import prepare_gates
from whalefall_pipeline.adapters.mysql.access_lookup import Lookup
from whalefall_pipeline.adapters.mysql.findings import RULES
from whalefall_pipeline.adapters.mysql.rules import RULES as ENGINE
from whalefall_pipeline.adapters.remedies import build_remedy
from whalefall_pipeline.core.access.model import Acting, GateState, Population, Question
from whalefall_pipeline.core.findings.everywhere import RULES as EVERYWHERE
from whalefall_pipeline.core.findings.model import Finding, Outcome
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import Account, AccountState, Kind, Login, Securable


class Worlds(NamedTuple):
    """What the rules said of one server: with all that is wrong, to a login that sees less, and mended."""

    wrong: Judged
    denied: Judged
    mended: Judged
    server: MysqlServer

    @property
    def cases(self) -> dict[str, Case]:
        return {case.rule: case for case in (*CASES, *OF_ONE[self.server.flavour])}


@pytest.fixture(scope="module", params=list(STARTERS))
def worlds(request: pytest.FixtureRequest) -> Generator[Worlds]:
    with STARTERS[request.param]() as server:
        server.reset()
        server.prepare()
        server.execute(*PEOPLE)
        cases = (*CASES, *OF_ONE[server.flavour])
        run_all(server, cases)
        wrong = judge(server, options=OPTIONS)
        server.execute("CREATE USER partly@localhost IDENTIFIED BY 'a-secret'")
        server.execute(*(f"GRANT SELECT ON mysql.{table} TO partly@localhost" for table in TABLES[server.flavour]))
        denied = judge(server, options=OPTIONS, login=Login("partly", "a-secret"))
        server.execute("DROP USER partly@localhost")
        run_all(server, cases, undo=True)
        mended = judge(server, options=OPTIONS)
        try:
            yield Worlds(wrong, denied, mended, server)
        finally:
            server.execute(f"ALTER USER {LOCAL} PASSWORD EXPIRE DEFAULT")


RULE_IDS = [rule.id for rule in (*EVERYWHERE, *RULES)]


@pytest.mark.parametrize("flavour", list(OF_ONE))
def test_every_rule_has_a_case(flavour: str) -> None:
    cases = {case.rule for case in (*CASES, *OF_ONE[flavour])}
    assert set(RULE_IDS) == cases | ELSEWHERE[flavour].keys()


@pytest.mark.parametrize("rule", RULE_IDS)
def test_it_is_found(worlds: Worlds, rule: str) -> None:
    case = worlds.cases.get(rule)
    if case is None:
        assert rule in ELSEWHERE[worlds.server.flavour]
        return
    assert worlds.wrong.find(case), worlds.wrong.list_found(rule)


@pytest.mark.parametrize("rule", RULE_IDS)
def test_it_is_clear_when_it_was_mended(worlds: Worlds, rule: str) -> None:
    if rule == "MY-04" and worlds.server.flavour == "mariadb":  # its usual method is an old one
        assert not worlds.mended.find(worlds.cases[rule])
        return
    assert worlds.mended.list_found(rule) == ([STILL[rule]] if rule in STILL else [])
    assert not worlds.mended.is_unknown(rule)


@pytest.mark.parametrize("rule", RULE_IDS)
def test_tables_that_are_denied_make_it_unknown_and_never_clear(worlds: Worlds, rule: str) -> None:
    case = worlds.cases.get(rule)
    if case is None:
        return
    if case.hides:
        assert not worlds.denied.find(case)
        assert worlds.denied.is_unknown(rule)
    assert worlds.denied.outcome(rule) is not Outcome.CLEAR


def test_a_password_grows_old(worlds: Worlds) -> None:
    """It becomes a finding by itself: the evaluation says when."""
    server = worlds.server
    young = judge(server)
    assert young.outcome("MY-08") is Outcome.CLEAR
    assert young.evaluation.due_at
    old = judge(server, now=datetime.now(UTC) + timedelta(days=366))
    assert ("ana@localhost", "") in old.list_found("MY-08")
    assert young.evaluation.due_at < datetime.now(UTC) + timedelta(days=366)


def test_a_pattern_may_mean_the_accounts_own_tables(worlds: Worlds) -> None:
    """With `partial_revokes`, which the MySQL of these tests has, names are no patterns, and it means nothing."""
    server = worlds.server
    server.execute("GRANT INSERT, SELECT ON `mysq_`.* TO ana@localhost")
    try:
        found = judge(server)
    finally:
        server.execute("REVOKE INSERT, SELECT ON `mysq_`.* FROM ana@localhost")
    expected = server.flavour == "mariadb"
    assert (("ana@localhost", "") in found.list_found("MY-15")) is expected
    assert (("ana@localhost", "") in found.list_found("MY-24")) is expected


def test_everybody_is_an_administrator(worlds: Worlds) -> None:
    server = worlds.server
    if server.lacks("public") or server.flavour != "mariadb":
        assert judge(server).outcome("ALL-09") is Outcome.CLEAR
        return
    server.execute("GRANT team TO PUBLIC", "GRANT ALL ON *.* TO PUBLIC")
    try:
        found = judge(server)
        assert found.list_found("ALL-07") == [("PUBLIC", "team")]
        assert found.list_found("ALL-09") == [("PUBLIC", "")]
    finally:
        server.execute("REVOKE team FROM PUBLIC", "REVOKE ALL ON *.* FROM PUBLIC")
    assert (judge(server).outcome("ALL-07"), judge(server).outcome("ALL-09")) == (Outcome.CLEAR, Outcome.CLEAR)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_who_is_known_to_this_machine_alone_comes_from_no_network(engine: str) -> None:
    """Where a plugin lets nobody in over a network, a wide host part is no way in, and needs no TLS."""
    with start_with_plugins(engine) as running:
        server = MysqlServer(running)
        method = "WITH auth_socket" if server.flavour == "mysql" else "VIA unix_socket"
        users = {"near": method, "far": "BY 'a-secret'", "either": f"{method} OR mysql_native_password"}
        users |= {"nobody": "WITH mysql_no_login"} if server.flavour == "mysql" else {}
        if server.flavour == "mysql":  # which has one plugin for each
            users["either"] = "BY ''"
        for user, way in users.items():
            server.execute(f"CREATE USER {user} IDENTIFIED {way}", f"GRANT PROCESS ON *.* TO {user}")
        found = judge(server)
        for user in users:
            password = "a-secret" if user == "far" else ""
            done = run_client(engine, running, "SELECT 1;", login=(user, password))
            for rule in ("MY-03", "MY-05"):
                assert ((f"{user}@%", "") in found.list_found(rule)) is (done.returncode == 0), (
                    user,
                    rule,
                    done.stderr,
                )
        server.close()


@pytest.mark.parametrize(("plugin", "is_open"), [("caching_sha2_password", True), ("mysql_no_login", False)])
def test_what_lets_nobody_in_needs_no_password(plugin: str, *, is_open: bool) -> None:
    account = Account("owner@%", Kind.USER, {"plugin": plugin, "has_password": False})
    rule = next(rule for rule in RULES if rule.id == "MY-02")
    states = {account.username: AccountState(account)}
    now = datetime.now(UTC)
    assert bool(list(rule.find(World(ENGINE, states, now, {}, {})))) is is_open
    question = Question("SELECT", Securable("table", "shop", "", "t"))
    (gate,) = prepare_gates(Lookup(Population(states, now=now)), question)(Acting("owner@%", "owner@%", list))
    assert (gate.state is GateState.OPEN) is is_open


def test_an_account_could_take_over_others(worlds: Worlds) -> None:
    """On MySQL SYSTEM_USER keeps superusers from it; on MariaDB it could become one."""
    server = worlds.server
    assert judge(server).outcome("ALL-11") is Outcome.CLEAR
    server.execute("GRANT CREATE USER ON *.* TO ana@localhost")
    try:
        found = judge(server)
    finally:
        server.execute("REVOKE CREATE USER ON *.* FROM ana@localhost")
    here, elsewhere = ("ALL-11", "ALL-10") if server.flavour == "mysql" else ("ALL-10", "ALL-11")
    assert found.list_found(here) == [("ana@localhost", "")]
    assert found.list_found(elsewhere) == []


def test_sql_that_the_script_builder_writes_ends_a_finding(worlds: Worlds) -> None:
    server = worlds.server
    server.execute("GRANT SELECT ON wf_app.orders TO ana@localhost WITH GRANT OPTION")
    before = judge(server)
    finding: Finding | None = before.find(worlds.cases["ALL-05"])
    assert finding
    state = before.states["ana@localhost"]
    server.execute(*build_remedy(server.adapter, before.rules["ALL-05"], finding, state))
    assert judge(server).outcome("ALL-05") is Outcome.CLEAR
