"""Who has, or may take, what another principal has: memberships, public, impersonation, alterable roles. Pure.

See `access_principals` for the places of users that somebody acts as.

Sources, Microsoft Learn: "EXECUTE AS (Transact-SQL)", "ALTER ROLE", "ALTER SERVER ROLE", "ALTER LOGIN",
"ALTER USER" (a contained user's password takes ALTER ANY USER, where the old one is not known), "Principals".
"""

from collections.abc import Iterator
from typing import NamedTuple

from whalefall_pipeline.adapters.sqlserver.access_permissions import CONTROL, CONTROL_SERVER, find_covers
from whalefall_pipeline.adapters.sqlserver.access_principals import SYSADMIN, Principals, to_user
from whalefall_pipeline.adapters.sqlserver.fixed_roles import FIXED_DATABASE_ROLES, FIXED_SERVER_ROLES
from whalefall_pipeline.adapters.sqlserver.names import quote_literal, quote_name, to_principal, to_username
from whalefall_pipeline.adapters.sqlserver.rows import PUBLIC
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE, DATABASE_USER, LOGIN, MAPPED, OWNER
from whalefall_pipeline.core.access.graph import Graph, ListedLinks
from whalefall_pipeline.core.access.model import Link, Population, Question
from whalefall_pipeline.core.model import MEMBER, SERVER, Held, Kind, Securable

ANY_LOGIN = "\0any login"
_ANY_USER = "\0any user of "
SETS_PASSWORDS = "may set passwords (ALTER ANY USER)"


class Impersonable(NamedTuple):
    """Somebody whom others may act as: the permission for it, the place that it leads to, and the statement."""

    question: Question
    place: str
    step: str


def find_links(population: Population) -> list[Link]:
    """Return all links of a population."""
    principals = Principals(population)
    plain = _list_plain(principals)
    graph = Graph(ListedLinks(plain, population.accounts.keys()), None)
    return [
        *plain,
        *_list_users(principals),
        *_list_impersonations(principals, graph),
        *_list_alterable_roles(principals),
        *_list_password_setters(principals),
        *_list_password_setters_of_databases(principals, graph),
    ]


def build_plain_graph(principals: Principals) -> Graph:
    """Return the graph of what accounts have without a step: memberships, and what everybody has."""
    return Graph(ListedLinks(_list_plain(principals), principals.accounts.keys()), None)


def _list_plain(principals: Principals) -> list[Link]:
    return [*_list_memberships(principals), *_list_everybody(principals)]


def _list_memberships(principals: Principals) -> Iterator[Link]:
    for item, holders in principals.holders.items():
        if item.privilege == MEMBER:
            role, database = item.securable.object, item.securable.database
            for username in holders:
                since = principals.population.find_since(username, item)
                yield Link(username, role, f"member of {role}", "", database, item, since)


def _list_everybody(principals: Principals) -> Iterator[Link]:
    """Everybody is in public: of the server each login, of a database each user, and who comes in as its guest."""
    logins = [name for name in principals.accounts if principals.is_login(name)]
    if _holds(principals, PUBLIC):
        yield from (Link(name, PUBLIC, "everybody (public)") for name in logins)
    for database in principals.databases:
        public, guest = to_username(database, PUBLIC), to_username(database, "guest")
        members = set(principals.users.get(database, {}).values())
        has_guest = any(name == guest for name, _ in principals.hold(["CONNECT"], Securable(DATABASE, database)))
        if has_guest:
            for name in logins:
                if name not in members:
                    yield Link(name, guest, f"guest of {database}", "", database)
        if _holds(principals, public):
            any_database = {name for name, _ in principals.hold(["CONNECT ANY DATABASE"], Securable(SERVER))}
            for name in members | any_database:
                yield Link(name, public, f"everybody in {database} (public)", "", database)


def _holds(principals: Principals, username: str) -> bool:
    return username in principals.accounts and bool(principals.accounts[username].held)


def _list_users(principals: Principals) -> Iterator[Link]:
    """Whoever acts as a user has the user's roles in that database, and what everybody has there."""
    for database, users in principals.users.items():
        public = to_username(database, PUBLIC)
        for username in users.values():
            if not principals.is_login(username):
                continue
            place = to_user(database, username)
            for item in principals.accounts[username].held:
                if item.privilege == MEMBER and item.securable.database == database:
                    role = item.securable.object
                    yield Link(place, role, f"member of {role}", "", database, item)
            if _holds(principals, public):
                yield Link(place, public, f"everybody in {database} (public)", "", database)


def _list_impersonations(principals: Principals, graph: Graph) -> Iterator[Link]:
    for target in list_impersonable(principals):
        words = f"may act as {target.question.securable.object}"
        yield from list_who_may(principals, graph, target.question, (target.place, words, target.step))


def list_impersonable(principals: Principals) -> Iterator[Impersonable]:
    """Yield the logins and users that somebody may act as."""
    named = {item.securable for item in principals.holders if item.privilege not in (MAPPED, "ALTER")}
    for login in filter(principals.is_login, principals.accounts):
        securable = Securable(LOGIN, object=to_principal(login).name)
        if securable in named or principals.may_all(SERVER, "", ("IMPERSONATE ANY LOGIN", CONTROL_SERVER)):
            step = f"EXECUTE AS LOGIN = {quote_literal(securable.object)}"
            yield Impersonable(Question("IMPERSONATE", securable), login, step)
    for database, users in principals.users.items():
        may_all = principals.may_all(DATABASE, database, (CONTROL,)) or principals.may_all(
            SERVER, "", (CONTROL_SERVER,)
        )
        for user in {*users, "dbo"}:
            securable = Securable(DATABASE_USER, database, object=user)
            if securable in named or may_all or user == "dbo":
                step = f"USE {quote_name(database)}; EXECUTE AS USER = {quote_literal(user)}"
                yield Impersonable(Question("IMPERSONATE", securable), principals.find_place(database, user), step)


