"""A population of every kind of object, grantee and option, and what the server itself says that each holds."""

import re
from collections.abc import Iterable, Iterator
from typing import cast

from tests.adapters.mysql.servers import read
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.names import Flavour, quote, quote_account, to_address, to_username
from whalefall_pipeline.core.model import MEMBER, Grant

Fact = tuple[str, str, str, bool]
"""Grantee, privilege, what it is on, whether it may be passed on."""

KINDS: dict[str, tuple[str, str]] = {
    "user": ("ann{}", "%"),
    "user of a net": ("ann{}", "10.%"),
    "quoted user": ("o'brien{}", "localhost"),
    "locked user": ("locked{}", "%"),
    "anonymous": ("", "{}.example"),
    "role": ("readers{}", "%"),
    "quoted role": ("wr`iters{}", "%"),
}
"""Kinds of grantees: user and host, each of which has a place for what its grants are like."""
STYLES = ("", "+", "*")
"""What a grantee's grants are like: privileges without the grant option, with it, and ALL with and without it."""
ROLE_KINDS = ("role", "quoted role")
OBJECTS = (
    ("*.*", ("SELECT", "CREATE USER", "SHOW DATABASES", "CREATE TEMPORARY TABLES", "ALL")),
    ("wf_app.*", ("SELECT", "LOCK TABLES", "CREATE TEMPORARY TABLES", "EXECUTE", "ALL")),
    (r"`app\_%`.*", ("INSERT", "ALL")),
    (r"`app_x`.*", ("INSERT",)),
    ("App_Mixed.*", ("ALTER ROUTINE", "EVENT")),
    ("wf_app.orders", ("SELECT", "CREATE VIEW", "TRIGGER", "SELECT (id)", "UPDATE (total, id)", "ALL")),
    ("wf_app.totals", ("SELECT", "SHOW VIEW")),
    ("FUNCTION wf_app.one", ("EXECUTE", "ALTER ROUTINE")),
    ("PROCEDURE wf_app.one", ("EXECUTE",)),
)
DYNAMIC = ("BACKUP_ADMIN", "role_admin", "CONNECTION_ADMIN")
TABLES = {
    "server": "SELECT grantee, privilege_type, '', is_grantable FROM information_schema.user_privileges",
    "database": "SELECT grantee, privilege_type, table_schema, is_grantable FROM information_schema.schema_privileges",
    "table": "SELECT grantee, privilege_type, concat_ws('|', table_schema, table_name), is_grantable"
    " FROM information_schema.table_privileges",
    "column": "SELECT grantee, privilege_type, concat_ws('|', table_schema, table_name, column_name), is_grantable"
    " FROM information_schema.column_privileges",
}
UNQUOTED = {"PUBLIC"}
"""A grantee that SHOW GRANTS does not quote."""
_ROUTINE = re.compile(r"GRANT (.+) ON (FUNCTION|PROCEDURE) (\S+) TO ")
_PROXY = re.compile(r"GRANT PROXY ON (.+) TO .+?( WITH GRANT OPTION)?$")
_ROLE = re.compile(r"GRANT ([`'].+?) TO .+?( WITH ADMIN OPTION)?$")


def list_grantees(flavour: Flavour) -> dict[str, tuple[str, str]]:
    """Return each grantee's kind and style, by username."""
    listed: dict[str, tuple[str, str]] = {}
    for kind, (user, host) in KINDS.items():
        for style in STYLES:
            is_role = kind in ROLE_KINDS and flavour == "mariadb"
            name = to_username(user.format(style), "" if is_role else host.format(STYLES.index(style)), flavour)
            listed[name] = (kind, style)
    return listed


def list_roles(flavour: Flavour) -> list[str]:
    return [name for name, (kind, _) in list_grantees(flavour).items() if kind in ROLE_KINDS]


def build_population(server: MysqlServer) -> list[str]:
    """Make each grantee, and give each every kind of grant in its own style; then roles to all of them."""
    flavour = server.flavour
    statements: list[str] = []
    for name, (kind, style) in list_grantees(flavour).items():
        grantee = quote_account(name, flavour)
        statements.append(f"CREATE {'ROLE' if kind in ROLE_KINDS else 'USER'} {grantee}")
        if kind == "locked user":
            statements.append(f"ALTER USER {grantee} ACCOUNT LOCK")
        statements += _build_grants(grantee, style, flavour)
    if flavour == "mariadb" and not server.lacks("public"):
        statements += [line for line in _build_grants("PUBLIC", "", flavour) if " ON *.*" not in line]
    return [*statements, *_build_memberships(flavour), *_build_proxies(flavour)]


def _build_grants(grantee: str, style: str, flavour: Flavour) -> Iterator[str]:
    dynamic = [("*.*", DYNAMIC)] if flavour == "mysql" else []
    for number, (on, words) in enumerate([*OBJECTS, *dynamic]):
        given = ["ALL"] if style == "*" and "ALL" in words else [word for word in words if word != "ALL"]
        option = style == "+" or (style == "*" and number % 2 == 1)
        for word in given:
            yield f"GRANT {word} ON {on} TO {grantee}{' WITH GRANT OPTION' if option else ''}"


