"""What is easily got wrong in an Oracle dictionary, read from one pluggable database of the stand-in."""

from datetime import UTC, datetime

import pytest

from tests.adapters.oracle.reading import PDB, ROOT, read, to_adapter, to_instance
from tests.core.reversing import build_facts
from tests.servers.oracle import COLLECTOR, PASSWORD, VERSION_23, StandIn
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.object_types import OBJECT_SCOPES
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import Grant, Kind, Login, Securable
from whalefall_pipeline.core.rules import LOCKED, PASSWORD_EXPIRED, SUPERUSER

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_names_keep_their_case(server: StandIn) -> None:
    server.execute('CREATE USER "scott" NO AUTHENTICATION', "CREATE USER scott NO AUTHENTICATION", 'CREATE ROLE "Role"')
    server.execute('CREATE TABLE "scott"."Orders" (ID NUMBER)', 'GRANT SELECT ON "scott"."Orders" TO "Role"')
    seen = read(server)
    assert {"scott", "SCOTT", "Role"} <= seen.states.keys()
    assert seen.tokens("Role") == {("SELECT", "table SALESPDB.scott.Orders")}


def test_expired_is_not_locked(server: StandIn) -> None:
    server.execute(
        "CREATE USER LATE IDENTIFIED BY pw PASSWORD EXPIRE", "CREATE USER SHUT IDENTIFIED BY pw ACCOUNT LOCK"
    )
    states = read(server).states
    assert build_facts(states["LATE"], rules.RULES, states, NOW)["capabilities"] == [PASSWORD_EXPIRED]
    assert build_facts(states["SHUT"], rules.RULES, states, NOW)["capabilities"] == [LOCKED]


def test_rights_through_nested_roles_are_found_and_their_path_is_told(server: StandIn) -> None:
    server.execute("CREATE USER SCOTT IDENTIFIED BY pw", "CREATE ROLE OUTER_ROLE", "CREATE ROLE INNER_ROLE")
    server.execute("GRANT DBA TO INNER_ROLE", "GRANT INNER_ROLE TO OUTER_ROLE", "GRANT OUTER_ROLE TO SCOTT")
    states = read(server).states
    reasons = build_facts(states["SCOTT"], rules.RULES, states, NOW)["capability_reasons"]
    assert isinstance(reasons, dict)
    assert reasons[SUPERUSER] == ["role DBA (through role OUTER_ROLE > INNER_ROLE > DBA)"]


def test_public_is_an_account_that_roles_are_granted_to(server: StandIn) -> None:
    server.execute("CREATE ROLE EVERYBODY", "GRANT EVERYBODY TO PUBLIC")
    public = read(server).states["PUBLIC"]
    assert public.account.kind is Kind.PUBLIC
    assert [membership.role for membership in public.memberships] == ["EVERYBODY"]


def test_built_in_accounts_are_known_by_what_the_catalog_says(server: StandIn) -> None:
    server.execute("CREATE USER SYSTEMS NO AUTHENTICATION", "CREATE USER SYSADM NO AUTHENTICATION")
    accounts = {account.username: account.attributes["oracle_maintained"] for account in read(server).accounts}
    assert accounts["SYS"] is accounts["DBA"] is accounts["PUBLIC"] is True
    assert accounts["SYSTEMS"] is accounts["SYSADM"] is False


def test_a_user_that_only_the_password_file_knows_is_an_account(server: StandIn) -> None:
    server.tables.insert("pwfile_users", username="ASMADMIN", sysdba="TRUE", account_status="EXPIRED (GRACE)")
    states = read(server).states
    assert states["ASMADMIN"].account.attributes["password_file_only"] is True
    assert build_facts(states["ASMADMIN"], rules.RULES, states, NOW)["capability_reasons"] == {
        SUPERUSER: ["SYSDBA (password file)"]
    }
    assert "password_file_only" not in states["SYS"].account.attributes


