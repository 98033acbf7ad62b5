"""Names that try to leave their quotes, begin a line of their own or be taken for a client's command."""

from whalefall_pipeline.adapters.sqlserver.names import to_principal, to_username
from whalefall_pipeline.adapters.sqlserver.securables import MAPPED, OWNER
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Grant, Json, Kind, Securable

DATABASE = "Shop"
COMMANDS = ("GO", ":!! touch x", "!! touch x", ":r /etc/passwd", ":setvar a b", ":connect h", ":exit", "exit", "quit",
            "reset", "ed", ":out x", "DROP DATABASE [Shop]", "--", "/*", "*/", "\\")  # fmt: skip
"""What sqlcmd takes for a command at the beginning of a line, and what T-SQL does."""
BREAKS = ("\n", "\r", "\r\n", "\u0085", "\u2028", "\u2029", "\x0b", "\x0c", "\x00", "\x1a")
HOSTILE_NAMES = (
    *(f"e{break_}{command}{break_}x" for break_ in BREAKS[:3] for command in COMMANDS),
    *(f"e{break_}GO{break_}" for break_ in BREAKS),
    "$(SQLCMDPASSWORD)", "$(PATH)", "a$(x", "$", "$$(x)", "a]b", "a]]b", "]", "[", "[x]", "o'brien", "''", "';--",
    "x'; EXEC (@statement)", "N'", "'' + NCHAR(10) + ''", "\u202ecod", "a\tb", "-- x", "*/ DROP LOGIN [sa] /*",
    "\U0001f600", "\udc80", "é" * 127,
)  # fmt: skip


def build_hostile_states() -> dict[str, AccountState]:
    """Build logins, roles and users of these names, each of which holds something on securables of the same name."""
    states: dict[str, AccountState] = {}
    for name in HOSTILE_NAMES:
        accounts: tuple[tuple[str, Kind, dict[str, Json]], ...] = (
            (
                to_username("", name),
                Kind.USER,
                {"principal_type": "SQL_LOGIN", "sid": "0x01", "default_database": name},
            ),
            (to_username(DATABASE, name), Kind.ROLE, {"principal_type": "DATABASE_ROLE", "database": DATABASE}),
            (to_username(DATABASE, f"u{name}"), Kind.USER, _contained(name)),
            (to_username(name, "ann"), Kind.USER, _contained(name) | {"database": name}),
        )
        for username, kind, attributes in accounts:
            grants = _build_grants(username, name)
            if not to_principal(username).database:
                grants |= {Grant(username, MAPPED, Securable("database_user", DATABASE, object=name))}
            states[username] = AccountState.of(Account(username, kind, attributes), grants)
    return states


def _contained(name: str) -> dict[str, Json]:
    return {
        "principal_type": "SQL_USER", "database": DATABASE, "authentication_type": "DATABASE", "sid": "0x02",
        "default_schema": name,
    }  # fmt: skip


def _build_grants(username: str, name: str) -> frozenset[Grant]:
    return frozenset({
        Grant(username, "SELECT", Securable("table", DATABASE, name, name)),
        Grant(username, "SELECT", Securable("column", DATABASE, name, name, name), effect="revoke"),
        Grant(username, "IMPERSONATE", Securable("login", object=name), effect="deny"),
        Grant(username, MEMBER, Securable("database_role", DATABASE, object=to_username(DATABASE, name))),
        Grant(username, OWNER, Securable("schema", DATABASE, object=name)),
        Grant(username, "FLY", Securable("other", DATABASE, object=name)),
        Grant(username, "EXECUTE AS", Securable("routine", DATABASE, name, name)),
        Grant(username, OWNER, Securable("database", name)),
    })  # fmt: skip
