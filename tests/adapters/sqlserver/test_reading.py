"""What a reading gives: each scope, each kind of principal, and what is easily got wrong."""

import math
from collections.abc import Mapping

import pytest

from tests.adapters.sqlserver.conftest import Readings
from tests.engines.engine import ACCOUNT
from tests.engines.sqlserver import SqlserverEngine
from tests.engines.sqlserver_cases import CASES, DATABASE, SECURABLES
from tests.servers.sqlserver_standin.content import make_sid
from tests.servers.sqlserver_standin.wire import Before
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.adapters.sqlserver.catalog import GROUP
from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.securables import EXECUTE_AS, MAPPED, OWNER, SCOPES
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.model import MEMBER, Grant, Kind, Securable, Seen, is_observed


def test_all_scopes_are_read_exactly(engine: SqlserverEngine, readings: Readings) -> None:
    """The shared body asks whether each expected grant is there; here nothing else may be."""
    engine.create_accounts([ACCOUNT])
    before = readings.grants()
    for case in CASES:
        engine.execute(*case.grant, database=case.database)
    assert readings.grants() - before == {grant for case in CASES for grant in case.expected}
    for case in CASES:
        engine.execute(*case.revoke, database=case.database)
    assert readings.grants() == before


def test_there_is_a_case_for_every_scope() -> None:
    covered = {grant.securable.scope for case in CASES for grant in case.expected}
    assert covered == set(SCOPES) - {"other", "server_trigger", "database_trigger"}


def test_names_keep_their_spelling(engine: SqlserverEngine, readings: Readings) -> None:
    usernames = engine.create_accounts(engine.awkward_names)
    assert set(usernames) <= readings.states().keys()


def test_a_permission_of_an_unknown_class_is_kept_under_its_own_name(
    engine: SqlserverEngine, readings: Readings
) -> None:
    engine.execute("CREATE ROLE [r]", database=DATABASE)
    engine.standin.tables.run(
        f"insert into \"{DATABASE}\".sys.database_permissions select 77, 'NEW_THING', 5, 0, principal_id, 'FLY', 'G' "
        f"from \"{DATABASE}\".sys.database_principals where name = 'r'"
    )
    securable = Securable("other", DATABASE, object="NEW_THING 5 0")
    assert Grant(to_username(DATABASE, "r"), "FLY", securable) in readings.grants()


def test_a_deny_over_a_grant_stays_a_deny(engine: SqlserverEngine, readings: Readings) -> None:
    """A role's GRANT and the user's own DENY are two facts; neither hides the other."""
    engine.create_accounts([ACCOUNT])
    engine.execute(
        "GRANT SELECT ON OBJECT::[dbo].[orders] TO [readers]",
        f"ALTER ROLE [readers] ADD MEMBER [{ACCOUNT}]",
        f"DENY SELECT ON OBJECT::[dbo].[orders] TO [{ACCOUNT}]",
        database=DATABASE,
    )
    orders = Securable("table", DATABASE, "dbo", "orders")
    on_orders = {grant for grant in readings.grants() if grant.securable == orders}
    assert on_orders == {
        Grant(ACCOUNT, "SELECT", orders, effect="deny"),
        Grant(to_username(DATABASE, "readers"), "SELECT", orders),
    }


def test_a_permission_from_two_grantors_is_one_grant(engine: SqlserverEngine, readings: Readings) -> None:
    """It can be granted on, if either of them allowed that."""
    engine.execute("CREATE ROLE [r]", "GRANT ALTER ON SCHEMA::[App] TO [r]", database=DATABASE)
    view = f'"{DATABASE}".sys.database_permissions'
    tables = engine.standin.tables
    tables.run(f"insert into {view} select * replace ('W' as state) from {view} where permission_name = 'ALTER'")
    granted = [grant for grant in readings.grants() if grant.securable == Securable("schema", DATABASE, object="App")]
    assert [grant.grant_option for grant in granted if grant.privilege == "ALTER"] == [True]


