"""One case or more for each of SQL Server's scopes: the T-SQL that grants and takes back, and what then stands.

The probe's login is a user of DATABASE from its start (`SqlserverEngine.create_accounts`).
"""

from collections.abc import Sequence

from tests.engines.engine import ACCOUNT, ScopeCase
from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.securables import MAPPED, OWNER
from whalefall_pipeline.core.model import MEMBER, Effect, Grant, Securable

DATABASE = "wf_Shop"
OTHER_DATABASE = "msdb"
USER = f"[{ACCOUNT}]"

SECURABLES = {
    "ASSEMBLY": ("assembly", "EXECUTE"),
    "MESSAGE TYPE": ("message_type", "REFERENCES"),
    "CONTRACT": ("contract", "REFERENCES"),
    "SERVICE": ("service", "SEND"),
    "REMOTE SERVICE BINDING": ("remote_service_binding", "CONTROL"),
    "ROUTE": ("route", "ALTER"),
    "FULLTEXT CATALOG": ("fulltext_catalog", "REFERENCES"),
    "SYMMETRIC KEY": ("symmetric_key", "VIEW DEFINITION"),
    "CERTIFICATE": ("certificate", "CONTROL"),
    "ASYMMETRIC KEY": ("asymmetric_key", "TAKE OWNERSHIP"),
    "FULLTEXT STOPLIST": ("fulltext_stoplist", "REFERENCES"),
    "SEARCH PROPERTY LIST": ("search_property_list", "REFERENCES"),
    "DATABASE SCOPED CREDENTIAL": ("database_scoped_credential", "CONTROL"),
    "EXTERNAL LANGUAGE": ("external_language", "EXECUTE EXTERNAL SCRIPT"),
    "EXTERNAL MODEL": ("external_model", "EXECUTE"),
}
"""Securables of a database with one name and no schema: keyword, scope and a permission that is granted on them."""

OBJECTS = {
    "orders": ("U", "table", "SELECT"),
    "totals": ("V", "view", "SELECT"),
    "recalculate": ("P", "routine", "EXECUTE"),
    "numbers": ("SO", "sequence", "UPDATE"),
    "alias": ("SN", "synonym", "SELECT"),
    "inbox": ("SQ", "queue", "RECEIVE"),
    "rule": ("R", "object", "REFERENCES"),
}
"""Objects in schema dbo: type (sys.objects), scope, and a permission."""


def held(privilege: str, securable: Securable, *, grant_option: bool = False, effect: Effect = "grant") -> Grant:
    return Grant(ACCOUNT, privilege, securable, grant_option, effect)


def _server_case(name: str, permission: str, on: str, securable: Securable) -> ScopeCase:
    grant, revoke = (
        f"GRANT {permission}{on} TO {USER} WITH GRANT OPTION",
        f"REVOKE {permission}{on} FROM {USER} CASCADE",
    )
    return ScopeCase(name, (grant,), (revoke,), [held(permission, securable, grant_option=True)])


def _case(name: str, grant: Sequence[str], revoke: Sequence[str], *expected: Grant) -> ScopeCase:
    return ScopeCase(name, tuple(grant), tuple(revoke), expected, DATABASE)


def _permission_case(scope: str, permission: str, on: str, securable: Securable, effect: Effect = "grant") -> ScopeCase:
    verb = "DENY" if effect == "deny" else "GRANT"
    return _case(
        f"{scope}-{effect}",
        [f"{verb} {permission}{on} TO {USER}"],
        [f"REVOKE {permission}{on} FROM {USER}"],
        held(permission, securable, effect=effect),
    )


def _server_cases() -> list[ScopeCase]:
    member_of = "ALTER SERVER ROLE [processadmin] {} MEMBER " + USER
    group = Securable("availability_group", object="ag1")
    return [
        _server_case("server", "VIEW SERVER STATE", "", Securable("server")),
        _server_case("login", "IMPERSONATE", " ON LOGIN::[sa]", Securable("login", object="sa")),
        _server_case("server_role", "ALTER", " ON SERVER ROLE::[wf_role]", Securable("server_role", object="wf_role")),
        _server_case("endpoint", "CONNECT", " ON ENDPOINT::[mirror]", Securable("endpoint", object="mirror")),
        _server_case("availability_group", "VIEW DEFINITION", " ON AVAILABILITY GROUP::[ag1]", group),
        ScopeCase(
            "role",
            (member_of.format("ADD"),),
            (member_of.format("DROP"),),
            [held(MEMBER, Securable("role", object="processadmin"))],
        ),
    ]