def list_who_may(principals: Principals, graph: Graph, question: Question, to: tuple[str, str, str]) -> Iterator[Link]:
    """Yield links of those who have a permission, on a principal or around it, and are not denied it.

    `to` are target, words and step of the links. Who acts as a user of a database has what that user was granted in it,
    so each login's place there has a link too. Where the permission is denied to anybody, each account has a link of
    its own: a role's permission is not that of all members.
    """
    database = question.securable.database
    granted: dict[str, Held | None] = {}
    for cover in find_covers(question):
        granted |= dict(principals.hold((*cover.privileges, OWNER), cover.securable))
        if cover.securable == Securable(DATABASE, database):
            fixed = (name for name, may in FIXED_DATABASE_ROLES.items() if not cover.privileges.isdisjoint(may))
            granted |= {to_username(database, role): None for role in fixed}
    denied = _find_denied(principals, question)
    target, words, step = to
    for holder, item in granted.items():
        since = principals.population.find_since(holder, item) if item else None
        link = Link(holder, target, words, step, database, item, since)
        if not denied:
            yield from (link._replace(member=member) for member in principals.list_places(holder, database))
            continue
        for name in principals.accounts:
            if holder in (identity := graph.find_identity(name)) and not denied & identity:
                members = principals.list_places(name, database)
                yield from (link._replace(member=member, own=True) for member in members)


def _find_denied(principals: Principals, question: Question) -> frozenset[str]:
    return frozenset(name for name in principals.deniers if principals.is_denied([name], question))


def _list_alterable_roles(principals: Principals) -> Iterator[Link]:
    """Yield who may make itself a member of a role that is not fixed."""
    for name, state in principals.accounts.items():
        account = state.account
        if account.kind is not Kind.ROLE or account.attributes.get("is_fixed_role"):
            continue
        database, role = to_principal(name)
        if account.attributes.get("principal_type") == "APPLICATION_ROLE":
            continue
        scope = (
            Securable("role_definition", database, object=role) if database else Securable("server_role", object=role)
        )
        statement = "ALTER ROLE" if database else "ALTER SERVER ROLE"
        use = f"USE {quote_name(database)}; " if database else ""
        granted: dict[str, Held | None] = {}
        for cover in find_covers(Question("ALTER", scope)):
            granted |= dict(principals.hold((*cover.privileges, OWNER), cover.securable))
        if database:
            granted[to_username(database, "db_securityadmin")] = None
        for holder, item in granted.items():
            if holder != name:
                step = f"{use}{statement} {quote_name(role)} ADD MEMBER {quote_name(to_principal(holder).name)}"
                yield Link(holder, name, f"may add members to {name}", step, database, item, adds=True)


def _list_password_setters(principals: Principals) -> Iterator[Link]:
    """ALTER ANY LOGIN sets the password of each login that is no sysadmin and lacks CONTROL SERVER."""
    holders = find_password_setters(principals)
    if not any(name in principals.accounts for name in holders):
        return
    for holder, item in holders.items():
        yield Link(holder, ANY_LOGIN, "may set passwords (ALTER ANY LOGIN)", held=item)
    for name in list_settable(principals):
        step = f"ALTER LOGIN {quote_name(to_principal(name).name)} WITH PASSWORD = '...'"
        yield Link(ANY_LOGIN, name, f"logs in as {name}", step)


def find_password_setters(principals: Principals) -> dict[str, Held | None]:
    """Return who may set logins' passwords, with what was granted for it; None: it is a fixed role."""
    holders: dict[str, Held | None] = dict(principals.hold(["ALTER ANY LOGIN"], Securable(SERVER)))
    return holders | {name: None for name, may in FIXED_SERVER_ROLES.items() if "ALTER ANY LOGIN" in may}


def list_settable(principals: Principals) -> Iterator[str]:
    """Yield the logins whose passwords these may set."""
    powerful = {name for name, _ in principals.hold([CONTROL_SERVER], Securable(SERVER))}
    powerful |= {name for name, _ in principals.hold([MEMBER], Securable("role", object=SYSADMIN))}
    for name, state in principals.accounts.items():
        if state.account.attributes.get("principal_type") == "SQL_LOGIN" and name not in powerful:
            yield name


def _list_password_setters_of_databases(principals: Principals, graph: Graph) -> Iterator[Link]:
    """ALTER ANY USER sets the password of each user whose password the database keeps."""
    for database in principals.databases:
        contained = list_contained(principals, database)
        if contained:
            hub = f"{_ANY_USER}{database}"
            yield from list_who_may(principals, graph, to_setter(database), (hub, SETS_PASSWORDS, ""))
            for name in contained:
                user = quote_name(to_principal(name).name)
                step = f"USE {quote_name(database)}; ALTER USER {user} WITH PASSWORD = '...'"
                yield Link(hub, name, f"logs in as {name}", step, database)


def to_setter(database: str) -> Question:
    """Return the permission that lets one set passwords of users in a database."""
    return Question("ALTER ANY USER", Securable(DATABASE, database))


def list_contained(principals: Principals, database: str) -> list[str]:
    """Return the accounts of users whose password the database keeps."""
    users = principals.users.get(database, {}).values()
    kept = {"database": database, "authentication_type": "DATABASE"}.items()
    return [name for name in users if kept <= principals.accounts[name].account.attributes.items()]