def test_an_object_id_names_the_object_of_its_own_database(engine: SqlserverEngine, readings: Readings) -> None:
    """The same id is another table in master, the current database, and a third one in a third database."""
    tables = engine.standin.tables
    tables.create_database("Other")
    for database, table in (("master", "wrong"), ("Other", "right")):
        tables.add_object(database, table, number=4242)
    engine.execute("CREATE ROLE [r]", "GRANT SELECT ON OBJECT::[dbo].[right] TO [r]", database="Other")
    granted = {grant.securable for grant in readings.grants() if grant.grantee == to_username("Other", "r")}
    assert granted == {Securable("table", "Other", "dbo", "right")}


def test_databases_whose_collations_differ_keep_each_their_own_case(
    engine: SqlserverEngine, readings: Readings
) -> None:
    """Where the collation is case-sensitive, `Readers` and `readers` are two: nothing folds or joins their names."""
    tables = engine.standin.tables
    tables.create_database("CaseSensitive")
    for name in ("Readers", "readers"):
        engine.execute(f"CREATE ROLE [{name}]", database="CaseSensitive")
        tables.add_object("CaseSensitive", name)
        engine.execute(f"GRANT SELECT ON OBJECT::[dbo].[{name}] TO [{name}]", database="CaseSensitive")
    granted = {g for g in readings.grants() if g.securable.database == "CaseSensitive" and g.privilege == "SELECT"}
    for name in ("Readers", "readers"):
        grant = Grant(to_username("CaseSensitive", name), "SELECT", Securable("table", "CaseSensitive", "dbo", name))
        assert grant in granted


def test_nested_roles_of_server_and_database(engine: SqlserverEngine, readings: Readings) -> None:
    engine.create_accounts(["outer", "inner"], role=True)
    engine.create_accounts([ACCOUNT])
    engine.grant_role("sysadmin", "outer")
    engine.grant_role("outer", "inner")
    engine.grant_role("inner", ACCOUNT)
    engine.execute("CREATE ROLE [sub]", "ALTER ROLE [readers] ADD MEMBER [sub]", database=DATABASE)
    states = readings.states()
    assert [m.role for m in states[ACCOUNT].memberships] == ["inner"]
    assert [m.role for m in states["inner"].memberships] == ["outer"]
    assert [m.role for m in states["outer"].memberships] == ["sysadmin"]
    sub = states[to_username(DATABASE, "sub")]
    assert [(m.database, m.role) for m in sub.memberships] == [(DATABASE, to_username(DATABASE, "readers"))]
    assert sub.account.kind is Kind.ROLE


def test_users_with_and_without_a_login(engine: SqlserverEngine, readings: Readings) -> None:
    """A mapped user is its login; contained, orphaned, loginless users and groups are accounts of their database."""
    engine.create_accounts(["shopper"])
    tables = engine.standin.tables
    engine.execute(
        "CREATE USER [shop user] FOR LOGIN [shopper]",
        "CREATE USER [loginless] WITHOUT LOGIN",
        "CREATE USER [CORP\\staff]",
        database=DATABASE,
    )
    view = f'"{DATABASE}".sys.database_principals'
    tables.run(f"update {view} set type = 'G', type_desc = 'WINDOWS_GROUP' where name = 'CORP\\staff'")
    orphan = ("orphan", 77, "S", "SQL_USER", "dbo", None, make_sid("gone"), False, "INSTANCE")
    tables.insert("database_principals", [orphan], DATABASE)

    states = readings.states()

    mapped = Grant("shopper", MAPPED, Securable("database_user", DATABASE, object="shop user"))
    assert mapped in states["shopper"].grants
    assert to_username(DATABASE, "shop user") not in states
    of = {name: states[to_username(DATABASE, name)].account for name in ("orphan", "contained", "loginless", "guest")}
    assert of["orphan"].attributes["is_orphaned"] is True
    assert of["orphan"].attributes["sid"] == f"0x{make_sid('gone').hex().upper()}"
    assert of["contained"].attributes["authentication_type"] == "DATABASE"
    assert "is_orphaned" not in {**of["contained"].attributes, **of["loginless"].attributes, **of["guest"].attributes}
    assert states[to_username(DATABASE, "CORP\\staff")].account.kind is Kind.GROUP
    assert states[to_username(DATABASE, "kiosk")].account.kind is Kind.ROLE
    assert states[to_username(DATABASE, "public")].account.kind is Kind.PUBLIC