def _build_memberships(flavour: Flavour) -> Iterator[str]:
    """Give each grantee but the anonymous two roles, one with the admin option; roles only those before themselves."""
    roles = list_roles(flavour)
    users = [name for name, (kind, _) in list_grantees(flavour).items() if kind not in (*ROLE_KINDS, "anonymous")]
    for number, name in enumerate([*users, *roles]):
        offered = roles[: roles.index(name)] if name in roles else roles
        for place, role in enumerate(offered[number % max(len(offered), 1) :][:2]):
            option = " WITH ADMIN OPTION" if place else ""
            yield f"GRANT {quote_account(role, flavour)} TO {quote_account(name, flavour)}{option}"


def _build_proxies(flavour: Flavour) -> Iterator[str]:
    users = [name for name, (kind, _) in list_grantees(flavour).items() if kind not in ROLE_KINDS]
    for number, name in enumerate(users[1:]):
        option = " WITH GRANT OPTION" if number % 2 else ""
        yield f"GRANT PROXY ON {quote_account(users[0], flavour)} TO {quote_account(name, flavour)}{option}"
    yield f"GRANT PROXY ON 'no`body'@'%' TO {quote_account(users[0], flavour)}"


def test_the_server_says_the_same_of_everybody_and_everything(server: MysqlServer) -> None:
    server.execute(*build_population(server))
    _, reading = read(server)
    wanted = set(list_grantees(server.flavour))
    if server.flavour == "mariadb" and not server.lacks("public"):
        wanted.add("PUBLIC")
    grants = [grant for grant in reading.grants if grant.grantee in wanted and grant.effect == "grant"]
    assert len(grants) > 1000
    shown = {fact for name in wanted for fact in read_shown(server, name)}
    held = {fact for grant in grants for fact in to_shown(grant)}
    assert held == shown
    # MariaDB's information schema leaves roles out; what they hold is compared with SHOW GRANTS alone
    listed = wanted if server.flavour == "mysql" else {name for name in wanted if "@" in name}
    for scope in TABLES:
        found = read_schema(server, scope, listed)
        ours = {to_fact(grant) for grant in grants if grant.grantee in listed and in_scope(grant, scope)}
        assert {fact for fact in ours if fact[1] != "USAGE"} == {fact for fact in found if fact[1] != "USAGE"}, scope


def in_scope(grant: Grant, scope: str) -> bool:
    own = grant.securable.scope
    return own == scope or (scope == "server" and own == "dynamic")


def to_fact(grant: Grant) -> Fact:
    securable = grant.securable
    path = "|".join(part for part in (securable.database, securable.object, securable.column) if part)
    # a column's option is its table's in MySQL and MariaDB, and the information schema repeats it
    return (grant.grantee, grant.privilege, path, grant.grant_option and securable.scope != "column")


def read_schema(server: MysqlServer, scope: str, wanted: Iterable[str]) -> set[Fact]:
    names = {_quote_as_schema(name): name for name in wanted}
    rows = cast("list[tuple[str, str, str, str]]", server.query(TABLES[scope]))
    return {
        (names[grantee], privilege, path, option == "YES" and scope != "column")
        for grantee, privilege, path, option in rows
        if grantee in names
    }


def _quote_as_schema(name: str) -> str:
    return "'{}'@'{}'".format(*to_address(name))


def to_shown(grant: Grant) -> list[Fact]:
    """What SHOW GRANTS has of routines, proxies and roles, which the information schema does not list."""
    scope, database, _, name, _ = grant.securable
    if scope in {"function", "procedure"}:
        on = f"{scope.upper()} {quote(database)}.{quote(name)}"
        return [(grant.grantee, grant.privilege, on, grant.grant_option)]
    if scope == "proxy":
        return [(grant.grantee, "PROXY", name, grant.grant_option)]
    return [(grant.grantee, MEMBER, name, grant.grant_option)] if grant.privilege == MEMBER else []


def read_shown(server: MysqlServer, name: str) -> set[Fact]:
    """Read what SHOW GRANTS says of a grantee itself; of a role MariaDB also lists what that role's own roles hold."""
    facts: set[Fact] = set()
    user, host = to_address(name)
    grantee = f" TO {quote(user)}" + (f"@{quote(host)}" if "@" in name else "")
    for (text,) in cast("list[tuple[str]]", server.query(f"SHOW GRANTS FOR {quote_account(name, server.flavour)}")):
        option = text.endswith(" OPTION")
        if grantee not in text and name not in UNQUOTED:
            continue
        if found := _ROUTINE.match(text):
            words, kind, on = found.groups()
            facts |= {(name, word, f"{kind} {on}", option) for word in words.split(", ")}
        elif found := _PROXY.match(text):
            facts.add((name, "PROXY", _to_username(found[1], server), option))
        elif found := _ROLE.match(text):
            facts |= {(name, MEMBER, _to_username(role, server), option) for role in re.split(r",(?=`)", found[1])}
    return facts


def _to_username(quoted: str, server: MysqlServer) -> str:
    parts = [part[1:-1].replace("``", "`").replace("''", "'") for part in re.split(r"(?<=[`'])@(?=[`'])", quoted)]
    return "@".join(parts)