def _named_cases() -> list[ScopeCase]:
    cases = [
        _permission_case("database", "CREATE TABLE", "", Securable("database", DATABASE)),
        _permission_case("schema", "ALTER", " ON SCHEMA::[App]", Securable("schema", DATABASE, object="App"), "deny"),
    ]
    for name, scope, keyword, permission in (
        ("money_amount", "type", "TYPE", "EXECUTE"),
        ("forms", "xml_schema_collection", "XML SCHEMA COLLECTION", "EXECUTE"),
    ):
        securable = Securable(scope, DATABASE, "dbo", name)
        cases.append(_permission_case(scope, permission, f" ON {keyword}::[dbo].[{name}]", securable))
    for name, scope, keyword, permission in (
        ("contained", "database_user", "USER", "IMPERSONATE"),
        ("readers", "role_definition", "ROLE", "ALTER"),
        ("kiosk", "application_role", "APPLICATION ROLE", "ALTER"),
        *((f"the {scope}", scope, keyword, permission) for keyword, (scope, permission) in SECURABLES.items()),
    ):
        securable = Securable(scope, DATABASE, object=name)
        cases.append(_permission_case(scope, permission, f" ON {keyword}::[{name}]", securable))
    for name, (_, scope, permission) in OBJECTS.items():
        securable = Securable(scope, DATABASE, "dbo", name)
        cases.append(_permission_case(scope, permission, f" ON OBJECT::[dbo].[{name}]", securable))
    return cases


def _mapping_case() -> ScopeCase:
    """A login becomes a user of another database, and may connect to it."""
    expected = [
        held(MAPPED, Securable("database_user", OTHER_DATABASE, object="probe user")),
        held("CONNECT", Securable("database", OTHER_DATABASE)),
    ]
    create = f"CREATE USER [probe user] FOR LOGIN {USER}"
    return ScopeCase("mapping", (create,), ("DROP USER [probe user]",), expected, OTHER_DATABASE)


def _other_cases() -> list[ScopeCase]:
    orders = "OBJECT::[dbo].[orders]"
    roles = ("readers", "db_datareader")
    return [
        _case(
            "database_role",
            [f"ALTER ROLE [{role}] ADD MEMBER {USER}" for role in roles],
            [f"ALTER ROLE [{role}] DROP MEMBER {USER}" for role in roles],
            *(held(MEMBER, Securable("database_role", DATABASE, object=to_username(DATABASE, role))) for role in roles),
        ),
        _case(
            "column-revoke",
            [f"GRANT SELECT ON {orders} TO {USER}", f"REVOKE SELECT ON {orders} ([total]) FROM {USER}"],
            [f"REVOKE SELECT ON {orders} FROM {USER}"],
            held("SELECT", Securable("table", DATABASE, "dbo", "orders")),
            held("SELECT", Securable("column", DATABASE, "dbo", "orders", "total"), effect="revoke"),
        ),
        _case(
            "column-deny",
            [f"DENY UPDATE ON {orders} ([id]) TO {USER}"],
            [f"REVOKE UPDATE ON {orders} ([id]) FROM {USER}"],
            held("UPDATE", Securable("column", DATABASE, "dbo", "orders", "id"), effect="deny"),
        ),
        _case(
            "owner",
            [f"ALTER AUTHORIZATION ON SCHEMA::[App] TO {USER}"],
            ["ALTER AUTHORIZATION ON SCHEMA::[App] TO [dbo]"],
            held(OWNER, Securable("schema", DATABASE, object="App")),
        ),
    ]


CASES: Sequence[ScopeCase] = [*_server_cases(), *_named_cases(), *_other_cases(), _mapping_case()]