def test_a_default_role_and_one_that_must_be_set_are_told_apart(server: StandIn) -> None:
    server.execute("CREATE USER SCOTT IDENTIFIED BY pw", "CREATE ROLE ONE", "CREATE ROLE TWO", "CREATE ROLE THREE")
    server.execute(
        "GRANT ONE TO SCOTT", "GRANT TWO TO SCOTT WITH ADMIN OPTION", "GRANT THREE TO SCOTT WITH DELEGATE OPTION"
    )
    server.execute("ALTER USER SCOTT DEFAULT ROLE ONE")
    memberships = {item.role: (item.admin_option, item.options) for item in read(server).states["SCOTT"].memberships}
    assert memberships == {
        "ONE": (False, frozenset({"DEFAULT"})),
        "TWO": (True, frozenset()),
        "THREE": (False, frozenset({"DELEGATE"})),
    }


def test_what_two_grantors_gave_is_one_grant_with_the_stronger_option(server: StandIn) -> None:
    for grantor, grantable in (("HR", "NO"), ("SYS", "YES"), ("OTHER", "NO")):
        server.tables.insert(
            "tab_privs", con_id=3, grantee="PUBLIC", owner="HR", table_name="T", grantor=grantor, privilege="SELECT",
            type="TABLE", grantable=grantable,
        )  # fmt: skip
    found = [grant for grant in read(server).grants if grant.securable.schema == "HR"]
    assert found == [Grant("PUBLIC", "SELECT", Securable("table", PDB, "HR", "T"), grant_option=True)]


def test_what_the_code_has_never_heard_of_is_kept(server: StandIn) -> None:
    server.tables.insert(
        "tab_privs", con_id=3, grantee="PUBLIC", owner="HR", table_name="T", privilege="ENTANGLE", type="QUANTUM STATE"
    )
    server.tables.insert("sys_privs", con_id=3, grantee="PUBLIC", privilege="ENTANGLE ANY QUANTUM STATE")
    assert read(server).tokens("PUBLIC") >= {
        ("ENTANGLE", "object SALESPDB.HR.T"),
        ("ENTANGLE ANY QUANTUM STATE", "server"),
    }


def test_a_type_of_object_is_its_scope(server: StandIn) -> None:
    for kind in OBJECT_SCOPES:
        server.tables.insert(
            "tab_privs", con_id=3, grantee="PUBLIC", owner="HR", table_name=kind, privilege="USE", type=kind
        )
    held = {grant.securable.object: grant.securable.scope for grant in read(server).grants if grant.privilege == "USE"}
    assert held == OBJECT_SCOPES


def test_a_quota_is_its_limit_and_not_what_is_in_use(server: StandIn) -> None:
    server.execute(
        'CREATE USER SCOTT IDENTIFIED BY pw QUOTA UNLIMITED ON "USERS" QUOTA 65536 ON "TOOLS" QUOTA 0 ON "OLD"'
    )
    before = read(server)
    server.tables.update("ts_quotas", {"bytes": 131072, "blocks": 16})
    assert before.tokens("SCOTT") == {
        ("QUOTA UNLIMITED", "tablespace SALESPDB.USERS"),
        ("QUOTA 65536", "tablespace SALESPDB.TOOLS"),
    }
    assert read(server).states == before.states


def test_nothing_changes_by_itself(server: StandIn) -> None:
    before = read(server)
    server.tables.update("users", {"last_login": NOW.replace(tzinfo=None)})
    server.tables.update("pwfile_users", {"last_login": NOW.replace(tzinfo=None)})
    after = read(server)
    assert (after.states, after.coverage) == (before.states, before.coverage)


def test_an_enterprise_proxy_without_a_name_is_no_grant(server: StandIn) -> None:
    server.tables.insert("proxies", con_id=3, client="SYSTEM", proxy_authority="DIRECTORY")
    assert not [grant for grant in read(server).grants if grant.securable.scope == "proxy"]


def test_schema_privileges_and_read_only_users_of_23ai_are_read() -> None:
    server = StandIn(VERSION_23)
    server.execute("CREATE USER HR NO AUTHENTICATION", "CREATE USER SCOTT IDENTIFIED BY pw READ ONLY")
    server.execute("GRANT SELECT ANY TABLE ON SCHEMA HR TO SCOTT WITH ADMIN OPTION")
    seen = read(server)
    assert seen.tokens("SCOTT") == {("SELECT ANY TABLE", "schema SALESPDB.HR")}
    assert seen.states["SCOTT"].account.attributes["read_only"] is True
    assert "read_only" not in seen.states["HR"].account.attributes


# the instance itself

