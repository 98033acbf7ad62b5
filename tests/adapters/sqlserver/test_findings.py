"""Every rule of SQL Server's, and those of all engines, found on the stand-in and clear on it."""

from collections.abc import Generator
from typing import NamedTuple

import pytest

from tests.engines.judging import Case, Judged, judge, run_all
from tests.engines.sqlserver import SqlserverEngine, start
from tests.engines.sqlserver_cases import DATABASE
from whalefall_pipeline.adapters.sqlserver.findings import RULES
from whalefall_pipeline.core.findings.everywhere import RULES as EVERYWHERE
from whalefall_pipeline.core.findings.model import Options, Outcome

OPTIONS = Options(superusers=frozenset({"chief"}), superusers_at_most=1)
SETTINGS = {
    "MS-19": "xp_cmdshell",
    "MS-20": "clr enabled",
    "MS-21": "Ole Automation Procedures",
    "MS-22": "cross db ownership chaining",
    "MS-23": "Ad Hoc Distributed Queries",
}


def server(rule: str, make: str, undo: str, account: str = "ana", name: str = "") -> Case:
    return Case(rule=rule, make=(make,) if make else (), undo=(undo,) if undo else (), account=account, object=name)


def granted(rule: str, permission: str, to: str = "ana") -> Case:
    return server(rule, f"GRANT {permission} TO [{to}]", f"REVOKE {permission} FROM [{to}]", to)


def there(rule: str, make: str, undo: str, account: str, name: str = "") -> Case:
    return Case(
        rule=rule,
        make=(make,) if make else (),
        undo=(undo,) if undo else (),
        account=account,
        object=name,
        database=DATABASE,
        hides=True,
    )


CASES = (
    server(
        *("ALL-01", "ALTER SERVER ROLE [sysadmin] ADD MEMBER [boss]"),
        *("ALTER SERVER ROLE [sysadmin] DROP MEMBER [boss]", "boss"),
    ),
    server(
        *("ALL-02", "ALTER SERVER ROLE [sysadmin] ADD MEMBER [chief]"),
        *("ALTER SERVER ROLE [sysadmin] DROP MEMBER [chief]", ""),
    ),
    server(
        "ALL-03",
        "ALTER SERVER ROLE [securityadmin] ADD MEMBER [ana]",
        "ALTER SERVER ROLE [securityadmin] DROP MEMBER [ana]",
    ),
    Case(
        rule="ALL-04",
        make=("ALTER SERVER ROLE [securityadmin] ADD MEMBER [gone]", "ALTER LOGIN [gone] DISABLE"),
        undo=("ALTER SERVER ROLE [securityadmin] DROP MEMBER [gone]",),
        account="gone",
    ),
    there(
        "ALL-05",
        "GRANT SELECT ON OBJECT::[dbo].[totals] TO [ana] WITH GRANT OPTION",
        "REVOKE SELECT ON OBJECT::[dbo].[totals] FROM [ana] CASCADE",
        "ana",
        DATABASE,
    ),
    server("ALL-10", "", ""),
    server(
        *("ALL-11", "GRANT IMPERSONATE ON LOGIN::[dora] TO [carl]"),
        *("REVOKE IMPERSONATE ON LOGIN::[dora] FROM [carl]", "carl"),
    ),
    server("MS-01", "ALTER LOGIN [sa] ENABLE", "ALTER LOGIN [sa] DISABLE", "sa"),
    server(
        *("MS-03", "ALTER LOGIN [ana] WITH CHECK_POLICY = OFF", "ALTER LOGIN [ana] WITH CHECK_POLICY = ON"),
    ),
    server("MS-04", "", "ALTER LOGIN [boss] WITH CHECK_EXPIRATION = ON", "boss"),
    there("MS-05", "", "DROP USER [lost]", f"[{DATABASE}].[lost]"),
    there("MS-06", "GRANT CONNECT TO [guest]", "REVOKE CONNECT FROM [guest]", f"[{DATABASE}].[guest]", DATABASE),
    there("MS-07", "", "DROP USER [contained]", f"[{DATABASE}].[contained]"),
    there(
        "MS-09",
        "GRANT SELECT ON OBJECT::[dbo].[orders] TO [public]",
        "REVOKE SELECT ON OBJECT::[dbo].[orders] FROM [public]",
        f"[{DATABASE}].[public]",
        DATABASE,
    ),
    server("MS-10", "", "DROP LOGIN [BUILTIN\\Users]", "BUILTIN\\Users"),
    server(
        "MS-11",
        "GRANT IMPERSONATE ON LOGIN::[chief] TO [ana]",
        "REVOKE IMPERSONATE ON LOGIN::[chief] FROM [ana]",
        "ana",
        "login chief",
    ),
    granted("MS-12", "ALTER ANY LOGIN"),
    granted("MS-13", "UNSAFE ASSEMBLY"),
    granted("MS-14", "ADMINISTER BULK OPERATIONS"),
    there("MS-16", "ALTER ROLE [db_owner] ADD MEMBER [ana]", "ALTER ROLE [db_owner] DROP MEMBER [ana]", "ana", ""),
    there(
        "MS-17",
        f"ALTER AUTHORIZATION ON DATABASE::[{DATABASE}] TO [ana]",
        f"ALTER AUTHORIZATION ON DATABASE::[{DATABASE}] TO [sa]",
        "ana",
        DATABASE,
    ),
)


