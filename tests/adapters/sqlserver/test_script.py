"""The T-SQL that re-creates and changes: applied to a stand-in that knows only the documented forms, and read again."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.sqlserver.conftest import Readings
from tests.adapters.sqlserver.hostile import HOSTILE_NAMES, build_hostile_states
from tests.engines.engine import ACCOUNT, ScopeCase
from tests.engines.sqlserver import SqlserverEngine
from tests.engines.sqlserver_cases import CASES, DATABASE
from tests.servers.sqlserver_standin.content import make_sid
from tests.servers.sqlserver_standin.statements import evaluate
from whalefall_pipeline.adapters.sqlserver.names import quote_name, to_line, to_username
from whalefall_pipeline.adapters.sqlserver.script import build_change, build_script
from whalefall_pipeline.core.model import Account, AccountState, Effect, Grant, Kind, Securable
from whalefall_pipeline.core.text import is_visible

SCENE = (
    "CREATE LOGIN [o'brien] WITH PASSWORD = N'x', CHECK_POLICY = OFF, DEFAULT_DATABASE = [msdb]",
    "CREATE LOGIN [off] WITH PASSWORD = N'x'",
    "ALTER LOGIN [off] DISABLE",
    "CREATE LOGIN [CORP\\dba] FROM WINDOWS",
    "CREATE SERVER ROLE [auditors]",
    "ALTER SERVER ROLE [securityadmin] ADD MEMBER [auditors]",
    "ALTER SERVER ROLE [auditors] ADD MEMBER [CORP\\dba]",
    "ALTER AUTHORIZATION ON SERVER ROLE::[auditors] TO [o'brien]",
    "DENY VIEW ANY DATABASE TO [off]",
    f"USE [{DATABASE}]",
    "CREATE ROLE [wri]]ters]",
    "CREATE USER [loginless] WITHOUT LOGIN WITH DEFAULT_SCHEMA = [App]",
    "CREATE USER [shop user] FOR LOGIN [o'brien]",
    "ALTER ROLE [wri]]ters] ADD MEMBER [shop user]",
    "ALTER ROLE [db_datareader] ADD MEMBER [wri]]ters]",
    "GRANT UPDATE ON OBJECT::[dbo].[orders] TO [wri]]ters] WITH GRANT OPTION",
    "ALTER AUTHORIZATION ON SCHEMA::[App] TO [wri]]ters]",
)


def own(engine: SqlserverEngine, states: Mapping[str, AccountState]) -> dict[str, AccountState]:
    return engine.exclude_given(states.values())


def test_a_script_makes_the_same_on_an_empty_server(
    engine: SqlserverEngine, readings: Readings, start_other: Callable[[], SqlserverEngine]
) -> None:
    engine.create_accounts([ACCOUNT])
    engine.execute(*SCENE)
    for case in CASES:
        engine.execute(*case.grant, database=case.database)
    states = own(engine, readings.states())

    other = start_other()
    other.execute(*build_script(states))

    assert own(other, Readings(other).states()) == states


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases=st.lists(st.sampled_from(CASES), unique_by=lambda case: case.name))
def test_a_change_is_made_and_undone(engine: SqlserverEngine, readings: Readings, cases: list[ScopeCase]) -> None:
    """Whatever is granted: its change done on the state before gives the state after, and undone the one before."""
    engine.reset()
    engine.prepare()
    engine.create_accounts([ACCOUNT])
    before = readings.states()[ACCOUNT]
    for case in cases:
        engine.execute(*case.grant, database=case.database)
    after = readings.states()[ACCOUNT]

    engine.execute(*build_change(after, before))
    assert readings.states()[ACCOUNT] == before
    engine.execute(*build_change(before, after))
    assert readings.states()[ACCOUNT] == after


def test_an_account_is_made_changed_and_dropped_again(engine: SqlserverEngine, readings: Readings) -> None:
    engine.execute(*SCENE)
    gone = readings.states()
    engine.create_accounts([ACCOUNT])
    there = readings.states()[ACCOUNT]

    engine.execute(*build_change(there, None))
    assert readings.states() == gone
    engine.execute(*build_change(None, there))
    assert readings.states()[ACCOUNT] == there

    engine.lock(ACCOUNT)
    locked = readings.states()[ACCOUNT]
    engine.execute(*build_change(locked, there))
    assert readings.states()[ACCOUNT] == there


def test_what_every_server_has_is_not_made_again(engine: SqlserverEngine, readings: Readings) -> None:
    """`sa`, the fixed roles, the system's databases and schemas, what `public` may read of system objects."""
    engine.reset()
    states = readings.states()
    del states[engine.standin.username]
    assert build_script(states) == [
        "USE [master]",
        "GRANT VIEW ANY DATABASE TO [public]",
        "GRANT CONNECT ON DATABASE::[master] TO [guest]",
        "USE [msdb]",
        "GRANT CONNECT ON DATABASE::[msdb] TO [guest]",
        "USE [tempdb]",
        "GRANT CONNECT ON DATABASE::[tempdb] TO [guest]",
    ]


@pytest.fixture
def orphan() -> AccountState:
    attributes = {
        "principal_type": "SQL_USER",
        "database": DATABASE,
        "name": "orphan",
        "sid": f"0x{make_sid('gone').hex().upper()}",
        "is_orphaned": True,
    }
    username = to_username(DATABASE, "orphan")
    grant = Grant(username, "SELECT", Securable("schema", DATABASE, object="App"))
    return AccountState.of(Account(username, Kind.USER, attributes), frozenset([grant]))


