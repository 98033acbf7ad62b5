"""Which privileges and objects can be asked about on MySQL and MariaDB. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from whalefall_pipeline.adapters.mysql.mariadb import BITS
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC
from whalefall_pipeline.adapters.mysql.names import GRANT_OPTION
from whalefall_pipeline.adapters.mysql.rows import PROXY, ROUTINE_SCOPES
from whalefall_pipeline.adapters.mysql.rules import STATIC
from whalefall_pipeline.core.model import MEMBER, SERVER, Securable

LEVELS: Mapping[str, Sequence[str]] = {
    SERVER: (SERVER,),
    DYNAMIC: (SERVER,),
    "database": (SERVER, "database"),
    "table": (SERVER, "database", "table"),
    "column": (SERVER, "database", "table", "column"),
    **{scope: (SERVER, "database", scope) for scope in ROUTINE_SCOPES.values()},
}
"""Scope to the scopes whose grants give a privilege on it; a dynamic privilege is one of the whole server."""

COLUMN = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
TABLE = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER", "CREATE VIEW",
    "SHOW VIEW", "TRIGGER", "DELETE HISTORY",
)  # fmt: skip
ROUTINE = ("EXECUTE", "ALTER ROUTINE", "SHOW CREATE ROUTINE")
DATABASE = (*TABLE, *ROUTINE, "CREATE ROUTINE", "CREATE TEMPORARY TABLES", "LOCK TABLES", "EVENT")
STATIC_ON_SERVER = tuple(
    sorted({*STATIC, *BITS, "SUPER", "CREATE ROLE", "DROP ROLE", "REPLICATION CLIENT"} - {f"{GRANT_OPTION} OPTION"})
)
DYNAMIC_NAMES = (
    "ALLOW_NONEXISTENT_DEFINER", "APPLICATION_PASSWORD_ADMIN", "AUDIT_ABORT_EXEMPT", "AUDIT_ADMIN",
    "AUTHENTICATION_POLICY_ADMIN", "BACKUP_ADMIN", "BINLOG_ADMIN", "BINLOG_ENCRYPTION_ADMIN", "CLONE_ADMIN",
    "CONNECTION_ADMIN", "ENCRYPTION_KEY_ADMIN", "FIREWALL_ADMIN", "FIREWALL_EXEMPT", "FLUSH_OPTIMIZER_COSTS",
    "FLUSH_PRIVILEGES", "FLUSH_STATUS", "FLUSH_TABLES", "FLUSH_USER_RESOURCES", "GROUP_REPLICATION_ADMIN",
    "GROUP_REPLICATION_STREAM", "INNODB_REDO_LOG_ARCHIVE", "INNODB_REDO_LOG_ENABLE", "MASKING_DICTIONARIES_ADMIN",
    "OPTIMIZE_LOCAL_TABLE", "PASSWORDLESS_USER_ADMIN", "PERSIST_RO_VARIABLES_ADMIN", "REPLICATION_APPLIER",
    "REPLICATION_SLAVE_ADMIN", "RESOURCE_GROUP_ADMIN", "RESOURCE_GROUP_USER", "ROLE_ADMIN",
    "SENSITIVE_VARIABLES_OBSERVER", "SERVICE_CONNECTION_ADMIN", "SESSION_VARIABLES_ADMIN", "SET_ANY_DEFINER",
    "SET_USER_ID", "SHOW_ROUTINE", "SYSTEM_USER", "SYSTEM_VARIABLES_ADMIN", "TABLE_ENCRYPTION_ADMIN",
    "TELEMETRY_LOG_ADMIN", "TRANSACTION_GTID_TAG", "XA_RECOVER_ADMIN",
)  # fmt: skip
"""Dynamic privileges of MySQL 8.0 to 9.x; others, which components bring, can be asked for by name all the same."""

PRIVILEGES: Mapping[str, Sequence[str]] = {
    SERVER: (*STATIC_ON_SERVER, *DYNAMIC_NAMES),
    DYNAMIC: DYNAMIC_NAMES,
    "database": DATABASE,
    "table": TABLE,
    "column": COLUMN,
    **dict.fromkeys(ROUTINE_SCOPES.values(), ROUTINE),
    "proxy": (PROXY,),
    "role": (MEMBER,),
}
BY_DEFAULT = {0: (SERVER,), 1: ("database",), 2: ("table", *ROUTINE_SCOPES.values()), 3: ("column",)}
"""How many names a path has to the scopes that it may be of."""
LENGTHS = {
    SERVER: 0, DYNAMIC: 0, "database": 1, "table": 2, "column": 3, **dict.fromkeys(ROUTINE_SCOPES.values(), 2),
    "proxy": 1, "role": 1,
}  # fmt: skip


def list_privileges(scope: str) -> Sequence[str]:
    """Return the privileges that can be asked for on a scope."""
    return PRIVILEGES.get(scope, ())


def find_targets(kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
    """Return what names mean: of no kind, a table, and the routines that somebody holds something on."""
    if kind is not None:
        if LENGTHS.get(kind) == len(path):
            return [_to_securable(kind, path)]
        return [securable for securable in known if securable.scope == kind]
    scopes = BY_DEFAULT.get(len(path), ())
    wanted = [_to_securable(scope, path) for scope in scopes]
    held = set(known)
    return [securable for place, securable in enumerate(wanted) if place == 0 or securable in held]


def _to_securable(scope: str, path: Sequence[str]) -> Securable:
    if scope in {"proxy", "role"}:
        return Securable(scope, object=path[0])
    database, name, column = (*path, "", "", "")[:3]
    return Securable(scope, database, "", name, column)
