"""What a population's logins go by on MySQL and MariaDB: found once per population, asked for many times. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from whalefall_pipeline.adapters.mysql.access_rows import (
    DatabaseRow,
    Hosts,
    HostsOfUsers,
    Naming,
    covers,
    sort_patterns,
    sort_rows,
    to_login_order,
)
from whalefall_pipeline.adapters.mysql.everybody import is_everybodys
from whalefall_pipeline.adapters.mysql.names import PUBLIC, Address, Flavour, to_address
from whalefall_pipeline.adapters.mysql.rows import DEFAULT
from whalefall_pipeline.adapters.mysql.rules import RULES
from whalefall_pipeline.core.access.model import Population
from whalefall_pipeline.core.model import Account, AccountState, Held, HeldRole, Kind, Securable, is_of_role, to_roles

NO_ROWS: Sequence[Held] = ()
ANY_HOST = "%"
LOOPBACK = {"localhost": ("127.0.0.1",)}
"""Addresses that mostly have a name, for rows of either count."""


class Given(NamedTuple):
    """A grant that holds for an account, and the account whose row it is: itself, another one, or everybody's."""

    giver: str
    held: Held


class Asked(NamedTuple):
    """A privilege on a database, as far as rows of mysql.db go."""

    privilege: str
    database: str