def test_the_database_owner_holds_what_dbo_holds(engine: SqlserverEngine, readings: Readings) -> None:
    engine.create_accounts(["owner"])
    engine.execute(f"ALTER AUTHORIZATION ON DATABASE::[{DATABASE}] TO [owner]")
    mine = {grant for grant in readings.grants() if grant.grantee == "owner"}
    assert Grant("owner", "OWNER", Securable("database", DATABASE)) in mine
    assert Grant("owner", MAPPED, Securable("database_user", DATABASE, object="dbo")) in mine
    assert Grant("owner", "OWNER", Securable("schema", DATABASE, object="dbo")) in mine


OWNED: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "XML SCHEMA COLLECTION": ("xml_schema_collection", {"schema_id": 1}),
    "TYPE": ("type", {"schema_id": 1, "is_user_defined": True}),
    "ASSEMBLY": ("assembly", {"is_user_defined": True}),
    **{keyword: (scope, {}) for keyword, (scope, _) in SECURABLES.items() if keyword != "ASSEMBLY"},
}
"""What has an owner in a database, beside schemas, roles and objects: keyword, scope and further columns."""


@pytest.mark.parametrize("keyword", OWNED)
def test_everything_that_has_an_owner_says_so(engine: SqlserverEngine, readings: Readings, keyword: str) -> None:
    scope, columns = OWNED[keyword]
    engine.execute("CREATE ROLE [owners]", database=DATABASE)
    tables = engine.standin.tables
    view = f'"{DATABASE}".sys.database_principals'
    ((owner,),) = tables.run(f"select principal_id from {view} where name = 'owners'")
    tables.add_securable(DATABASE, keyword, "mine", **columns, principal_id=owner)
    schema = "dbo" if "schema_id" in columns else ""
    expected = Grant(to_username(DATABASE, "owners"), OWNER, Securable(scope, DATABASE, schema, "mine"))
    assert expected in readings.grants()


def test_whom_a_module_runs_as_is_read(engine: SqlserverEngine, readings: Readings) -> None:
    """A user, or (-2) the owner; EXECUTE AS CALLER is nobody's. Queues, assemblies' and triggers' modules alike."""
    engine.execute("CREATE ROLE [robot]", database=DATABASE)
    tables = engine.standin.tables
    ((robot,),) = tables.run(f"select principal_id from \"{DATABASE}\".sys.database_principals where name = 'robot'")
    for name, runs_as, type_ in (
        ("as robot", robot, "P"), ("as owner", -2, "FN"), ("as caller", None, "P"), ("the queue", robot, "SQ"),
        ("the clr", robot, "PC"),
    ):  # fmt: skip
        tables.add_module(DATABASE, name, runs_as, type_)
    tables.insert("sql_modules", [(99, robot)], DATABASE)
    tables.insert("triggers", [("on ddl", 99, 0)], DATABASE)
    tables.insert("server_sql_modules", [(98, 1)])
    tables.insert("server_triggers", [(98, "on logon")])
    found = {g for g in readings.grants() if g.privilege == EXECUTE_AS}
    robot_name = to_username(DATABASE, "robot")
    assert found == {
        Grant(robot_name, EXECUTE_AS, Securable("routine", DATABASE, "dbo", "as robot")),
        Grant("sa", EXECUTE_AS, Securable("routine", DATABASE, "dbo", "as owner")),
        Grant(robot_name, EXECUTE_AS, Securable("queue", DATABASE, "dbo", "the queue")),
        Grant(robot_name, EXECUTE_AS, Securable("routine", DATABASE, "dbo", "the clr")),
        Grant(robot_name, EXECUTE_AS, Securable("database_trigger", DATABASE, object="on ddl")),
        Grant("sa", EXECUTE_AS, Securable("server_trigger", object="on logon")),
    }


