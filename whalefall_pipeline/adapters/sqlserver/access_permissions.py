"""Which permissions imply a permission: the hierarchy of SQL Server's permissions, as far as questions need it. Pure.

Sources, Microsoft Learn: "Permissions (Database Engine)" (the table of permissions, whose last column names what is
implied from the securable around), "sys.fn_builtin_permissions" (covering permissions), "Covering/Implied Permissions".
"""

from collections.abc import Mapping
from typing import NamedTuple

from whalefall_pipeline.adapters.sqlserver.securables import COLUMN, DATABASE, DATABASE_USER, LOGIN, SCOPES
from whalefall_pipeline.core.access.model import Question
from whalefall_pipeline.core.model import SERVER, Securable

CONTROL, CONTROL_SERVER = "CONTROL", "CONTROL SERVER"
OBJECT, IN_SCHEMA, IN_DATABASE, IN_SERVER = "object", "in schema", "in database", "in server"

OBJECT_SCOPES = frozenset({"table", "view", "routine", "sequence", "synonym", "queue", OBJECT})
"""Scopes of the class OBJECT."""
_GROUPS: dict[str, str] = {
    **dict.fromkeys(OBJECT_SCOPES, OBJECT),
    **dict.fromkeys(("type", "xml_schema_collection"), IN_SCHEMA),
    **dict.fromkeys(("server_role", LOGIN, "endpoint", "availability_group"), IN_SERVER),
}

_DATA = ("DELETE", "INSERT", "REFERENCES", "SELECT", "UPDATE")
_OF_ALL = ("ALTER", CONTROL, "TAKE OWNERSHIP", "VIEW DEFINITION")
_TABLE = (*_DATA, *_OF_ALL, "UNMASK", "VIEW CHANGE TRACKING")
PRIVILEGES: Mapping[str, tuple[str, ...]] = {
    "table": _TABLE,
    "view": _TABLE,
    "synonym": (*_DATA, "EXECUTE", *_OF_ALL),
    "routine": (*_DATA, "EXECUTE", *_OF_ALL),
    "sequence": ("UPDATE", "REFERENCES", *_OF_ALL),
    "queue": ("RECEIVE", "REFERENCES", "SELECT", *_OF_ALL),
    OBJECT: (*_DATA, "EXECUTE", *_OF_ALL),
    COLUMN: ("REFERENCES", "SELECT", "UPDATE"),
    "schema": (*_DATA, "CREATE SEQUENCE", "EXECUTE", "UNMASK", "VIEW CHANGE TRACKING", *_OF_ALL),
    "type": ("EXECUTE", "REFERENCES", CONTROL, "TAKE OWNERSHIP", "VIEW DEFINITION"),
    "xml_schema_collection": ("EXECUTE", "REFERENCES", *_OF_ALL),
    DATABASE_USER: ("ALTER", CONTROL, "IMPERSONATE", "VIEW DEFINITION"),
    "role_definition": _OF_ALL,
    "application_role": ("ALTER", CONTROL, "VIEW DEFINITION"),
    "assembly": ("EXECUTE", "REFERENCES", *_OF_ALL),
    LOGIN: ("ALTER", CONTROL, "IMPERSONATE", "VIEW DEFINITION"),
    "server_role": _OF_ALL,
    "endpoint": ("CONNECT", *_OF_ALL),
    "availability_group": _OF_ALL,
    "service": ("SEND", *_OF_ALL),
    DATABASE: (
        "ALTER", "ALTER ANY APPLICATION ROLE", "ALTER ANY ASSEMBLY", "ALTER ANY ROLE", "ALTER ANY SCHEMA",
        "ALTER ANY USER", "BACKUP DATABASE", "BACKUP LOG", "CHECKPOINT", "CONNECT", CONTROL, "CREATE FUNCTION",
        "CREATE PROCEDURE", "CREATE ROLE", "CREATE SCHEMA", "CREATE TABLE", "CREATE VIEW", *_DATA, "EXECUTE",
        "SHOWPLAN", "TAKE OWNERSHIP", "UNMASK", "VIEW DATABASE STATE", "VIEW DEFINITION",
    ),
    SERVER: (
        "ADMINISTER BULK OPERATIONS", "ALTER ANY CONNECTION", "ALTER ANY CREDENTIAL", "ALTER ANY DATABASE",
        "ALTER ANY ENDPOINT", "ALTER ANY LINKED SERVER", "ALTER ANY LOGIN", "ALTER ANY SERVER ROLE",
        "ALTER SERVER STATE", "ALTER SETTINGS", "ALTER TRACE", "CONNECT ANY DATABASE", "CONNECT SQL", CONTROL_SERVER,
        "CREATE ANY DATABASE", "IMPERSONATE ANY LOGIN", "SELECT ALL USER SECURABLES", "SHUTDOWN", "UNSAFE ASSEMBLY",
        "VIEW ANY DATABASE", "VIEW ANY DEFINITION", "VIEW SERVER STATE",
    ),
}  # fmt: skip
"""Scope to the permissions that can be asked about on it; other scopes have `_OF_ALL`."""