class Lookup:
    """One population, with what is found in it by user part, by database and by role."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.accounts = population.accounts
        self._of_databases: dict[tuple[frozenset[Held], str], Sequence[Held]] = {}
        self._nested: dict[str, frozenset[str]] = {}
        self._roles: dict[str, Sequence[HeldRole]] = {}

    @cached_property
    def flavour(self) -> Flavour:
        """Which of the two servers it is, as its accounts and its version say."""
        is_mariadb = self.population.version.startswith("MariaDB") or any(
            state.account.attributes.get("flavour") == "mariadb" for state in self.accounts.values()
        )
        return "mariadb" if is_mariadb else "mysql"

    @cached_property
    def major(self) -> int:
        """The server's major version; 0: not known."""
        number = self.population.version.rpartition(" ")[2].partition(".")[0]
        return int(number) if number.isascii() and number.isdigit() else 0

    @cached_property
    def naming(self) -> Naming:
        """How the server compares the names of databases."""
        settings = self.population.attributes
        has_revokes = self.flavour == "mysql" and bool(settings.get("partial_revokes"))
        return Naming(not has_revokes, bool(settings.get("lower_case_table_names")))

    @cached_property
    def by_user(self) -> Mapping[str, list[tuple[Address, str]]]:
        """The accounts that log in, by user part, those with the most specific host first."""
        by_user: dict[str, list[tuple[Address, str]]] = {}
        for username, state in self.accounts.items():
            if state.account.kind is Kind.USER:
                address = to_address(username)
                by_user.setdefault(address.user, []).append((address, username))
        for accounts in by_user.values():
            accounts.sort(key=lambda item: to_login_order(item[0].host, self.flavour))
        return by_user

    @cached_property
    def everybodys(self) -> Sequence[tuple[str, str]]:
        """Host and account of the rows of mysql.db that hold for everybody."""
        return [
            (to_address(username).host, username)
            for username, state in self.accounts.items()
            if state.account.kind is Kind.PUBLIC and username != PUBLIC and is_everybodys(username)
        ]

    @cached_property
    def has_public(self) -> bool:
        """Whether PUBLIC holds anything, be it roles."""
        return PUBLIC in self.accounts and bool(self.accounts[PUBLIC].held)

    def find_held(self, test: Callable[[Held], bool]) -> frozenset[Held]:
        """Return what passes a test, of all that anybody holds."""
        return frozenset(filter(test, self._all))

    @cached_property
    def _all(self) -> frozenset[Held]:
        return frozenset[Held]().union(*{id(state.held): state.held for state in self.accounts.values()}.values())

    @cached_property
    def role_items(self) -> frozenset[Held]:
        """All memberships that anybody holds, and their options."""
        return self.find_held(is_of_role)

    @cached_property
    def mandatory(self) -> frozenset[str]:
        """The roles that logins have by the server's settings."""
        anybody = AccountState(Account("anybody@%", Kind.USER))
        implied = RULES.implied_roles(anybody, self.population.attributes) if self.flavour == "mysql" else ()
        return frozenset(item.securable.object for item in implied)

    def list_roles(self, username: str) -> Sequence[HeldRole]:
        """Return the roles that an account is a member of, mandatory ones among them."""
        roles = self._roles.get(username)
        if roles is None:
            state = self.accounts[username]
            held = state.held & self.role_items
            if self.mandatory:
                held = held.union(RULES.implied_roles(state, self.population.attributes))
            roles = self._roles[username] = to_roles(held) if held else ()
        return roles

    def find_nested(self, role: str) -> frozenset[str]:
        """Return a role and all roles in it."""
        known = self._nested.get(role)
        if known is None:
            found, frontier = {role}, [role]
            while frontier:
                held = [self.list_roles(name) for name in frontier if name in self.accounts]
                frontier = list({item.role for roles in held for item in roles} - found)
                found.update(frontier)
            known = self._nested[role] = frozenset(found)
        return known

    def group_hosts(self, test: Callable[[str], bool]) -> HostsOfUsers:
        """Return the accounts that log in and pass a test, those with the most specific host first."""
        passing = {
            user: [(address.host, username) for address, username in accounts if test(username)]
            for user, accounts in self.by_user.items()
        }
        return {user: Hosts(self.flavour, accounts) for user, accounts in passing.items() if accounts}

    @cached_property
    def _hosts(self) -> HostsOfUsers:
        return self.group_hosts(lambda _: True)

    @cached_property
    def _hosts_with_roles(self) -> HostsOfUsers:
        return self.group_hosts(lambda username: bool(self.list_roles(username)))

    def list_wider(self, username: str, among: HostsOfUsers | None = None) -> Iterator[str]:
        """Yield the other accounts of the same user part whose host covers the account's, the most specific first."""
        user, host = to_address(username)
        hosts = (self._hosts if among is None else among).get(user)
        if hosts is not None:
            yield from (name for name in hosts.list_covering(host) if name != username)

    def list_lenders(self, username: str, among: HostsOfUsers | None = None) -> Iterator[tuple[str, str]]:
        """Yield the accounts whose privileges on the server a MariaDB login has in place of its own, and by what step.

        That is so while a role is on that it has by such an account's row: one of its user part, of a wider host. No
        step: the role is its default one. Which row it is by where it has one of its own too, the server does not say.
        """
        if self.flavour == "mysql" or self.accounts[username].account.kind is not Kind.USER:
            return
        wider = [*self.list_wider(username, self._hosts_with_roles if among is None else among)]
        if not wider:
            return
        active, own = self.find_active_role(username), {item.role for item in self.list_roles(username)}
        for other in wider:
            roles = [item.role for item in self.list_roles(other) if item.role not in own]
            if roles:
                yield other, "" if active in roles else f"SET ROLE {roles[0]}"

    def list_everybodys(self, host: str) -> Iterator[str]:
        """Yield the accounts that stand for everybody from a host."""
        return (username for other, username in self.everybodys if covers(other, host, self.flavour))

    def find_restricted(self, username: str, database: str) -> Collection[str]:
        """Return the privileges on the whole server that partial revokes keep from a database."""
        held = self.accounts[username].held
        return {
            item.privilege
            for item in self._list_of_database(held, database)
            if item.effect == "revoke" and self.naming.is_same(item.securable.database, database)
        }

    def list_database_rows(self, username: str, database: str) -> Sequence[Held]:
        """Return what the rows of an account hold that mean a database, whatever the privilege."""
        if username not in self.accounts:
            return NO_ROWS
        return [
            item for item in self._list_of_database(self.accounts[username].held, database) if item.effect != "revoke"
        ]

    def _list_of_database(self, held: frozenset[Held], database: str) -> Sequence[Held]:
        key = (held, database)
        rows = self._of_databases.get(key)
        if rows is None:
            means = self.naming.means
            rows = self._of_databases[key] = [
                item
                for item in held
                if item.securable.scope == "database"
                and (item.effect == "revoke" or means(item.securable.database, database))
            ]
        return rows

    def is_let_in(self, username: str, host: str) -> bool:
        """Whether a client from a host part is taken for an account, and no other one that fits better."""
        user = to_address(username).user
        accounts = [*self.by_user.get(user, ()), *(self.by_user.get("", ()) if user else ())]
        for place in (host, *LOOPBACK.get(host, ())):
            fitting = [item for item in accounts if covers(item[0].host, place, self.flavour)]
            nearest = min(fitting, key=lambda item: to_login_order(item[0].host, self.flavour), default=None)
            if nearest is None or nearest[1] != username:
                return False
        return True

    def choose_of_login(self, username: str, asked: Asked, host: str | None = None) -> set[Given]:
        """Return what the one row holds that counts for a login as itself, without its roles; `host`: from there.

        With it come the rows that would count after it once the privilege were revoked: see `_take_until_more`.
        """
        everybodys = self.list_everybodys(to_address(username).host if host is None else host)
        return self._choose_row([username, *self.list_wider(username), *everybodys], asked)

    def _choose_row(self, givers: Iterable[str], asked: Asked) -> set[Given]:
        rows: dict[DatabaseRow, set[Given]] = {}
        for giver in givers:
            address = to_address(giver)
            owner = Address("" if giver in self._everybody_names else address.user, address.host)
            for item in self.list_database_rows(giver, asked.database):
                rows.setdefault(DatabaseRow(owner, item.securable.database), set()).add(Given(giver, item))
        return _take_until_more((rows[row] for row in sort_rows(rows, self.flavour)), asked.privilege)

    @cached_property
    def _everybody_names(self) -> frozenset[str]:
        return frozenset(name for _, name in self.everybodys)

    def choose_of_roles(self, usernames: Collection[str], asked: Asked) -> set[Given]:
        """Return what the one pattern holds that counts for accounts taken together: roles, on MySQL the login too.

        Where a MariaDB role has no row, everybody's count for it, as they do for who comes from no host.
        """
        rows: dict[str, set[Given]] = {}
        for name in usernames:
            for item in self.list_database_rows(name, asked.database):
                rows.setdefault(item.securable.database, set()).add(Given(name, item))
        if rows:
            ordered = sort_patterns(rows, self.flavour)
            return _take_until_more((rows[pattern] for pattern in ordered), asked.privilege)
        if self.flavour == "mariadb":
            return self._choose_row((name for host, name in self.everybodys if host == ANY_HOST), asked)
        return set()

    def is_about(self, held: Securable, asked: Securable) -> bool:
        """Return whether a grant is on the table or routine that is asked about, or on a column of the table."""
        tables = {"table", "column"}
        if held.scope != asked.scope and not {held.scope, asked.scope} <= tables:
            return False
        same = self.naming.is_same
        if not same(held.database, asked.database):
            return False
        if asked.scope in tables:
            return same(held.object, asked.object)
        return held.object.lower() == asked.object.lower()

    def find_active_role(self, username: str) -> str | None:
        """Return MariaDB's one default role of a login, which may be a member of it by the row of a wider host."""
        held = self.accounts[username].held & self.role_items
        return next((item.securable.object for item in held if item.privilege == DEFAULT), None)


def _take_until_more(rows: Iterable[set[Given]], privilege: str) -> set[Given]:
    """Return the first row, and the next as long as a row is gone when the privilege is revoked from it.

    A row with a grant option, or with another privilege, stays and keeps less specific ones from counting.
    """
    taken: set[Given] = set()
    for row in rows:
        taken |= row
        if not is_gone_without(privilege, (given.held for given in row)):
            break
    return taken


def is_gone_without(privilege: str, held: Iterable[Held]) -> bool:
    """Whether revoking a privilege leaves nothing of a row."""
    return all(item.privilege == privilege and not item.grant_option for item in held)
