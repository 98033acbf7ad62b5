"""Who is who on a SQL Server: logins, the users that they are in databases, who was granted what links rest on. Pure.

A login that is a user of a database holds what the user holds, under its own name; so a user needs no link. Whoever
acts as a user by EXECUTE AS USER has what the user has in that database, and nothing of its login elsewhere: such a
user is a place of its own, whose name no account has (`to_user`).
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from whalefall_pipeline.adapters.sqlserver.access_permissions import CONTROL, CONTROL_SERVER, find_covers, to_plain
from whalefall_pipeline.adapters.sqlserver.names import to_principal, to_username
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE, DATABASE_USER, LOGIN, MAPPED, OWNER
from whalefall_pipeline.core.access.model import Population, Question
from whalefall_pipeline.core.model import MEMBER, SERVER, Held, Kind, Securable, is_of_role
from whalefall_pipeline.core.states import find_held

SYSADMIN = "sysadmin"
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
        wanted = find_held(self.accounts, _has_links)
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

    @cached_property
    def _in_databases(self) -> Mapping[str, frozenset[str]]:
        """By database the accounts that are users of it."""
        return {database: frozenset(users.values()) for database, users in self.users.items()}

    def is_login(self, username: str) -> bool:
        """Whether it is a principal of the server that may log in."""
        account = self.accounts[username].account
        return account.kind in (Kind.USER, Kind.GROUP) and "database" not in account.attributes

    def is_superuser(self, username: str) -> bool:
        """Whether a login is a superuser by itself or by roles of the server, nested ones too."""
        seen: set[str] = set()
        frontier = {username}
        while frontier:
            seen |= frontier
            held = [item for name in frontier if name in self.accounts for item in self.accounts[name].held]
            if any(item.privilege == CONTROL_SERVER and item.effect == "grant" for item in held):
                return True
            roles = {item.securable.object for item in held if item.privilege == MEMBER and not item.securable.database}
            frontier = roles - seen
        return SYSADMIN in seen

    def find_place(self, database: str, user: str) -> str:
        """Return what acting as a user of a database leads to."""
        username = self.users.get(database, {}).get(user, to_username(database, user))
        is_mapped = username in self.accounts and self.is_login(username)
        return to_user(database, username) if is_mapped else username

    def list_places(self, username: str, database: str) -> list[str]:
        """Return an account and, where it is a login that is a user of the database, that user's place."""
        is_user = username in self._in_databases.get(database, ()) and self.is_login(username)
        return [username, to_user(database, username)] if is_user else [username]

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
        wanted = find_held(self.accounts, lambda item: item.effect == "deny")
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


def _has_links(item: Held) -> bool:
    if item.effect != "grant":
        return False
    scope, privilege = item.securable.scope, item.privilege
    if is_of_role(item) or privilege == MAPPED:
        return True
    if scope in (LOGIN, DATABASE_USER, "role_definition", "server_role"):
        return privilege in {*_ALTERING, "IMPERSONATE"}
    if scope == DATABASE:
        return privilege in ("ALTER", "ALTER ANY ROLE", "ALTER ANY USER", "CONNECT", CONTROL, OWNER)
    of_server = ("ALTER ANY LOGIN", "ALTER ANY SERVER ROLE", "CONNECT ANY DATABASE", "IMPERSONATE ANY LOGIN")
    return scope == SERVER and privilege in (*of_server, CONTROL_SERVER)
