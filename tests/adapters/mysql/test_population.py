"""A population of every kind of object, grantee and option, and what the server itself says that each holds."""

import re
from collections.abc import Iterable
from typing import cast

from tests.adapters.mysql.servers import read
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.names import Flavour, quote, quote_account, to_address
from whalefall_pipeline.core.model import MEMBER, Grant

Fact = tuple[str, str, str, bool]
"""Grantee, privilege, what it is on, whether it may be passed on."""

GRANTEES: dict[Flavour, list[str]] = {
    "mysql": ["ann@%", "ann@10.%", "o'brien@localhost", "@localhost", "readers@%", "wr`iters@%", "locked@%"],
    "mariadb": ["ann@%", "ann@10.%", "o'brien@localhost", "@localhost", "readers", "wr`iters", "locked@%", "PUBLIC"],
}
ROLES = ("readers", "wr`iters")
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


def build_population(server: MysqlServer) -> list[str]:
    """Make each grantee, and give each every kind of grant, some with and some without the option."""
    flavour = server.flavour
    quoted = {name: quote_account(name, flavour) for name in GRANTEES[flavour]}
    made = [f"CREATE {'ROLE' if to_address(name).user in ROLES else 'USER'} {quoted[name]}" for name in quoted]
    statements = [statement for statement in made if "PUBLIC" not in statement]
    statements.append(f"ALTER USER {quoted['locked@%']} ACCOUNT LOCK")
    place = 0
    for name, grantee in quoted.items():
        if name == "PUBLIC" and server.lacks("public"):
            continue
        for on, words in OBJECTS:
            for word in words:
                place += 1
                if place % 3 == 0 or (name == "PUBLIC" and on == "*.*"):
                    continue
                option = " WITH GRANT OPTION" if place % 4 == 1 and name != "PUBLIC" else ""
                statements.append(f"GRANT {word} ON {on} TO {grantee}{option}")
        if flavour == "mysql":
            statements += [
                f"GRANT {word} ON *.* TO {grantee}{' WITH GRANT OPTION' if number % 2 else ''}"
                for number, word in enumerate(DYNAMIC)
            ]
    first, second = (name for name in quoted if to_address(name).user in ROLES)
    statements += [f"GRANT {quoted[first]} TO {quoted[name]}" for name in ("ann@%", "o'brien@localhost")]
    statements += [f"GRANT {quoted[second]} TO {quoted['ann@10.%']} WITH ADMIN OPTION"]
    statements += [f"GRANT {quoted[first]} TO {quoted[second]}"]
    statements += [f"GRANT PROXY ON {quoted['ann@%']} TO {quoted['locked@%']} WITH GRANT OPTION"]
    statements += [f"GRANT PROXY ON 'no`body'@'%' TO {quoted['ann@%']}"]
    return statements


def test_the_server_says_the_same_of_everybody_and_everything(server: MysqlServer) -> None:
    server.execute(*build_population(server))
    _, reading = read(server)
    wanted = set(GRANTEES[server.flavour])
    grants = [grant for grant in reading.grants if grant.grantee in wanted and grant.effect == "grant"]
    assert len(grants) > 300
    there = [name for name in wanted if name != "PUBLIC" or not server.lacks("public")]
    shown = {fact for name in there for fact in read_shown(server, name)}
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