ELSEWHERE = {
    "ALL-06": "SQL Server's memberships have no admin option",
    "ALL-07": "see test_everybody",
    "ALL-08": "the catalog names no grantee that is gone",
    "ALL-09": "see test_everybody",
    "MS-02": "see test_sa_under_another_name",
    "MS-08": "see test_public_on_the_server",
    "MS-15": "see test_a_command_of_the_operating_system",
}
"""Rules that have no case in the list, and why."""
MASTER = "master.sys"


def _set_up(engine: SqlserverEngine) -> None:
    """Make logins and users that nothing is wrong with, but for those that no statement can make right."""
    engine.reset()
    engine.prepare()
    for name in ("boss", "chief", "ana", "gone", "carl", "dora"):
        engine.execute(f"CREATE LOGIN [{name}] WITH PASSWORD = N'x', CHECK_POLICY = ON")
    engine.execute("CREATE USER [ana] FOR LOGIN [ana]", "CREATE USER [lost] FOR LOGIN [gone]", database=DATABASE)
    engine.execute("CREATE LOGIN [BUILTIN\\Users] FROM WINDOWS")
    run = engine.standin.tables.run
    run(f"update {MASTER}.server_principals set type = 'G', type_desc = 'WINDOWS_GROUP' where name like 'BUILTIN%'")
    run(f"update {DATABASE}.sys.database_principals set sid = '\\x01\\x09'::blob where name = 'lost'")
    run(f"update {MASTER}.server_principals set name = 'admin' where name = 'nobody'")


def _set(engine: SqlserverEngine, value: int) -> None:
    run = engine.standin.tables.run
    for name in SETTINGS.values():
        run(f"delete from {MASTER}.configurations where name = ?", [name])
        run(f"insert into {MASTER}.configurations values (?, ?)", [name, value])
    run(f"update {MASTER}.all_databases set is_trustworthy_on = ? where name = ?", [bool(value), DATABASE])
    run(f"update {MASTER}.properties set value = ? where name = 'IsIntegratedSecurityOnly'", [str(1 - value)])


class Worlds(NamedTuple):
    """What the rules said of one server: with all that is wrong, with its database offline, and mended."""

    wrong: Judged
    offline: Judged
    mended: Judged


@pytest.fixture(scope="module")
def worlds() -> Generator[Worlds]:
    with start() as engine:
        _set_up(engine)
        run_all(engine, CASES)
        _set(engine, 1)
        wrong = judge(engine, options=OPTIONS)
        run = engine.standin.tables.run
        run(f"update {MASTER}.all_databases set state_desc = 'OFFLINE' where name = ?", [DATABASE])
        offline = judge(engine, options=OPTIONS)
        run(f"update {MASTER}.all_databases set state_desc = 'ONLINE' where name = ?", [DATABASE])
        run_all(engine, CASES, undo=True)
        _set(engine, 0)
        yield Worlds(wrong, offline, judge(engine, options=OPTIONS))