def test_an_orphan_s_sid_is_told_and_its_grants_are_kept(orphan: AccountState) -> None:
    assert build_script({orphan.account.username: orphan}) == [
        f"-- [orphan] is orphaned, its SID {orphan.account.attributes['sid']} is no login's: made without login",
        f"USE [{DATABASE}]",
        "CREATE USER [orphan] WITHOUT LOGIN",
        "GRANT SELECT ON SCHEMA::[App] TO [orphan]",
    ]


def test_a_password_is_neither_known_nor_guessable() -> None:
    attributes = {"principal_type": "SQL_LOGIN", "sid": "0xA1", "is_policy_checked": True}
    state = AccountState.of(Account("o'brien", Kind.USER, attributes))
    assert build_script({"o'brien": state}) == [
        "-- the password of [o'brien] is not known: set it with ALTER LOGIN [o'brien] WITH PASSWORD = ...",
        "USE [master]",
        "EXEC (N'DECLARE @statement nvarchar(max) = N''CREATE LOGIN [o''''brien] WITH PASSWORD = '' + "
        "QUOTENAME(CONVERT(nvarchar(128), CRYPT_GEN_RANDOM(32), 2) + N''aA1!'', '''''''') + "
        "N'', SID = 0xA1, CHECK_POLICY = ON''; EXEC (@statement)')",
    ]


VERBS = ("--", "USE [", "EXEC (N'", "CREATE ", "ALTER ", "DROP ", "GRANT ", "DENY ", "REVOKE ")


def test_no_name_leaves_its_quotes_begins_a_line_or_becomes_a_client_s_command() -> None:
    """Whatever sqlcmd and SSMS take for a command or a variable, in scripts, changes and their undoing."""
    states = build_hostile_states()
    lines = build_script(states)
    for state in states.values():
        lines += [*build_change(None, state), *build_change(state, None)]
        lines += build_change(state, AccountState.of(state.account))
    for line in lines:
        assert is_visible(line)
        assert "$(" not in line
        assert line.startswith(VERBS)


@given(st.text(st.characters(exclude_categories=[])) | st.sampled_from(HOSTILE_NAMES))
def test_a_line_runs_the_statement_that_it_stands_for(name: str) -> None:
    """Put together again from its literals and NCHAR it is the statement, unit by unit."""
    statement = f"GRANT SELECT TO {quote_name(name)}"
    run = evaluate(to_line(statement))
    assert run.encode("utf-16-le", "surrogatepass") == statement.encode("utf-16-le", "surrogatepass")


def test_hostile_names_are_made_anew_on_an_empty_server(
    engine: SqlserverEngine, readings: Readings, start_other: Callable[[], SqlserverEngine]
) -> None:
    names = [name for name in HOSTILE_NAMES if name.isprintable() or "\n" in name]
    names = [name for name in names if "\udc80" not in name]
    engine.create_accounts(names)
    for name in names:
        engine.execute(
            f"CREATE ROLE {quote_name(name)}", f"GRANT SELECT ON OBJECT::[dbo].[orders] TO {quote_name(name)}",
            database=DATABASE,
        )  # fmt: skip
    states = own(engine, readings.states())
    assert len(states) == 2 * len(names)

    other = start_other()
    other.execute(*build_script(states))

    assert own(other, Readings(other).states()) == states


def test_a_database_whose_name_can_t_stand_in_a_line_is_left_out_and_said(orphan: AccountState) -> None:
    name = "x\nGO\n"
    username = to_username(name, "orphan")
    attributes = {**orphan.account.attributes, "database": name}
    state = AccountState.of(Account(username, Kind.USER, attributes))
    assert build_script({username: state}) == [
        r"-- left out, as its name can't be written here: what is in database [x\nGO\n]"
    ]


NO_PERMISSIONS = (
    *("SELECT; DROP DATABASE x --", "SELECT\nGO", "select", "SELECT ", "ALTER  ANY", ""),
    *("CONTROL TO EVE DROP DATABASE X GRANT SELECT", "SELECT ON X", "SELECT FROM EVE DENY SELECT"),
)


@pytest.mark.parametrize("effect", ["grant", "deny", "revoke"])
@pytest.mark.parametrize("privilege", NO_PERMISSIONS)
def test_a_permission_that_is_no_words_is_left_out_and_said(privilege: str, effect: Effect) -> None:
    """A server that lies names its permissions as it likes, and they stand unquoted."""
    username = to_username(DATABASE, "eve")
    account = Account(username, Kind.USER, {"principal_type": "SQL_USER", "database": DATABASE, "name": "eve"})
    table = Securable("table", DATABASE, "dbo", "orders")
    plain, hostile = (
        AccountState.of(account, frozenset(Grant(username, each, table, effect=effect) for each in privileges))
        for privileges in ((), (privilege,))
    )
    for lines in (build_change(plain, hostile), build_change(hostile, plain), build_script({username: hostile})):
        said = [line for line in lines if line.endswith(": this is no name of a permission")]
        assert len(said) == 1
        assert said[0].startswith("-- ")
        assert not [line for line in lines if line.startswith(("GRANT", "DENY", "REVOKE"))]


def test_what_an_account_owned_is_handed_on() -> None:
    owned = {
        Securable("table", DATABASE, "dbo", "orders"): "ALTER AUTHORIZATION ON OBJECT::[dbo].[orders] TO SCHEMA OWNER",
        Securable("schema", DATABASE, object="App"): "ALTER AUTHORIZATION ON SCHEMA::[App] TO [dbo]",
        Securable("database", DATABASE): "-- grant OWNER on database wf_Shop: name the next owner with "
        "ALTER AUTHORIZATION ON DATABASE::[wf_Shop] TO ...",
    }
    account = Account(ACCOUNT, Kind.USER)
    for securable, statement in owned.items():
        before = AccountState.of(account, frozenset([Grant(ACCOUNT, "OWNER", securable)]))
        assert build_change(before, AccountState.of(account))[-1] == statement
