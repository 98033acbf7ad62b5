"""Who has, or may take, what another principal has: memberships, public, impersonation, alterable roles. Pure.

A login that is a user of a database holds what the user holds, under its own name; so a user needs no link. Whoever
acts as a user by EXECUTE AS USER has what the user has in that database, and nothing of its login elsewhere: such a
user is a place of its own, whose name no account has (`to_user`).

Sources, Microsoft Learn: "EXECUTE AS (Transact-SQL)", "ALTER ROLE", "ALTER SERVER ROLE", "ALTER LOGIN", "Principals".
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from whalefall_pipeline.adapters.sqlserver.access_permissions import CONTROL, CONTROL_SERVER, find_covers, to_plain
from whalefall_pipeline.adapters.sqlserver.fixed_roles import FIXED_SERVER_ROLES
from whalefall_pipeline.adapters.sqlserver.names import quote_literal, quote_name, to_principal, to_username
from whalefall_pipeline.adapters.sqlserver.rows import PUBLIC
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE, DATABASE_USER, LOGIN, MAPPED, OWNER
from whalefall_pipeline.core.access.graph import Graph, ListedLinks
from whalefall_pipeline.core.access.model import Link, Population, Question
from whalefall_pipeline.core.model import MEMBER, SERVER, Held, Kind, Securable, is_of_role
from whalefall_pipeline.core.states import find_held

ANY_LOGIN = "\0any login"
_ALTERING = frozenset({"ALTER", CONTROL, OWNER})


def to_user(database: str, login: str) -> str:
    """Return the place of a login's user in a database, for whoever acts as that user. `find_user` undoes it."""
    return f"\0user\0{database}\0{login}"


def find_user(place: str) -> tuple[str, str] | None:
    """Return the database and the login of a user's place; None for any other name."""
    kind, _, rest = place[1:].partition("\0") if place.startswith("\0") else ("", "", "")
    if kind != "user":
        return None
    database, _, login = rest.partition("\0")
    return database, login


