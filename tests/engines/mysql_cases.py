"""What is granted on MariaDB and MySQL in tests: the objects, one case or more per scope, and drawn sets of grants."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.engines.engine import ACCOUNT, ScopeCase
from whalefall_pipeline.adapters.mysql.names import Flavour, quote, quote_account, to_username
from whalefall_pipeline.core.model import MEMBER, Grant, Securable

T = TypeVar("T")

PROBE = f"{ACCOUNT}@%"
TO = f"`{ACCOUNT}`@`%`"
GIVE_ROLE = f"GRANT wf_scope TO {TO} WITH ADMIN OPTION"
TAKE_ROLE = f"REVOKE wf_scope FROM {TO}"
SERVER: dict[Flavour, Sequence[str]] = {
    "mysql": ("SELECT", "INSERT", "REPLICATION SLAVE", "REPLICATION CLIENT", "SHOW DATABASES", "CREATE ROLE"),
    "mariadb": ("SELECT", "INSERT", "REPLICATION SLAVE", "BINLOG MONITOR", "SHOW DATABASES", "DELETE HISTORY"),
}
ODD_TABLE = "Mixed `Case`.tbl"
ODD_COLUMN = "odd `col`"

_COMMON = (
    "CREATE DATABASE wf_app",
    "CREATE DATABASE App_Mixed",
    "CREATE DATABASE app_mixed",
    f"CREATE TABLE wf_app.orders (id INT, total INT, {quote(ODD_COLUMN)} INT)",
    f"CREATE TABLE wf_app.{quote(ODD_TABLE)} (id INT)",
    "CREATE VIEW wf_app.totals AS SELECT total FROM wf_app.orders",
    "CREATE FUNCTION wf_app.one() RETURNS INT DETERMINISTIC RETURN 1",
    "CREATE PROCEDURE wf_app.one() SELECT 1",
    "CREATE ROLE wf_scope",
)
OBJECTS: dict[Flavour, Sequence[str]] = {
    "mysql": (*_COMMON, "CREATE LIBRARY wf_app.lib LANGUAGE JAVASCRIPT AS $$ export function f(n) { return n } $$"),
    "mariadb": (
        *_COMMON,
        "SET SESSION sql_mode = 'ORACLE'",
        "CREATE PACKAGE wf_app.pkg AS FUNCTION one RETURN INT; END;",
        "CREATE PACKAGE BODY wf_app.pkg AS FUNCTION one RETURN INT AS BEGIN RETURN 1; END; END;",
        "SET SESSION sql_mode = DEFAULT",
    ),
}


def _case(name: str, on: str, privileges: Sequence[str], securable: Securable, *, option: bool = False) -> ScopeCase:
    words = ", ".join(privileges)
    return ScopeCase(
        name,
        grant=(f"GRANT {words} ON {on} TO {TO}{' WITH GRANT OPTION' if option else ''}",),
        revoke=(
            *([] if words == "USAGE" else [f"REVOKE {words} ON {on} FROM {TO}"]),
            *([f"REVOKE GRANT OPTION ON {on} FROM {TO}"] if option else []),
        ),
        expected=[Grant(PROBE, privilege, securable, option) for privilege in privileges],
    )


def _in_oracle_mode(case: ScopeCase) -> ScopeCase:
    """MariaDB's grammar knows PACKAGE in Oracle mode only."""
    mode, back = "SET SESSION sql_mode = 'ORACLE'", "SET SESSION sql_mode = DEFAULT"
    return ScopeCase(case.name, (mode, *case.grant, back), (mode, *case.revoke, back), case.expected)


