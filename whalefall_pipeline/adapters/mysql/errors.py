"""What a failed statement means for the scope that it reads, in words that are the same each time."""

from collections.abc import Callable, Sequence

import pymysql

from whalefall_pipeline.adapters.mysql.connection import code_of
from whalefall_pipeline.adapters.mysql.names import Flavour
from whalefall_pipeline.adapters.mysql.rows import UnknownRowError
from whalefall_pipeline.core.model import SERVER, Observation, Seen

ACCOUNT_TABLES: dict[Flavour, str] = {"mysql": "mysql.user", "mariadb": "mysql.global_priv"}
TABLES = {
    SERVER: "mysql.user",
    "dynamic": "mysql.global_grants",
    "databases": "mysql.db",
    "tables": "mysql.tables_priv",
    "columns": "mysql.columns_priv",
    "routines": "mysql.procs_priv",
    "proxies": "mysql.proxies_priv",
    "roles": "the role tables (mysql.role_edges and mysql.default_roles; MariaDB: mysql.roles_mapping)",
}
DENIED = frozenset({1044, 1142, 1143, 1227})
TIMED_OUT = frozenset({1205, 1969, 3024})

# The `*_priv` columns that every supported version has. A login with SELECT on some columns only is shown only those;
# what it is not shown must not pass for privileges that nobody holds.
DATABASE_COLUMNS = frozenset(
    {
        "Select_priv", "Insert_priv", "Update_priv", "Delete_priv", "Create_priv", "Drop_priv", "Grant_priv",
        "References_priv", "Index_priv", "Alter_priv", "Create_tmp_table_priv", "Lock_tables_priv",
        "Create_view_priv", "Show_view_priv", "Create_routine_priv", "Alter_routine_priv", "Execute_priv",
        "Event_priv", "Trigger_priv",
    }
)  # fmt: skip
SERVER_COLUMNS = DATABASE_COLUMNS | {
    "Reload_priv", "Shutdown_priv", "Process_priv", "File_priv", "Show_db_priv", "Super_priv", "Repl_slave_priv",
    "Repl_client_priv", "Create_user_priv", "Create_tablespace_priv", "Create_role_priv", "Drop_role_priv",
}  # fmt: skip


class NotSeenError(Exception):
    """A scope can't be read with this login; the text says what is missing."""


def observe(scope: str, read: Callable[[], None]) -> Observation:
    """Read a scope and say what was seen of it. A lost server raises, as does an unreadable account list."""
    try:
        read()
    except (NotSeenError, pymysql.err.MySQLError) as error:
        return why_not(TABLES[scope], error)
    except UnknownRowError as error:
        return Observation(Seen.UNREACHABLE, str(error))
    return Observation(Seen.OBSERVED)


def why_not(tables: str, error: Exception) -> Observation:
    """Say why a statement on these tables gave nothing."""
    if isinstance(error, NotSeenError):
        return Observation(Seen.DENIED, str(error))
    code = code_of(error)
    if code in DENIED:
        return Observation(Seen.DENIED, f"no SELECT on {tables}")
    if code in TIMED_OUT:
        return Observation(Seen.TIMED_OUT, f"reading {tables} took longer than the limit for a statement")
    return Observation(Seen.UNREACHABLE, f"reading {tables} failed with error {code}")


def to_mask(table: str, visible: Sequence[str]) -> list[str]:
    """Give a table's `*_priv` columns in the server's order; raises NotSeenError when some are hidden."""
    needed = SERVER_COLUMNS if table == "user" else DATABASE_COLUMNS
    if not needed <= set(visible):
        raise NotSeenError(f"no SELECT on mysql.{table}")
    return [column for column in visible if column.endswith("_priv")]