PROFILE = {"FAILED_LOGIN_ATTEMPTS": "10", "PASSWORD_LIFE_TIME": "180", "PASSWORD_VERIFY_FUNCTION": "NULL"}
PARAMETERS = {
    "O7_DICTIONARY_ACCESSIBILITY": "FALSE",
    "os_authent_prefix": "ops$",
    "remote_login_passwordfile": "EXCLUSIVE",
    "remote_os_authent": "FALSE",
    "sec_case_sensitive_logon": "TRUE",
}


def test_what_the_instance_is_set_to_is_read_once_and_not_onto_its_accounts(server: StandIn) -> None:
    server.tables.insert("profiles", con_id=3, profile="UNUSED", resource_name="PASSWORD_LIFE_TIME", limit="1")
    server.tables.insert("profiles", con_id=3, profile="APP", resource_name="PASSWORD_LIFE_TIME", limit="DEFAULT")
    server.execute('CREATE USER SCOTT IDENTIFIED BY pw PROFILE "APP"')
    before = read(server)
    assert before.attributes == PARAMETERS | {
        "profile DEFAULT": PROFILE,
        "profile APP": {"PASSWORD_LIFE_TIME": "DEFAULT"},
    }
    server.tables.update("profiles", {"limit": "30"}, profile="DEFAULT", resource_name="PASSWORD_LIFE_TIME")
    after = read(server)
    assert after.states == before.states
    assert after.attributes is not None
    assert after.attributes["profile DEFAULT"] == PROFILE | {"PASSWORD_LIFE_TIME": "30"}


def test_the_root_has_the_profiles_of_all_its_containers_or_says_nothing_of_them(server: StandIn) -> None:
    names = [f"profile {name}DEFAULT" for name in ("", "SALESPDB.", "HRPDB.", "OLDPDB.")]
    assert read(server, ROOT).attributes == PARAMETERS | dict.fromkeys(names, PROFILE)
    server.tables.update("pdbs", {"open_mode": "MOUNTED"}, pdb_name="OLDPDB")
    assert read(server, ROOT).attributes is None


@pytest.mark.parametrize("view", ["DBA_PROFILES", "V_$PARAMETER"])
def test_settings_that_can_not_be_seen_are_not_observed(server: StandIn, view: str) -> None:
    server.hide(view)
    seen = read(server)
    assert seen.attributes is None
    (reason,) = seen.unseen.values()
    assert f"GRANT SELECT ON SYS.{view}" in reason


def test_a_server_says_who_it_is(server: StandIn) -> None:
    assert read(server, ROOT).identity == "1234567890"
    assert read(server).identity == server.tables.find("pdbs", pdb_name=PDB)[0]["guid"].hex()  # type: ignore[union-attr]
    server.hide("V_$DATABASE")
    assert read(server).identity == ""


def test_a_row_that_can_not_be_understood_is_an_error_with_column_and_value(server: StandIn) -> None:
    server.tables.update("users", {"oracle_maintained": "MAYBE"}, username="OUTLN")
    with pytest.raises(SyncDataError, match="ORACLE_MAINTAINED holds 'MAYBE'"):
        read(server)


@pytest.mark.parametrize(("version", "is_unseen"), [("19.22.0.0.0", False), (VERSION_23, True)])
def test_a_view_of_later_versions_is_missed_only_where_it_must_be(version: str, is_unseen: bool) -> None:
    server = StandIn(version)
    server.hide("DBA_TAB_COLUMNS", "DBA_SCHEMA_PRIVS")
    assert bool(read(server).unseen) is is_unseen


def test_the_check_says_which_grant_is_missing(server: StandIn) -> None:
    server.hide("DBA_COL_PRIVS")
    with to_adapter(server).open(to_instance(), Login(COLLECTOR, PASSWORD), Limits(), Deadline(60)) as session:
        found = {item.scope: item for item in session.check()}
    assert found["accounts"].readable
    assert found["server"].readable
    missing = found["database:SALESPDB/column_privileges"]
    assert not missing.readable
    assert "GRANT SELECT ON SYS.DBA_COL_PRIVS" in missing.note


def test_the_check_says_when_no_account_can_be_listed(server: StandIn) -> None:
    server.hide("DBA_USERS")
    with to_adapter(server).open(to_instance(), Login(COLLECTOR, PASSWORD), Limits(), Deadline(60)) as session:
        (only,) = session.check()
    assert not only.readable