def to_scope_cases(flavour: Flavour) -> list[ScopeCase]:
    """Return one case or more for each scope of a server."""
    orders = Securable("table", "wf_app", "", "orders")
    odd = Securable("table", "wf_app", "", ODD_TABLE)
    column = Securable("column", "wf_app", "", "orders", ODD_COLUMN)
    shared = [
        _case("server", "*.*", SERVER[flavour], Securable("server"), option=True),
        _case("database", "wf_app.*", ["SELECT", "CREATE TEMPORARY TABLES"], Securable("database", "wf_app")),
        _case("database pattern", r"`app\_%`.*", ["SELECT"], Securable("database", r"app\_%"), option=True),
        _case("database in capitals", "App_Mixed.*", ["SELECT"], Securable("database", "App_Mixed")),
        # Before the table: revoking a privilege of the table revokes it for the columns too.
        ScopeCase(
            "column",
            (f"GRANT SELECT ({quote(ODD_COLUMN)}), UPDATE ({quote(ODD_COLUMN)}) ON wf_app.orders TO {TO}",),
            (f"REVOKE SELECT ({quote(ODD_COLUMN)}), UPDATE ({quote(ODD_COLUMN)}) ON wf_app.orders FROM {TO}",),
            [Grant(PROBE, "SELECT", column), Grant(PROBE, "UPDATE", column)],
        ),
        _case("table", "wf_app.orders", ["SELECT", "CREATE VIEW"], orders, option=True),
        _case("table with an odd name", f"wf_app.{quote(ODD_TABLE)}", ["SELECT", "TRIGGER"], odd),
        _case("function", "FUNCTION wf_app.one", ["EXECUTE"], Securable("function", "wf_app", "", "one")),
        _case(
            "procedure",
            "PROCEDURE wf_app.one",
            ["EXECUTE", "ALTER ROUTINE"],
            Securable("procedure", "wf_app", "", "one"),
        ),
        ScopeCase(
            "proxy",
            (f"GRANT PROXY ON 'any`one'@'%' TO {TO}",),
            (f"REVOKE PROXY ON 'any`one'@'%' FROM {TO}",),
            [Grant(PROBE, "PROXY", Securable("proxy", object="any`one@%"))],
        ),
    ]
    return shared + (_mysql_cases() if flavour == "mysql" else _mariadb_cases())


def _mysql_cases() -> list[ScopeCase]:
    role = Securable("role", object="wf_scope@%")
    restricted = Securable("database", "App_Mixed")
    return [
        _case("dynamic", "*.*", ["CONNECTION_ADMIN"], Securable("dynamic")),
        _case("dynamic with grant option", "*.*", ["BACKUP_ADMIN", "ROLE_ADMIN"], Securable("dynamic"), option=True),
        ScopeCase(
            "partial revoke",
            (f"REVOKE INSERT ON App_Mixed.* FROM {TO}",),
            (),  # it goes with the privilege on the whole server
            [Grant(PROBE, "INSERT", restricted, effect="revoke")],
        ),
        _case("library", "LIBRARY wf_app.lib", ["EXECUTE"], Securable("library", "wf_app", "", "lib")),
        ScopeCase(
            "role",
            (GIVE_ROLE, f"SET DEFAULT ROLE wf_scope TO {TO}"),
            (f"SET DEFAULT ROLE NONE TO {TO}", TAKE_ROLE),
            [Grant(PROBE, MEMBER, role, grant_option=True), Grant(PROBE, "DEFAULT", role)],
        ),
    ]


def _mariadb_cases() -> list[ScopeCase]:
    role = Securable("role", object="wf_scope")
    package = Securable("package", "wf_app", "", "pkg")
    return [
        _in_oracle_mode(_case("package", "PACKAGE wf_app.pkg", ["EXECUTE"], package, option=True)),
        _in_oracle_mode(
            _case("package body", "PACKAGE BODY wf_app.pkg", ["EXECUTE"], package._replace(scope="package_body"))
        ),
        ScopeCase(
            "role",
            (
                GIVE_ROLE,
                f"SET DEFAULT ROLE wf_scope FOR {TO}",
            ),
            (f"SET DEFAULT ROLE NONE FOR {TO}", TAKE_ROLE),
            [Grant(PROBE, MEMBER, role, grant_option=True), Grant(PROBE, "DEFAULT", role)],
        ),
        ScopeCase(
            "public",
            ("GRANT SELECT ON wf_app.* TO PUBLIC",),
            ("REVOKE SELECT ON wf_app.* FROM PUBLIC",),
            [Grant("PUBLIC", "SELECT", Securable("database", "wf_app"))],
        ),
    ]


USERS = ("ann", "o'brien", "Mixed`User", "at@home")
ROLES = ("readers", "quoted 'role'", "Role@Site")
SERVER_WORDS = (
    "SELECT",
    "INSERT",
    "PROCESS",
    "CREATE USER",
    "REPLICATION SLAVE",
    "SHOW DATABASES",
    "SHUTDOWN",
    "SUPER",
)
DYNAMIC_WORDS = ("BACKUP_ADMIN", "ROLE_ADMIN", "CONNECTION_ADMIN")
DATABASE_WORDS = ("SELECT", "INSERT", "LOCK TABLES", "CREATE ROUTINE", "EVENT", "CREATE TEMPORARY TABLES")
DATABASES = ("wf_app", "App_Mixed", "app_mixed", r"app\_%", "no such `db`")
TABLE_WORDS = ("SELECT", "INSERT", "CREATE VIEW", "SHOW VIEW", "TRIGGER", "REFERENCES", "ALTER")
TABLES = ("wf_app.orders", f"wf_app.{quote(ODD_TABLE)}", "wf_app.totals")
COLUMNS = ("id", "total", ODD_COLUMN)
COLUMN_WORDS = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
ROUTINES = ("FUNCTION wf_app.one", "PROCEDURE wf_app.one")
ACCOUNT_OPTIONS = (
    "REQUIRE SSL",
    "REQUIRE X509",
    r"REQUIRE CIPHER 'A' AND ISSUER '/CN=it''s' AND SUBJECT '/CN=back\\slash'",
    "WITH MAX_USER_CONNECTIONS 3 MAX_QUERIES_PER_HOUR 7",
    "PASSWORD EXPIRE INTERVAL 30 DAY",
    "PASSWORD EXPIRE NEVER",
    "ACCOUNT LOCK",
)


