"""A population in which every rule of effective access matters to somebody, as statements for a fresh server."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from whalefall_pipeline.adapters.mysql.names import Flavour

LOCAL, ELSEWHERE, FAR = "127.0.0.1", "127.0.0.2", "127.1.1.1"
"""Where clients come from: the first is `localhost` to the server, the others have no name."""
DATABASES = ("appx", "app_y", "shop")


class Login(NamedTuple):
    """An account, the address that it logs in from, what it is granted, and its roles (`!`: on as a login begins)."""

    user: str
    grants: Sequence[str] = ()
    roles: str = ""
    host: str = "%"
    comes_from: str = ""

    @property
    def username(self) -> str:
        return f"{self.user}@{self.host}"

    @property
    def address(self) -> str:
        return self.comes_from or (LOCAL if self.host == "localhost" else ELSEWHERE)


class Role(NamedTuple):
    """A role, what it is granted, and the roles in it."""

    name: str
    grants: Sequence[str] = ()
    roles: str = ""


ROLES = (
    Role("r_none"),
    Role("r_wild", ["SELECT ON `app%`.*"]),
    Role("r_name", ["UPDATE ON appx.*"]),
    Role("r_both", ["SELECT ON `app%`.*", "UPDATE ON appx.*"]),
    Role("r_in", ["SELECT ON `app%`.*"], "r_name"),
    Role("r_in_wild", ["SELECT ON `app%`.*"], "r_longer"),
    Role("r_longer", ["INSERT ON `appx%`.*"]),
    Role("r_table", ["SELECT ON shop.t", "INSERT (id) ON shop.t", "EXECUTE ON PROCEDURE shop.p"]),
    Role("r_deep", (), "r_middle"),
    Role("r_middle", (), "r_table"),
    Role("r_server", ["SELECT, PROCESS ON *.*"]),
)

LOGINS = (
    Login("nothing"),
    Login("server", ["SELECT, CREATE USER ON *.*"]),
    Login("process", ["PROCESS, RELOAD ON *.*"]),
    Login("pattern", ["SELECT ON `app%`.*", "INSERT ON appx.*"]),
    Login("longer", ["SELECT ON `app%`.*", "INSERT ON `appx%`.*"]),
    Login("escaped", [r"SELECT ON `app\_y`.*", "INSERT ON `app_y`.*"]),
    Login("front", ["SELECT ON `a%`.*", "INSERT ON `%x`.*"]),
    Login("one_wild", ["SELECT ON `app_`.*", "INSERT ON `a_px`.*"]),
    Login("many_one", ["SELECT ON `app%`.*", "INSERT ON `app_`.*", "DELETE ON `____`.*"]),
    Login("all_names", ["SELECT ON `%`.*", "INSERT ON `a%`.*"]),
    Login("two_many", ["SELECT ON `%p%`.*", "INSERT ON `%x`.*", "UPDATE ON `s%`.*"]),
    Login("cased", ["SELECT ON `APP%`.*", "INSERT ON `SHOP`.*"]),
    Login("hosts", ["SELECT ON appx.*", "DELETE ON shop.t", "UPDATE ON *.*"]),
    Login("hosts", ["INSERT ON `app%`.*"], host="localhost"),
    Login("wide", ["SELECT ON appx.*", "DELETE ON shop.t", "INSERT (id) ON shop.t", "EXECUTE ON PROCEDURE shop.p"]),
    Login("wide", host="localhost"),
    Login("narrow", ["SELECT ON shop.t", "UPDATE (v) ON shop.t"]),
    Login("narrow", ["INSERT ON shop.t"], host="localhost"),
    Login("shaded", ["SELECT, UPDATE ON shop.t"]),
    Login("shaded", ["UPDATE (v) ON shop.t"], host="localhost"),
    Login("columns", ["SELECT ON shop.t", "EXECUTE ON PROCEDURE shop.p"]),
    Login("columns", ["UPDATE (v) ON shop.t", "EXECUTE ON FUNCTION shop.f"], host="localhost"),
    Login("network", ["SELECT ON appx.*"], host="127.0.0.0/255.255.255.0"),
    Login("network", ["INSERT ON appx.*"], comes_from=FAR),
    Login("nets", ["SELECT ON appx.*"], host="127.0.0.0/255.255.255.0"),
    Login("nets", [r"UPDATE ON `app\_y`.*", "DELETE ON shop.t"], "", "127.0.0.0/255.0.0.0", FAR),
    Login("local_net", ["SELECT ON appx.*"], host="127.0.0.%"),
    Login("local_net", ["INSERT ON appx.*", "INSERT ON shop.t"], "", "127.%", FAR),
    Login("table", ["SELECT, DELETE ON shop.t"]),
    Login("column", ["SELECT (id), UPDATE (v) ON shop.t"]),
    Login("routine", ["EXECUTE ON PROCEDURE shop.p"]),
    Login("function", ["EXECUTE ON FUNCTION shop.f", "EXECUTE ON appx.*"]),
    Login("own_name", ["INSERT ON appx.*"], "r_wild!"),
    Login("own_wild", ["INSERT ON `app%`.*"], "r_name!"),
    Login("own_two", ["INSERT ON `app%`.*", "DELETE ON `appx%`.*"], "r_wild!"),
    Login("both", (), "r_both!"),
    Login("inner", (), "r_in!"),
    Login("inner_wild", (), "r_in_wild!"),
    Login("deep", (), "r_deep!"),
    Login("off", ["INSERT ON appx.*"], "r_wild"),
    Login("off_name", ["INSERT ON `app%`.*"], "r_name"),
    Login("off_none", ["SELECT ON `app%`.*", "INSERT ON `appx%`.*"], "r_none"),
    Login("off_deep", (), "r_deep"),
    Login("off_server", ["DELETE ON shop.*"], "r_server"),
    Login("two_roles", (), "r_server r_table"),
    Login("role_host", ["SELECT ON appx.*", "SELECT ON shop.t", "EXECUTE ON FUNCTION shop.f"]),
    Login("role_host", (), "r_none!", "localhost"),
    Login("other_role", (), "r_table"),
    Login("other_role", host="localhost"),
    Login("every", ["SELECT ON appx.*"]),
    Login("every_wild", ["SELECT ON `app%`.*"]),
    Login("every_role", ["SELECT ON appx.*"], "r_none!"),
    Login("every_local", ["SELECT ON appx.*"], host="localhost"),
    Login("Quote'd", [r"SELECT ON `app\_y`.*"]),
)

REVOKED = (
    Login("kept_out", ["SELECT, INSERT ON *.*"]),
    Login("kept_table", ["SELECT ON *.*", "SELECT ON appx.t"]),
    Login("kept_column", ["SELECT ON *.*", "SELECT (id) ON shop.t"]),
    Login("kept_role", ["SELECT ON *.*"], "r_server!"),
    Login("kept_twice", ["SELECT ON *.*"], "r_kept!"),
    Login("kept_none", ["SELECT ON *.*"], "r_none!"),
    Login("kept_pattern", ["SELECT ON *.*"], "r_wild!"),
    Login("kept_off", (), "r_kept"),
)
"""MySQL accounts (`partial_revokes` on) whose SELECT on the whole server does not reach appx."""
EVERYBODYS = (("%", "appx", "delete"), ("%", r"app\_y", "insert"), ("localhost", "app%", "update"))
"""Rows of mysql.db without a user: host, database, privilege."""


def build(flavour: Flavour, *, revokes: bool = False) -> Iterator[str]:
    """Yield the statements that make it; `revokes`: with partial revokes, which MySQL must be set to."""
    for database in DATABASES:
        yield from (f"CREATE DATABASE {database}", f"CREATE TABLE {database}.t (id INT, v INT)")
        yield f"CREATE PROCEDURE {database}.p() SELECT 1"
        yield f"CREATE FUNCTION {database}.f() RETURNS INT DETERMINISTIC RETURN 1"
    kept = [Role("r_kept", ["SELECT, INSERT ON *.*"])] if revokes else []
    for role in (*ROLES, *kept):
        yield f"CREATE ROLE {role.name}"
        yield from (f"GRANT {grant} TO {role.name}" for grant in role.grants)
    yield from (f"GRANT {inner} TO {role.name}" for role in ROLES for inner in role.roles.split())
    for login in list_logins(revokes=revokes):
        yield from _create(login, flavour)
    if revokes:
        yield from (f"REVOKE SELECT ON appx.* FROM {_quote(login)}" for login in REVOKED if login.user != "kept_off")
        yield "REVOKE SELECT ON appx.* FROM r_kept"
    for host, database, privilege in EVERYBODYS:
        escaped = database.replace("\\", "\\\\")
        yield f"INSERT INTO mysql.db (host, db, user, {privilege}_priv) VALUES ('{host}', '{escaped}', '', 'Y')"
    yield "FLUSH PRIVILEGES"


def list_logins(*, revokes: bool = False) -> Sequence[Login]:
    """Return the accounts that log in."""
    return (*LOGINS, *(REVOKED if revokes else ()))


def _create(login: Login, flavour: Flavour) -> Iterator[str]:
    name = _quote(login)
    yield f"CREATE USER {name}"
    yield from (f"GRANT {grant} TO {name}" for grant in login.grants)
    for role in login.roles.split():
        yield f"GRANT {role.rstrip('!')} TO {name}"
        if role.endswith("!"):
            yield f"SET DEFAULT ROLE {role.rstrip('!')} {'FOR' if flavour == 'mariadb' else 'TO'} {name}"


def _quote(login: Login) -> str:
    user = login.user.replace("'", "''")
    return f"'{user}'@'{login.host}'"