class Principals:
    """Who is who in one population."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.accounts = population.accounts

    @cached_property
    def holders(self) -> dict[Held, list[str]]:
        """Who holds each thing that gives links."""
        wanted = find_held(self.accounts.values(), _has_links)
        found: dict[Held, list[str]] = {}
        for username, state in self.accounts.items():
            for item in state.held & wanted:
                found.setdefault(item, []).append(username)
        return found

    @cached_property
    def users(self) -> Mapping[str, Mapping[str, str]]:
        """By database and name of a user the login that it is, or the account of one without a login."""
        found: dict[str, dict[str, str]] = {}
        for item, holders in self.holders.items():
            if item.privilege == MAPPED:
                found.setdefault(item.securable.database, {})[item.securable.object] = holders[0]
        for username, state in self.accounts.items():
            database = str(state.account.attributes.get("database", ""))
            if database and state.account.kind in (Kind.USER, Kind.GROUP):
                found.setdefault(database, {})[to_principal(username).name] = username
        return found

    @cached_property
    def databases(self) -> frozenset[str]:
        """The databases of which something is known."""
        owned = {item.securable.database for item in self.holders if item.securable.scope == DATABASE}
        return frozenset({*self.users, *owned} - {""})

    def is_login(self, username: str) -> bool:
        """Whether it is a principal of the server that may log in."""
        account = self.accounts[username].account
        return account.kind in (Kind.USER, Kind.GROUP) and "database" not in account.attributes

    def find_place(self, database: str, user: str) -> str:
        """Return what acting as a user of a database leads to."""
        username = self.users.get(database, {}).get(user, to_username(database, user))
        is_mapped = username in self.accounts and self.is_login(username)
        return to_user(database, username) if is_mapped else username

    def hold(self, privileges: Iterable[str], securable: Securable) -> Iterator[tuple[str, Held]]:
        """Yield who was granted one of these on a securable."""
        for privilege in privileges:
            for option in (False, True):
                item = Held(privilege, securable, option)
                for username in self.holders.get(item, ()):
                    yield username, item

    def may_all(self, scope: str, database: str, privileges: Iterable[str]) -> bool:
        """Whether anybody was granted one of these on the server or a database."""
        return any(True for _ in self.hold(privileges, Securable(scope, database)))

    @cached_property
    def deniers(self) -> frozenset[str]:
        """Who is denied anything."""
        wanted = find_held(self.accounts.values(), lambda item: item.effect == "deny")
        return frozenset(name for name, state in self.accounts.items() if state.held & wanted)

    def is_denied(self, names: Iterable[str], question: Question) -> bool:
        """Whether any of these accounts is denied a permission, there or around it."""
        covers = {cover.securable: cover.privileges for cover in find_covers(question)}
        return any(
            item.effect == "deny" and item.privilege in covers.get(to_plain(item.securable), ())
            for name in names
            if name in self.accounts
            for item in self.accounts[name].held
        )


def find_links(population: Population) -> list[Link]:
    """Return all links of a population."""
    principals = Principals(population)
    plain = [*_list_memberships(principals), *_list_everybody(principals)]
    graph = Graph(ListedLinks(plain, population.accounts.keys()), None)
    return [
        *plain,
        *_list_users(principals),
        *_list_impersonations(principals, graph),
        *_list_alterable_roles(principals),
        *_list_password_setters(principals),
    ]


def _has_links(item: Held) -> bool:
    if item.effect != "grant":
        return False
    scope, privilege = item.securable.scope, item.privilege
    if is_of_role(item) or privilege == MAPPED:
        return True
    if scope in (LOGIN, DATABASE_USER, "role_definition", "server_role"):
        return privilege in {*_ALTERING, "IMPERSONATE"}
    if scope == DATABASE:
        return privilege in ("ALTER", "ALTER ANY ROLE", "CONNECT", CONTROL, OWNER)
    of_server = ("ALTER ANY LOGIN", "ALTER ANY SERVER ROLE", "CONNECT ANY DATABASE", "IMPERSONATE ANY LOGIN")
    return scope == SERVER and privilege in (*of_server, CONTROL_SERVER)


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
    named = {item.securable for item in principals.holders if item.privilege not in (MAPPED, "ALTER")}
    for login in filter(principals.is_login, principals.accounts):
        securable = Securable(LOGIN, object=to_principal(login).name)
        if securable in named or principals.may_all(SERVER, "", ("IMPERSONATE ANY LOGIN", CONTROL_SERVER)):
            step = f"EXECUTE AS LOGIN = {quote_literal(securable.object)}"
            yield from _list_who_may(principals, graph, Question("IMPERSONATE", securable), login, step)
    for database, users in principals.users.items():
        may_all = principals.may_all(DATABASE, database, (CONTROL,)) or principals.may_all(
            SERVER, "", (CONTROL_SERVER,)
        )
        for user in {*users, "dbo"}:
            securable = Securable(DATABASE_USER, database, object=user)
            if securable in named or may_all or user == "dbo":
                step = f"USE {quote_name(database)}; EXECUTE AS USER = {quote_literal(user)}"
                place = principals.find_place(database, user)
                yield from _list_who_may(principals, graph, Question("IMPERSONATE", securable), place, step)


def _list_who_may(principals: Principals, graph: Graph, question: Question, target: str, step: str) -> Iterator[Link]:
    """Yield who may act as somebody, by a permission on that principal or around it, and is not denied it.

    Where it is denied to anybody, each account has a link of its own: a role's permission is not that of all members.
    """
    database = question.securable.database
    granted: dict[str, Held | None] = {}
    for cover in find_covers(question):
        granted |= dict(principals.hold((*cover.privileges, OWNER), cover.securable))
    if database and question.securable.object == "dbo":
        granted.setdefault(to_username(database, "db_owner"), None)
    words = f"may act as {question.securable.object}"
    denied = _find_denied(principals, question)
    for holder, item in granted.items():
        since = principals.population.find_since(holder, item) if item else None
        if not denied:
            yield Link(holder, target, words, step, database, item, since)
            continue
        for name in principals.accounts:
            if holder in (identity := graph.find_identity(name)) and not denied & identity:
                yield Link(name, target, words, step, database, item, since, own=True)


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
    holders: dict[str, Held | None] = dict(principals.hold(["ALTER ANY LOGIN"], Securable(SERVER)))
    holders |= {name: None for name, may in FIXED_SERVER_ROLES.items() if "ALTER ANY LOGIN" in may}
    if not any(name in principals.accounts for name in holders):
        return
    powerful = {name for name, _ in principals.hold([CONTROL_SERVER], Securable(SERVER))}
    powerful |= {name for name, _ in principals.hold([MEMBER], Securable("role", object="sysadmin"))}
    for holder, item in holders.items():
        yield Link(holder, ANY_LOGIN, "may set passwords (ALTER ANY LOGIN)", held=item)
    for name, state in principals.accounts.items():
        is_sql = state.account.attributes.get("principal_type") == "SQL_LOGIN"
        if is_sql and name not in powerful:
            step = f"ALTER LOGIN {quote_name(to_principal(name).name)} WITH PASSWORD = '...'"
            yield Link(ANY_LOGIN, name, f"logs in as {name}", step)