@pytest.fixture
def engine() -> Generator[SqlserverEngine]:
    with start() as engine:
        _set_up(engine)
        yield engine


RULE_IDS = [rule.id for rule in (*EVERYWHERE, *RULES)]
CASE_OF = {case.rule: case for case in CASES}


def test_every_rule_has_a_case() -> None:
    assert set(RULE_IDS) == CASE_OF.keys() | SETTINGS.keys() | {"MS-18", "MS-24"} | ELSEWHERE.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_it_is_found(worlds: Worlds, case: Case) -> None:
    found = worlds.wrong.list_found(case.rule)
    assert worlds.wrong.find(case) or (case.rule == "MS-16" and found[0][0] == "ana"), found


@pytest.mark.parametrize(("rule", "name"), SETTINGS.items())
def test_a_setting_is_found(worlds: Worlds, rule: str, name: str) -> None:
    assert worlds.wrong.list_found(rule) == [("", name)]


def test_what_is_set_elsewhere_is_found(worlds: Worlds) -> None:
    assert worlds.wrong.list_found("MS-18") == [("", DATABASE)]
    assert worlds.wrong.list_found("MS-24") == [("", "IsIntegratedSecurityOnly")]
    assert worlds.wrong.list_found("MS-02") == [("sa", "")]


@pytest.mark.parametrize("rule", RULE_IDS)
def test_it_is_clear_when_it_was_mended(worlds: Worlds, rule: str) -> None:
    if rule == "MS-02":  # sa has its name still: see test_sa_under_another_name
        return
    assert worlds.mended.list_found(rule) == []
    assert worlds.mended.outcome(rule) is Outcome.CLEAR


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_an_offline_database_makes_it_unknown_and_never_clear(worlds: Worlds, case: Case) -> None:
    if case.hides:
        assert worlds.offline.list_found(case.rule) == []
        assert worlds.offline.is_unknown(case.rule)
    assert worlds.offline.outcome(case.rule) is not Outcome.CLEAR


def test_sa_under_another_name(engine: SqlserverEngine) -> None:
    engine.standin.tables.run(f"update {MASTER}.server_principals set name = 'root' where name = 'sa'")
    assert judge(engine).outcome("MS-02") is Outcome.CLEAR


def test_everybody(engine: SqlserverEngine) -> None:
    assert judge(engine).outcome("ALL-07") is Outcome.CLEAR
    assert judge(engine).outcome("ALL-09") is Outcome.CLEAR
    grant_to_everybody(engine, "CONTROL SERVER")
    assert ("public", "") in judge(engine).list_found("ALL-09")


def grant_to_everybody(engine: SqlserverEngine, permission: str) -> None:
    """Grant to the server role public; the stand-in takes a GRANT in master for one to that database's."""
    engine.standin.tables.insert("server_permissions", [(100, "SERVER", 0, 0, 2, permission, "G")])


def test_public_on_the_server(engine: SqlserverEngine) -> None:
    assert judge(engine).outcome("MS-08") is Outcome.CLEAR
    grant_to_everybody(engine, "VIEW SERVER STATE")
    assert judge(engine).list_found("MS-08") == [("public", "")]


def test_a_group_of_the_directory_is_a_superuser_as_a_login_is(engine: SqlserverEngine) -> None:
    engine.execute("ALTER SERVER ROLE [sysadmin] ADD MEMBER [BUILTIN\\Users]")
    assert ("BUILTIN\\Users", "") in judge(engine).list_found("ALL-01")


def test_a_command_of_the_operating_system(engine: SqlserverEngine) -> None:
    assert judge(engine).outcome("MS-15") is Outcome.CLEAR
    engine.standin.tables.add_object("master", "xp_cmdshell", "X")
    engine.execute(
        "CREATE USER [ana] FOR LOGIN [ana]", "GRANT EXECUTE ON OBJECT::[dbo].[xp_cmdshell] TO [ana]", database="master"
    )
    (found,) = judge(engine).list_found("MS-15")
    assert found == ("ana", "routine master.dbo.xp_cmdshell")