def draw_statements(flavour: Flavour) -> SearchStrategy[list[str]]:
    """Draw statements that make accounts and roles and grant to them in all scopes, in an order that runs."""
    return _statements(flavour)


@st.composite
def _statements(draw: DrawFn, flavour: Flavour) -> list[str]:
    addresses = draw(_some(_addresses(), least=1))
    users = [quote_account(f"{name}@{host}", flavour) for name, host in addresses]
    # MySQL 9.7 refuses a partial revoke (1141) where the same name from another host holds that on the database, and in
    # the other order the grant (3901).
    names = Counter(name for name, _ in addresses)
    shared = {user for user, (name, _) in zip(users, addresses, strict=True) if names[name] > 1}
    roles = [
        quote_account(to_username(name, "%" if flavour == "mysql" else "", flavour), flavour)
        for name in draw(_some(ROLES))
    ]
    statements = [f"CREATE USER {user} {draw(st.sampled_from(('', *ACCOUNT_OPTIONS)))}" for user in users]
    statements += [f"CREATE ROLE {role}" for role in roles]
    statements += draw(_memberships(flavour, users, roles))
    for grantee in [*users, *roles]:
        statements += draw(_grants(flavour, grantee, is_restricted=flavour == "mysql" and grantee not in shared))
    for user in users:
        statements += [
            f"GRANT PROXY ON {proxied} TO {user}{_option(draw)}" for proxied in draw(_some(users)) if proxied != user
        ]
    return statements


def _addresses() -> list[tuple[str, str]]:
    return [(name, host) for name in USERS for host in ("%", "10.0.0.%")]


@st.composite
def _memberships(draw: DrawFn, flavour: Flavour, users: list[str], roles: list[str]) -> list[str]:
    statements: list[str] = []
    for place, role in enumerate(roles):
        members = draw(_some([*users, *roles[place + 1 :]]))
        statements += [
            f"GRANT {role} TO {member}{draw(st.sampled_from(('', ' WITH ADMIN OPTION')))}" for member in members
        ]
        statements += [
            f"SET DEFAULT ROLE {role} {'TO' if flavour == 'mysql' else 'FOR'} {member}"
            for member in members
            if member in users and draw(st.booleans())
        ]
    return statements


@st.composite
def _grants(draw: DrawFn, flavour: Flavour, grantee: str, *, is_restricted: bool) -> list[str]:
    server = draw(_some(SERVER_WORDS))
    found = [("*.*", server)]
    found += [(f"{quote(database)}.*", draw(_some(DATABASE_WORDS))) for database in draw(_some(DATABASES))]
    found += [(table, draw(_some(TABLE_WORDS))) for table in draw(_some(TABLES))]
    found += [(routine, draw(_some(("EXECUTE", "ALTER ROUTINE")))) for routine in draw(_some(ROUTINES))]
    found += [
        ("wf_app.orders", [f"{word} ({quote(column)})" for word in draw(_some(COLUMN_WORDS))])
        for column in draw(_some(COLUMNS))
    ]
    if flavour == "mysql":
        found += [("*.*", [word]) for word in draw(_some(DYNAMIC_WORDS))]
    statements = [f"GRANT {', '.join(words)} ON {on} TO {grantee}{_option(draw)}" for on, words in found if words]
    if is_restricted:
        restricted = draw(_some([word for word in ("SELECT", "INSERT") if word in server]))
        statements[1:1] = [f"REVOKE {word} ON wf_app.* FROM {grantee}" for word in restricted]
    return statements


def _option(draw: DrawFn) -> str:
    return draw(st.sampled_from(("", " WITH GRANT OPTION")))


def _some(values: Sequence[T], least: int = 0) -> SearchStrategy[list[T]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=4, unique=True) if values else st.just([])
