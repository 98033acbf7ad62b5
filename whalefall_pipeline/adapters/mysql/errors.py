"""What the driver's errors mean: for a login, and for the scope that a statement reads, in words that stay the same.

Loads nothing of the driver: its errors are known by their numbers.
"""

import ssl
from collections.abc import Callable, Sequence

from whalefall_pipeline.adapters.mysql.names import Flavour
from whalefall_pipeline.adapters.mysql.rows import UnknownRowError
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import SERVER, Observation, Security, Seen

NO_MYSQL = "what answers there does not speak MySQL's protocol"
REFUSED = {
    1044: "the login has no right to connect",
    1045: "the server refuses the login: wrong user name, password or host, or an anonymous account shadows it",
    1184: (
        "the server's init_connect fails for this login: mend it, or exempt the login from it by GRANT CONNECTION_ADMIN"
        " (MariaDB: CONNECTION ADMIN, before 10.5 SUPER)"
    ),
    1130: "the server lets no account in from this host",
    1698: "the server refuses the login: the account takes no password (unix_socket, auth_socket)",
    1820: "the login's password must be changed first",
    1862: "the login's password has expired",
    3118: "the login is locked",
    3159: "the server takes encrypted connections only: set the option tls",
    2059: (
        "the account logs in by a method that can't be used from here; native, SHA-256 and ed25519 passwords can,"
        " and PAM with one question"
    ),
    3955: "the login is locked after too many wrong passwords",
    4151: "the login is locked",
}
BUSY = {
    1040: "the server has too many connections",
    1053: "the server is shutting down",
    1129: "the server blocks this host after too many failed connections",
    1203: "the login has too many connections",
    1226: "the login has used up its resource limit",
}
LOST = frozenset({0, 1053, 1927, 2006, 2013, 2014, 3169, 4031})

WRONG_LOGIN = 1045

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
    "definers": "the definers of views, routines, triggers and events (MariaDB: mysql.proc and mysql.event too)",
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

REMEDY = "; GRANT SELECT ON mysql.* to the login opens all of them"
TOO_MUCH = "the server sent more than {limit:,} bytes at once; WHALEFALL_ANSWER_BYTES sets the limit of an answer"
TOO_MUCH_OF_A_LOGIN = "the server sent more than {limit:,} bytes during the login, which no server needs"
CLEARTEXT = (
    "the server asks for the password itself ({method}), and nothing verifies that it is the right one: set the option"
    " tls to verify-full (and tls_ca), or, to send it all the same, allow_cleartext_password to yes"
)


class PasswordAskedError(Exception):
    """The server asked for the password itself, by this method, where it may not have it."""


class StatementError(Exception):
    """The server refused a statement, with an error number (0: none) and its own text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class NotSeenError(Exception):
    """A scope can't be read with this login; the text says what is missing, and `remedy` what opens it."""

    def __init__(self, text: str, remedy: str = REMEDY) -> None:
        super().__init__(text)
        self.remedy = remedy


def to_statement_error(error: Exception) -> DatabaseConnectionError | StatementError:
    """Turn the driver's error of a statement into ours."""
    code = find_code(error)
    if code in LOST:
        return DatabaseConnectionError("the connection was lost while reading", transient=True)
    return StatementError(code, _find_text(error))


def to_login_error(error: Exception, security: Security, *, has_certificate: bool) -> DatabaseConnectionError:
    """Return in one line why no connection came about, and whether trying again may help."""
    code = find_code(error)
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return DatabaseConnectionError(f"the server's certificate is refused: {cause.verify_message}", transient=False)
    if code in REFUSED:
        needed = _find_needed(code, security, has_certificate=has_certificate)
        return DatabaseConnectionError(f"{REFUSED[code]} (error {code}){needed}", transient=False)
    if code in BUSY:
        return DatabaseConnectionError(f"{BUSY[code]} (error {code})", transient=True)
    if type(error).__name__ == "InternalError" and not code:
        return DatabaseConnectionError(NO_MYSQL, transient=False)
    if code in LOST or isinstance(cause, OSError):
        return DatabaseConnectionError("the connection was lost during the login", transient=True)
    return DatabaseConnectionError(_find_text(error), transient=False)


def _find_needed(code: int, security: Security, *, has_certificate: bool) -> str:
    """Return what an account may need of the connection; the server does not say so itself."""
    if code != WRONG_LOGIN:
        return ""
    if not security.encrypted:
        who = "the account (REQUIRE SSL) or the server (require_secure_transport)"
        return f"; where {who} takes TLS only, set the option tls"
    return "" if has_certificate else "; one that must show a certificate (REQUIRE X509) needs tls_cert and tls_key"


def find_code(error: Exception) -> int:
    """Return the server's or the driver's error number; 0 when there is none."""
    if isinstance(error, StatementError):
        return error.code
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0


def _find_text(error: Exception) -> str:
    return " ".join(str(part) for part in error.args if not isinstance(part, int)) or str(error)


def observe(scope: str, read: Callable[[], None]) -> Observation:
    """Read a scope and return what was seen of it. A lost server raises, as does an unreadable account list."""
    try:
        read()
    except (NotSeenError, StatementError) as error:
        return why_not(TABLES[scope], error)
    except UnknownRowError as error:
        return Observation(Seen.UNREACHABLE, str(error))
    return Observation(Seen.OBSERVED)


def why_not(tables: str, error: Exception) -> Observation:
    """Return why a statement on these tables returned nothing."""
    if isinstance(error, NotSeenError):
        return Observation(Seen.DENIED, f"{error}{error.remedy}")
    code = find_code(error)
    if code in DENIED:
        return Observation(Seen.DENIED, f"no SELECT on {tables}{REMEDY}")
    if code in TIMED_OUT:
        return Observation(Seen.TIMED_OUT, f"reading {tables} took longer than the limit for a statement")
    return Observation(Seen.UNREACHABLE, f"reading {tables} failed with error {code}")


def to_mask(table: str, visible: Sequence[str]) -> list[str]:
    """Return a table's `*_priv` columns in the server's order; raises NotSeenError when some are hidden."""
    needed = SERVER_COLUMNS if table == "user" else DATABASE_COLUMNS
    if not needed <= set(visible):
        raise NotSeenError(f"no SELECT on mysql.{table}")
    return [column for column in visible if column.endswith("_priv")]
