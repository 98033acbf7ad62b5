"""What gives a privilege to an account of MySQL or MariaDB by itself: its grants, and rows of others. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from whalefall_pipeline.adapters.mysql.access_links import find_login_roles
from whalefall_pipeline.adapters.mysql.access_lookup import Asked, Given, Lookup, is_gone_without
from whalefall_pipeline.adapters.mysql.access_open import find_needed
from whalefall_pipeline.adapters.mysql.access_rows import covers
from whalefall_pipeline.adapters.mysql.access_words import LEVELS
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC
from whalefall_pipeline.adapters.mysql.names import PUBLIC, to_address
from whalefall_pipeline.core.access.model import Question, Source
from whalefall_pipeline.core.model import SERVER, Held, Kind, Securable

BY = ", by the row of "
NO_ROLE = "SET ROLE NONE"


class SourceFinder:
    """Finds the sources of one question in one population."""

    def __init__(self, lookup: Lookup, question: Question) -> None:
        self._lookup = lookup
        self._question = question
        self._securable = question.securable
        self._needed = find_needed(question, lookup.flavour)
        self._levels = (SERVER,) if self._needed else LEVELS.get(question.securable.scope, ())
        self._on_server = self._find(self._is_on_server)
        self._on_database = self._find(self._is_on_database) if "database" in self._levels else frozenset[Held]()
        self._about = self._find(lambda item: lookup.is_about(item.securable, question.securable))
        self._on_object = frozenset(filter(self._is_on_object, self._about))
        self._exact = self._find(lambda item: item.securable == question.securable and not self._levels)
        self._any = self._on_server | self._on_database | self._about | self._exact
        self._has_everybodys = any(
            not lookup.accounts[name].held.isdisjoint(self._on_database) for _, name in lookup.everybodys
        )

    def find(self, username: str) -> Iterator[Source]:
        """Yield the sources of one account."""
        held = self._lookup.accounts[username].held
        if held.isdisjoint(self._any) and not self._may_have_others(username):
            return
        yield from self._find_on_server(username)
        for item in held & self._exact:
            if item.privilege == self._question.privilege:
                yield self._to_source(username, Given(username, item))
        if self._needed == "":
            yield Source(username, f"everybody reads {self._securable}", own=True)
        found = list(self._find_given(username))
        yield from (self._to_source(username, given) for given in found)
        if self._lookup.accounts[username].account.kind is Kind.USER:
            if self._lookup.flavour == "mysql":
                yield from self._find_after_set_role(username, found)
            if self._has_everybodys:
                yield from self._find_from_hosts(username)

    def _find_on_server(self, username: str) -> Iterator[Source]:
        """Yield what gives it on the whole server: on MariaDB another account's privileges may stand for one's own."""
        held = self._lookup.accounts[username].held & self._on_server
        lent = dict(self._lookup.list_lenders(username))
        own = NO_ROLE if "" in lent.values() else ""
        for item in held:
            if item.privilege not in self._find_restricted(username):
                yield self._to_source(username, Given(username, item), own)
        for other, step in lent.items():
            for item in self._lookup.accounts[other].held & self._on_server:
                yield self._to_source(username, Given(other, item), step)

    def _may_have_others(self, username: str) -> bool:
        """Whether rows of other accounts may hold for one, or what nobody is granted."""
        same_user = self._lookup.by_user.get(to_address(username).user, ())
        return self._has_everybodys or len(same_user) > 1 or self._needed == ""

    def _find_given(self, username: str) -> Iterator[Given]:
        """Yield what rows give on the database and on the object itself, those of others too that hold for a login."""
        lookup = self._lookup
        kind = lookup.accounts[username].account.kind
        others = [*lookup.list_wider(username)] if kind is Kind.USER else []
        everybodys = self._list_everybodys(username, kind) if self._has_everybodys else ()
        for giver in (username, *others, *everybodys):
            for item in lookup.accounts[giver].held & self._on_database:
                yield Given(giver, item)
        for giver in (username, *others):
            found = lookup.accounts[giver].held & self._about
            given = found & self._on_object
            yield from (Given(giver, item) for item in given)
            if found and not (given and is_gone_without(self._question.privilege, found)):
                return  # also where it is on other columns: the row shadows those of wider hosts all the same

    def _list_everybodys(self, username: str, kind: Kind) -> Iterable[str]:
        lookup = self._lookup
        if kind is Kind.USER:
            return lookup.list_everybodys(username.rpartition("@")[2])
        is_role = lookup.flavour == "mariadb" and (kind is Kind.ROLE or username == PUBLIC)
        return lookup.list_everybodys("%") if is_role else ()

    def _find_after_set_role(self, username: str, found: Sequence[Given]) -> Iterator[Source]:
        """Yield which rows that hold for a login come to count when other roles are active, or none."""
        lookup = self._lookup
        settable = [role.role for role in lookup.list_roles(username)] if found else []
        if not settable:
            return
        active = find_login_roles(lookup, username)
        counting = self._choose(username, active, found)
        for step, roles in (("NONE", []), *((role, [role]) for role in settable)):
            gained = self._choose(username, roles, found) - counting
            counting |= gained
            yield from (self._to_source(username, given, f"SET ROLE {step}") for given in gained)

    def _find_from_hosts(self, username: str) -> Iterator[Source]:
        """Yield everybody's rows for some only of the hosts that an account may come from."""
        lookup, asked, address = self._lookup, to_asked(self._question), to_address(username)
        if lookup.flavour == "mysql" and find_login_roles(lookup, username):
            return
        flavour = lookup.flavour
        for host, everybody in lookup.everybodys:
            is_part = covers(address.host, host, flavour) and not covers(host, address.host, flavour)
            items = lookup.accounts[everybody].held & self._on_database
            if is_part and items and lookup.is_let_in(username, host):
                chosen = lookup.choose_of_login(username, asked, host)
                counting = [Given(everybody, item) for item in items if Given(everybody, item) in chosen]
                yield from (self._to_source(username, given, f"log in from {host}") for given in counting)

    def _choose(self, username: str, roles: Collection[str], found: Sequence[Given]) -> set[Given]:
        """Return what counts of the rows that hold for a MySQL login, with these roles active."""
        lookup, asked = self._lookup, to_asked(self._question)
        if not roles:
            chosen = lookup.choose_of_login(username, asked)
        else:
            members = {username}.union(*(lookup.find_nested(role) for role in roles))
            chosen = lookup.choose_of_roles(members, asked)
        return {
            given
            for given in found
            if (given in chosen if is_of_database(given.held) else not roles or given.giver == username)
        }

    def _to_source(self, holder: str, given: Given, step: str = "") -> Source:
        item = given.held
        on = "*.*" if item.securable.scope in {SERVER, DYNAMIC} else str(item.securable)
        is_own = given.giver == holder
        words = f"{item.privilege} on {on}{'' if is_own else BY + given.giver}"
        since = self._lookup.population.find_since(given.giver, item)
        return Source(holder, words, step, item, since, own=bool(step) or not is_own)

    def _find(self, test: Callable[[Held], bool]) -> frozenset[Held]:
        return self._lookup.find_held(test)

    def _find_restricted(self, username: str) -> Collection[str]:
        database = self._securable.database
        return self._lookup.find_restricted(username, database) if database else ()

    def _is_on_server(self, item: Held) -> bool:
        privilege = self._needed or self._question.privilege
        return SERVER in self._levels and item.privilege == privilege and item.securable.scope in {SERVER, DYNAMIC}

    def _is_on_database(self, item: Held) -> bool:
        return (
            item.privilege == self._question.privilege
            and item.effect == "grant"
            and item.securable.scope == "database"
            and self._lookup.naming.means(item.securable.database, self._securable.database)
        )

    def _is_on_object(self, item: Held) -> bool:
        if item.privilege != self._question.privilege or item.securable.scope not in self._levels:
            return False
        return item.securable.scope != "column" or item.securable.column.lower() == self._securable.column.lower()


def is_of_database(item: Held) -> bool:
    """Whether a grant is a row of mysql.db."""
    return item.securable.scope == "database"


def to_given(source: Source) -> Given:
    """Return whose row a source is, which its words say where it is not its holder's."""
    held = source.held or Held("", Securable(SERVER))
    plain = f"{held.privilege} on {held.securable}{BY}"
    return Given(source.words.removeprefix(plain) if source.words.startswith(plain) else source.holder, held)


def to_asked(question: Question) -> Asked:
    """Return what a question asks of rows of mysql.db."""
    return Asked(question.privilege, question.securable.database)
