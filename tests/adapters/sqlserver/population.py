"""A population of all breadth: every kind of grantee holds a permission in every state on every class of securable."""

from collections.abc import Iterator

from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE_ROLE, MAPPED, OTHER, ROLE, SCOPES, SERVER
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Effect, Grant, Json, Kind, Securable

DATABASE = "Shop"
EFFECTS: tuple[tuple[Effect, bool], ...] = (("grant", False), ("grant", True), ("deny", False))
_NOT_GRANTED = (ROLE, DATABASE_ROLE, OTHER, "server_trigger", "database_trigger")

PERMISSIONS = {
    "server": "VIEW SERVER STATE", "login": "IMPERSONATE", "endpoint": "CONNECT", "database": "CREATE TABLE",
    "column": "SELECT", "routine": "EXECUTE", "queue": "RECEIVE", "service": "SEND", "type": "EXECUTE",
    "xml_schema_collection": "EXECUTE", "database_user": "IMPERSONATE", "external_language": "EXECUTE EXTERNAL SCRIPT",
    "external_model": "EXECUTE", "route": "ALTER",
}  # fmt: skip
"""Scope to a permission that is granted on it; `VIEW DEFINITION` on all others."""

LOGINS: dict[str, tuple[Kind, dict[str, Json]]] = {
    "sql": (Kind.USER, {"principal_type": "SQL_LOGIN", "sid": "0x01", "is_policy_checked": True, "is_disabled": True}),
    "CORP\\ann": (Kind.USER, {"principal_type": "WINDOWS_LOGIN", "default_database": "master"}),
    "CORP\\staff": (Kind.GROUP, {"principal_type": "WINDOWS_GROUP"}),
    "cert": (Kind.USER, {"principal_type": "CERTIFICATE_MAPPED_LOGIN", "mapped_to": "c"}),
    "key": (Kind.USER, {"principal_type": "ASYMMETRIC_KEY_MAPPED_LOGIN", "mapped_to": "k"}),
    "ann@example.com": (Kind.USER, {"principal_type": "EXTERNAL_LOGIN"}),
    "auditors": (Kind.ROLE, {"principal_type": "SERVER_ROLE"}),
}
USERS: dict[str, tuple[Kind, dict[str, Json]]] = {
    "contained": (Kind.USER, {"principal_type": "SQL_USER", "authentication_type": "DATABASE", "sid": "0x02"}),
    "loginless": (Kind.USER, {"principal_type": "SQL_USER", "authentication_type": "NONE", "default_schema": "dbo"}),
    "orphan": (Kind.USER, {"principal_type": "SQL_USER", "authentication_type": "INSTANCE", "is_orphaned": True}),
    "CORP\\ben": (Kind.USER, {"principal_type": "WINDOWS_USER", "authentication_type": "WINDOWS"}),
    "CORP\\team": (Kind.GROUP, {"principal_type": "WINDOWS_GROUP", "authentication_type": "WINDOWS"}),
    "by cert": (Kind.USER, {"principal_type": "CERTIFICATE_MAPPED_USER", "mapped_to": "c"}),
    "by key": (Kind.USER, {"principal_type": "ASYMMETRIC_KEY_MAPPED_USER", "mapped_to": "k"}),
    "ext@example.com": (Kind.USER, {"principal_type": "EXTERNAL_USER", "authentication_type": "EXTERNAL"}),
    "ext group": (Kind.GROUP, {"principal_type": "EXTERNAL_GROUPS", "authentication_type": "EXTERNAL"}),
    "readers": (Kind.ROLE, {"principal_type": "DATABASE_ROLE"}),
    "kiosk": (Kind.ROLE, {"principal_type": "APPLICATION_ROLE", "default_schema": "dbo"}),
    "public": (Kind.PUBLIC, {"principal_type": "DATABASE_ROLE"}),
    "guest": (Kind.USER, {"principal_type": "SQL_USER", "authentication_type": "NONE"}),
}


def list_securables(*, in_database: bool) -> Iterator[tuple[str, Securable]]:
    """Yield a permission and a securable for each scope that permissions are held in."""
    for scope, path in SCOPES.items():
        if scope not in _NOT_GRANTED and ("database" in path.levels) is in_database:
            names = {level: {"database": DATABASE, "schema": "dbo"}.get(level, f"the {scope}") for level in path.levels}
            yield PERMISSIONS.get(scope, "VIEW DEFINITION"), Securable(scope, **names)


def build_population() -> dict[str, AccountState]:
    """Build the states of all accounts, with memberships beside what they are granted."""
    states: dict[str, AccountState] = {}
    for name, (kind, attributes) in LOGINS.items():
        grants = {
            *_hold_all(name, in_database=False),
            *_hold_all(name, in_database=True),
            Grant(name, MEMBER, Securable(ROLE, object="processadmin")),
            Grant(name, MAPPED, Securable("database_user", DATABASE, object=f"user {name}")),
        }
        states[name] = AccountState.of(Account(name, kind, attributes), grants)
    for name, (kind, attributes) in USERS.items():
        username = to_username(DATABASE, name)
        member = Grant(username, MEMBER, Securable(DATABASE_ROLE, DATABASE, object=to_username(DATABASE, "db_owner")))
        account = Account(username, kind, {**attributes, "database": DATABASE, "name": name})
        states[username] = AccountState.of(account, {member, *_hold_all(username, in_database=True)})
    return states


def _hold_all(grantee: str, *, in_database: bool) -> Iterator[Grant]:
    for number, (permission, securable) in enumerate(list_securables(in_database=in_database)):
        effect, option = EFFECTS[(number + len(grantee)) % len(EFFECTS)]
        yield Grant(grantee, permission, securable, option, effect)
        if securable.scope == "column":
            yield Grant(grantee, "REFERENCES", securable, effect="revoke")
    if not in_database:
        yield Grant(grantee, "CONNECT SQL", Securable(SERVER), effect="deny")