_SAME: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    DATABASE: {
        **{f"CREATE {what}": ("ALTER",) for what in ("FUNCTION", "PROCEDURE", "TABLE", "VIEW", "DEFAULT", "RULE")},
        **{f"CREATE {what}": ("ALTER",) for what in ("SYNONYM", "TYPE", "AGGREGATE", "QUEUE", "XML SCHEMA COLLECTION")},
        **{f"CREATE {what}": (f"ALTER ANY {what}",) for what in ("ASSEMBLY", "ROLE", "SCHEMA", "SERVICE", "ROUTE")},
        "BACKUP LOG": ("BACKUP DATABASE",),
        "CONNECT": ("CONNECT REPLICATION",),
        "CHECKPOINT": (),
    },
    OBJECT: {"SELECT": ("RECEIVE",)},
    SERVER: {
        "VIEW SERVER STATE": ("ALTER SERVER STATE",),
        "VIEW ANY DATABASE": ("VIEW ANY DEFINITION",),
        "VIEW ANY SECURITY DEFINITION": ("VIEW ANY DEFINITION",),
        "VIEW ANY PERFORMANCE DEFINITION": ("VIEW ANY DEFINITION",),
        "CREATE ANY DATABASE": ("ALTER ANY DATABASE",),
        "CREATE ENDPOINT": ("ALTER ANY ENDPOINT",),
        "CREATE SERVER ROLE": ("ALTER ANY SERVER ROLE",),
        "CREATE LOGIN": ("ALTER ANY LOGIN",),
        "EXTERNAL ACCESS ASSEMBLY": ("UNSAFE ASSEMBLY",),
    },
}
"""What implies a permission on the same securable, beside CONTROL (on the server CONTROL SERVER)."""

_FROM_DATABASE = {
    **{name: (name,) for name in (*_DATA, "EXECUTE", "UNMASK", "VIEW DEFINITION", "VIEW CHANGE TRACKING")},
    CONTROL: (CONTROL,),
}
_ALTER_ANY: dict[str, str] = {
    DATABASE_USER: "ALTER ANY USER",
    "role_definition": "ALTER ANY ROLE",
    "schema": "ALTER ANY SCHEMA",
    LOGIN: "ALTER ANY LOGIN",
    **{
        scope: f"ALTER ANY {path.keyword}"
        for scope, path in SCOPES.items()
        if path.keyword and scope not in (SERVER, DATABASE, COLUMN, *OBJECT_SCOPES)
        if scope not in (DATABASE_USER, "role_definition", "schema", LOGIN, "type", "xml_schema_collection")
    },
    "fulltext_stoplist": "ALTER ANY FULLTEXT CATALOG",
    "search_property_list": "ALTER ANY FULLTEXT CATALOG",
}
"""Scope to the permission on what is around it that implies ALTER."""
_FROM_SERVER: Mapping[str, tuple[str, ...]] = {
    "ALTER": ("ALTER ANY DATABASE",),
    "CONNECT": ("CONNECT ANY DATABASE",),
    "SELECT": ("SELECT ALL USER SECURABLES",),
    "VIEW DEFINITION": ("VIEW ANY DEFINITION",),
    "VIEW SECURITY DEFINITION": ("VIEW ANY SECURITY DEFINITION",),
    "VIEW DATABASE STATE": ("VIEW SERVER STATE",),
    "AUTHENTICATE": ("AUTHENTICATE SERVER",),
    "SHOWPLAN": ("ALTER TRACE",),
    CONTROL: (CONTROL_SERVER,),
}


class Cover(NamedTuple):
    """A securable, and the permissions on it any of which implies the one that is asked for."""

    securable: Securable
    privileges: frozenset[str]


def to_plain(securable: Securable) -> Securable:
    """Return a securable of the class OBJECT as one of the scope `object`: a column does not say what it is of."""
    return securable._replace(scope=OBJECT) if securable.scope in OBJECT_SCOPES else securable


def list_privileges(scope: str) -> tuple[str, ...]:
    """Return the permissions that can be asked about on securables of a scope."""
    return PRIVILEGES.get(scope, _OF_ALL)


def find_covers(question: Question) -> list[Cover]:
    """Return the question's own securable and those around it, each with what implies the permission there."""
    privilege, securable = question
    names = frozenset({privilege})
    covers: list[Cover] = []
    here: Securable | None = to_plain(securable)
    while here is not None:
        names = _close(here.scope, names)
        covers.append(Cover(here, names))
        names, here = _climb(here, names)
    return covers


def _close(scope: str, names: frozenset[str]) -> frozenset[str]:
    """Add what implies any of these on the same securable."""
    same = _SAME.get(_GROUPS.get(scope, scope), {})
    found = set(names)
    frontier = found
    while frontier:
        frontier = {wider for name in frontier for wider in same.get(name, ())} - found
        found |= frontier
    if scope == DATABASE and any(name.startswith(("ALTER ANY", "CREATE")) for name in found):
        found.add("ALTER")
    if scope != COLUMN:
        found.add(CONTROL_SERVER if scope == SERVER else CONTROL)
    return frozenset(found)


def _climb(here: Securable, names: frozenset[str]) -> tuple[frozenset[str], Securable | None]:
    """Return what implies any of these on the securable around, and that; None: there is none."""
    scope, group = here.scope, _GROUPS.get(here.scope, here.scope)
    if scope == SERVER:
        return names, None
    if scope == COLUMN:
        return names, here._replace(scope=OBJECT, column="")
    if group in (OBJECT, IN_SCHEMA):
        return frozenset(names & {*_FROM_DATABASE, "ALTER"}), Securable("schema", here.database, object=here.schema)
    if scope == DATABASE:
        return _follow(names, _FROM_SERVER), Securable(SERVER)
    above = {**_FROM_DATABASE, "ALTER": (_ALTER_ANY[scope],) if scope in _ALTER_ANY else ()}
    if scope in (DATABASE_USER, LOGIN):
        above["IMPERSONATE"] = ("IMPERSONATE ANY LOGIN",) if scope == LOGIN else ()
    if group == IN_SERVER:
        above |= {"VIEW DEFINITION": ("VIEW ANY DEFINITION",), CONTROL: (CONTROL_SERVER,)}
        return _follow(names, above), Securable(SERVER)
    return _follow(names, above), Securable(DATABASE, here.database)


def _follow(names: frozenset[str], above: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(wider for name in names for wider in above.get(name, ()))
