"""What a reading gives: each scope, each kind of principal, and what is easily got wrong."""

from collections.abc import Mapping

import pytest

from tests.adapters.sqlserver.conftest import Readings
from tests.engines.engine import ACCOUNT
from tests.engines.sqlserver import SqlserverEngine
from tests.engines.sqlserver_cases import CASES, DATABASE, SECURABLES
from tests.servers.sqlserver_standin.content import make_sid
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.securables import EXECUTE_AS, MAPPED, OWNER, SCOPES
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import MEMBER, Grant, Kind, Securable, Seen


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


def test_a_membership_of_a_role_that_came_later_waits(engine: SqlserverEngine, readings: Readings) -> None:
    """A principal that the inventory does not know yet is left for the next reading, and breaks nothing."""
    engine.create_accounts([ACCOUNT])
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
        session.read_accounts()
        engine.execute("CREATE ROLE [later]", "ALTER ROLE [readers] ADD MEMBER [later]", database=DATABASE)
        reading = session.read_grants()
    assert to_username(DATABASE, "later") not in {g.grantee for g in reading.grants if g.privilege == MEMBER}
    assert reading.coverage[f"database:{DATABASE}"].status is Seen.OBSERVED
