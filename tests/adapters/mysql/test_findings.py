"""Every rule of MySQL's and MariaDB's, and those of all engines, found on real servers and clear on them."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from tests.adapters.mysql.servers import STARTERS
from tests.engines.judging import Case, Judged, judge, run_all
from tests.engines.mysql import COLLECTOR, MysqlServer
from whalefall_pipeline.adapters.mysql.findings import RULES
from whalefall_pipeline.adapters.remedies import build_remedy
from whalefall_pipeline.core.findings.everywhere import RULES as EVERYWHERE
from whalefall_pipeline.core.findings.model import Finding, Options, Outcome
from whalefall_pipeline.core.model import Login

OPTIONS = Options(superusers=frozenset({"chief@localhost"}), superusers_at_most=1)
TABLES = {
    "mysql": ("user", "db", "global_grants", "role_edges", "default_roles"),
    "mariadb": ("global_priv", "db", "roles_mapping"),
}
"""What a collector may still read while `tables_priv`, `columns_priv`, `procs_priv` and `proxies_priv` are denied."""


def on_server(rule: str, privilege: str) -> Case:
    return Case(
        rule=rule,
        make=(f"GRANT {privilege} ON *.* TO ana@localhost",),
        undo=(f"REVOKE {privilege} ON *.* FROM ana@localhost",),
        account="ana@localhost",
    )


def account(rule: str, make: str, undo: str, name: str = "ana@localhost", key: str = "") -> Case:
    return Case(rule=rule, make=(make,) if make else (), undo=(undo,) if undo else (), account=name, object=key)


CASES = (
    account(
        "ALL-01", "GRANT SUPER ON *.* TO boss@localhost", "REVOKE SUPER ON *.* FROM boss@localhost", "boss@localhost"
    ),
    account("ALL-02", "GRANT SUPER ON *.* TO chief@localhost", "REVOKE SUPER ON *.* FROM chief@localhost", ""),
    account(
        "ALL-03",
        "GRANT EVENT ON *.* TO carl@localhost WITH GRANT OPTION",
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM carl@localhost",
        "carl@localhost",
    ),
    account(
        "ALL-04",
        "GRANT EVENT ON *.* TO gone@localhost WITH GRANT OPTION",
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM gone@localhost",
        "gone@localhost",
    ),
    account(
        "ALL-05",
        "GRANT SELECT ON wf_app.orders TO ana@localhost WITH GRANT OPTION",
        "REVOKE GRANT OPTION ON wf_app.orders FROM ana@localhost",
        key="wf_app",
    ),
    account("ALL-10", "", ""),
    account("MY-01", "CREATE USER ''@nowhere", "DROP USER ''@nowhere", "@nowhere"),
    account("MY-02", "CREATE USER open@localhost", "DROP USER open@localhost", "open@localhost"),
    account(
        "MY-03", "GRANT SELECT ON wf_app.orders TO web@'%'", "REVOKE SELECT ON wf_app.orders FROM web@'%'", "web@%"
    ),
    account("MY-05", "", "ALTER USER web@'%' REQUIRE SSL", "web@%"),
    account(
        "MY-06",
        "ALTER USER ana@localhost PASSWORD EXPIRE NEVER",
        "ALTER USER ana@localhost PASSWORD EXPIRE INTERVAL 90 DAY",
    ),
    account(
        "MY-07", "ALTER USER bob@localhost PASSWORD EXPIRE", "ALTER USER bob@localhost ACCOUNT LOCK", "bob@localhost"
    ),
    on_server("MY-09", "FILE"),
    on_server("MY-10", "PROCESS"),
    on_server("MY-11", "SHUTDOWN"),
    on_server("MY-12", "CREATE USER"),
    on_server("MY-13", "REPLICATION SLAVE"),
    on_server("MY-14", "SELECT"),
    account("MY-15", "GRANT INSERT ON mysql.* TO ana@localhost", "REVOKE INSERT ON mysql.* FROM ana@localhost"),
    Case(
        rule="MY-16",
        make=("GRANT PROXY ON carl@localhost TO ana@localhost",),
        undo=("REVOKE PROXY ON carl@localhost FROM ana@localhost",),
        account="ana@localhost",
        object="proxy carl@localhost",
        hides=True,
    ),
    account(
        "MY-17",
        "INSERT INTO mysql.db (host, db, user, select_priv) VALUES ('%', 'wf_app', '', 'Y')",
        "DELETE FROM mysql.db WHERE user = ''",
        "(everybody)@%",
    ),
    account("MY-22", "SET GLOBAL local_infile = ON", "SET GLOBAL local_infile = OFF", "", "local_infile"),
    account(
        "MY-23",
        "SET GLOBAL log_bin_trust_function_creators = ON",
        "SET GLOBAL log_bin_trust_function_creators = OFF",
        "",
        "log_bin_trust_function_creators",
    ),
    account("MY-24", "GRANT SELECT ON mysql.db TO ana@localhost", "REVOKE SELECT ON mysql.db FROM ana@localhost"),
)
OF_ONE = {
    "mysql": (
        account(
            "ALL-06",
            "GRANT team TO ana@localhost WITH ADMIN OPTION",
            "REVOKE team FROM ana@localhost",
            key="team@%",
        ),
        account("MY-18", "GRANT ROLE_ADMIN ON *.* TO ana@localhost", "REVOKE ROLE_ADMIN ON *.* FROM ana@localhost"),
        account(
            "MY-19",
            "GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO ana@localhost",
            "REVOKE SYSTEM_VARIABLES_ADMIN ON *.* FROM ana@localhost",
        ),
        account(
            "MY-21",
            "ALTER USER carl@localhost IDENTIFIED BY 'another-secret' RETAIN CURRENT PASSWORD",
            "ALTER USER carl@localhost DISCARD OLD PASSWORD",
            "carl@localhost",
        ),
        account(
            "MY-04",
            "CREATE USER old@localhost IDENTIFIED WITH sha256_password BY 'old-secret'",
            "DROP USER old@localhost",
            "old@localhost",
        ),
    ),
    "mariadb": (
        account(
            "ALL-06",
            "GRANT team TO ana@localhost WITH ADMIN OPTION",
            "REVOKE team FROM ana@localhost",
            key="team",
        ),
        account(
            "ALL-08",
            "INSERT INTO mysql.tables_priv (host, db, user, table_name, table_priv) "
            "VALUES ('%', 'wf_app', 'dropped', 'orders', 'Select')",
            "DELETE FROM mysql.tables_priv WHERE user = 'dropped'",
            "dropped@%",
        ),
        account(
            "MY-04",
            "CREATE USER old@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('old-secret')",
            "DROP USER old@localhost",
            "old@localhost",
        ),
        account("MY-18", "GRANT SET USER ON *.* TO ana@localhost", "REVOKE SET USER ON *.* FROM ana@localhost"),
        account(
            "MY-19",
            "GRANT CONNECTION ADMIN ON *.* TO ana@localhost",
            "REVOKE CONNECTION ADMIN ON *.* FROM ana@localhost",
        ),
        account(
            "MY-20",
            "GRANT DROP ON `wf_a%`.* TO ana@localhost",
            "REVOKE DROP ON `wf_a%`.* FROM ana@localhost",
            key="database wf_a%",
        ),
    ),
}
ELSEWHERE = {
    "mysql": {
        "ALL-07": "everybody can't be a member of a role here",
        "ALL-08": "see MariaDB's cases: MySQL refuses such rows by a foreign key of the server's own",
        "ALL-09": "see test_everybody_is_an_administrator",
        "ALL-11": "see test_an_account_could_take_over_others",
        "MY-08": "see test_a_password_grows_old",
        "MY-20": "with partial_revokes, which the tests' server has, names are no patterns",
    },
    "mariadb": {
        "ALL-07": "see test_everybody_is_an_administrator",
        "ALL-09": "see test_everybody_is_an_administrator",
        "ALL-11": "only a plugin that maps could: this server has none; CREATE USER makes a superuser there",
        "MY-08": "see test_a_password_grows_old",
        "MY-21": "MariaDB has no second password",
    },
}
NAMES = ("boss", "chief", "carl", "gone", "ana", "bob")
LOCAL = f"root@localhost, {COLLECTOR}@localhost"
PEOPLE = (
    *(f"CREATE USER {name}@localhost IDENTIFIED BY 'a-secret' PASSWORD EXPIRE INTERVAL 90 DAY" for name in NAMES),
    "CREATE USER web@'%' IDENTIFIED BY 'a-secret' PASSWORD EXPIRE INTERVAL 90 DAY",
    "CREATE ROLE team",
    "ALTER USER gone@localhost ACCOUNT LOCK",
    f"ALTER USER {LOCAL} PASSWORD EXPIRE INTERVAL 90 DAY",
)
STILL = {"MY-24": (f"{COLLECTOR}@localhost", "")}
"""Findings that stay on a server that was mended: a collector reads the grant tables."""


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