def test_what_the_instance_is_set_to(engine: SqlserverEngine, readings: Readings) -> None:
    tables = engine.standin.tables
    tables.run(
        "update all_databases set is_trustworthy_on = true, containment_desc = 'PARTIAL' where name = ?", [DATABASE]
    )
    tables.run("update configurations set value_in_use = 1 where name = 'xp_cmdshell'")
    assert readings.read()[1].attributes == {
        "Ad Hoc Distributed Queries": 0,
        "IsIntegratedSecurityOnly": 0,
        "clr enabled": 0,
        "containment": [DATABASE],
        "contained database authentication": 1,
        "cross db ownership chaining": 0,
        "default trace enabled": 1,
        "is_db_chaining_on": ["msdb"],
        "is_trustworthy_on": ["msdb", DATABASE],
        "remote admin connections": 0,
        "xp_cmdshell": 1,
    }


def test_the_state_of_a_login(engine: SqlserverEngine, readings: Readings) -> None:
    engine.create_accounts([ACCOUNT])
    engine.lock(ACCOUNT)
    engine.standin.tables.run("update login_properties set is_locked = 1, is_expired = 1, is_must_change = 1")
    attributes = readings.states()[ACCOUNT].account.attributes
    for flag in ("is_disabled", "is_locked_out", "is_expired", "is_must_change"):
        assert attributes[flag] is True
    mapped = readings.states()["##MS_SmoExtendedSigningCertificate##"].account
    assert mapped.attributes["principal_type"] == "CERTIFICATE_MAPPED_LOGIN"
    assert "is_locked_out" not in mapped.attributes


def test_an_unknown_type_of_principal_fails_the_list(engine: SqlserverEngine, readings: Readings) -> None:
    engine.create_accounts([ACCOUNT])
    engine.standin.tables.run(f"update server_principals set type = 'Z' where name = '{ACCOUNT}'")
    with pytest.raises(SyncDataError, match="'Z'"):
        readings.read()


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


@pytest.mark.parametrize("statement", ["database_principals", "database_permissions", "database_owners"])
def test_the_deadline_ends_with_what_was_read(engine: SqlserverEngine, readings: Readings, statement: str) -> None:
    """Accounts and the server's scope were read: they count, and what is left of the databases is timed out."""
    whole = readings.grants()
    view = {"database_principals": "database_principals", "database_permissions": "database_permissions"}
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


FIXED_STATEMENTS = 1 + 2 + 1 + 3 + 1
"""Setting the connection up, what answers and its databases, accounts, what is held on the server, its settings."""


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


def test_a_membership_of_a_role_that_came_later_waits(engine: SqlserverEngine, readings: Readings) -> None:
    """A principal that the inventory does not know yet is left for the next reading, and breaks nothing."""
    engine.create_accounts([ACCOUNT])
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
        session.read_accounts()
        engine.execute("CREATE ROLE [later]", "ALTER ROLE [readers] ADD MEMBER [later]", database=DATABASE)
        reading = session.read_grants()
    assert to_username(DATABASE, "later") not in {g.grantee for g in reading.grants if g.privilege == MEMBER}
    assert reading.coverage[f"database:{DATABASE}"].status is Seen.OBSERVED


def count_statements(readings: Readings) -> int:
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
        session.read_accounts()
        session.read_grants()
        return session.statements
