"""Who can do what on MySQL and MariaDB: levels that add up, roles that are active, and the one row that counts. Pure.

Tried by logins on MariaDB 10.11 and 11.8 and on MySQL 9.7 (`tests/adapters/mysql/access`). What differs by server and
is told apart here:

- MySQL, no role active: see `access_rows`. With a role active, the login's and all active roles' own rows are taken
  together, rows of other hosts and everybody's do not count, and `SET ROLE NONE` is a step back to the former.
- MariaDB: the login, its one active role (with those in it) and PUBLIC are looked up apart, and what they find adds up.
- Mandatory roles are active at login from MySQL 9 on; before, by the manual of 8.4, they are a step.

Not told: what a view or a routine does for whoever uses it as its definer; temporary tables; addresses that resolve to
names; roles of an account that is granted as a role; case of names where `partial_revokes` meets active roles.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from whalefall_pipeline.adapters.mysql.access_dangers import find_dangers, list_dangerous
from whalefall_pipeline.adapters.mysql.access_gates import prepare_login
from whalefall_pipeline.adapters.mysql.access_links import find_links, find_login_roles
from whalefall_pipeline.adapters.mysql.access_lookup import Given, Lookup
from whalefall_pipeline.adapters.mysql.access_words import LEVELS, SCHEMA_FOR_ALL, find_targets, list_privileges
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC
from whalefall_pipeline.adapters.mysql.names import PUBLIC
from whalefall_pipeline.adapters.mysql.rows import ROUTINE_SCOPES
from whalefall_pipeline.adapters.mysql.rules import COVERAGE, RULES
from whalefall_pipeline.core.access.engine import Access, FindGates
from whalefall_pipeline.core.access.model import Danger, Link, Population, Question, Source, Wanted
from whalefall_pipeline.core.model import SERVER, Held, Kind, Securable
from whalefall_pipeline.core.states import find_held

BY = ", by the row of "
SETTINGS = "the server's settings (mandatory_roles)"
FOR_LINKS = (Wanted(SERVER), Wanted(DYNAMIC), Wanted("database"), Wanted("proxy"))


class MysqlAccess(Access):
    """See `core.access.engine.Access`."""

    rules = RULES
    has_denials = True

    def __init__(self) -> None:
        self._last: Lookup | None = None

    def find_targets(self, kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
        """See `Access.find_targets`: no catalog lists all objects, so names are taken as they stand."""
        return find_targets(kind, path, known)

    def list_privileges(self, securable: Securable) -> Sequence[str]:
        """See `Access.list_privileges`; of both servers, whichever has them."""
        return list_privileges(securable.scope)

    def find_wanted(self, question: Question) -> Sequence[Wanted]:
        """See `Access.find_wanted`: rows of mysql.db are patterns, so all of them may bear on a database."""
        scope, database, _, name, _ = question.securable
        wanted = list(FOR_LINKS)
        if scope in {"table", "column"}:
            pairs = sorted({(database, name), (database.lower(), name.lower())})
            wanted += [Wanted(level, pair[0], None, pair[1]) for pair in pairs for level in ("table", "column")]
        elif scope in ROUTINE_SCOPES.values():
            wanted += [Wanted(scope, base) for base in sorted({database, database.lower()})]
        elif scope not in LEVELS:
            wanted.append(Wanted(scope))
        return wanted

    def find_links(self, population: Population) -> Iterable[Link]:
        """See `Access.find_links`."""
        return find_links(self._look(population))

    def find_sources(self, population: Population, question: Question, usernames: Collection[str]) -> Iterable[Source]:
        """See `Access.find_sources`."""
        finder = _Finder(self._look(population), question)
        for username in usernames:
            if username in population.accounts:
                yield from finder.find(username)

    def keep_sources(
        self, population: Population, identity: Collection[str], sources: Sequence[Source], question: Question
    ) -> Sequence[Source]:
        """Return what counts of these: of rows that mean one database, those that the server goes by."""
        lookup = self._look(population)
        members = [name for name in identity if name in population.accounts]
        with_roles = lookup.flavour == "mysql" and len(members) > 1
        of_databases = [source for source in sources if source.held and _is_of_database(source.held)]
        chosen = _choose(lookup, members, question.securable.database) if of_databases else set[Given]()
        left: list[Source] = []
        for source in sources:
            if source.step or source.held is None:
                left.append(source)
            elif _is_of_database(source.held):
                left += [source] if _to_given(source) in chosen else []
            elif not (source.own and with_roles):
                left.append(source)
        return left

    def prepare_gates(self, population: Population, question: Question) -> FindGates:
        """See `Access.prepare_gates`: the login."""
        return prepare_login(self._look(population))

    def find_unseen(self, population: Population, question: Question | None) -> Sequence[str]:
        """See `Access.find_unseen`."""
        scopes = {*LEVELS} if question is None else {*LEVELS.get(question.securable.scope, (question.securable.scope,))}
        needed = {COVERAGE[scope] for scope in scopes | {SERVER, DYNAMIC, "role", "proxy"}}
        unseen = [scope for scope in population.unseen if scope in needed]
        is_mysql = self._look(population).flavour == "mysql"
        return [*sorted(unseen), *([SETTINGS] if is_mysql and not population.attributes else [])]

    def find_dangerous(self) -> Sequence[Wanted]:
        """See `Access.find_dangerous`."""
        return [*FOR_LINKS, *list_dangerous()]

    def find_dangers(self, population: Population) -> Iterable[Danger]:
        """See `Access.find_dangers`."""
        return find_dangers(self._look(population))

    def _look(self, population: Population) -> Lookup:
        """Return what is found in a population; that of the last one is kept."""
        last = self._last
        if last is None or last.population is not population:
            last = self._last = Lookup(population)
        return last


class _Finder:
    """Finds the sources of one question in one population."""

    def __init__(self, lookup: Lookup, question: Question) -> None:
        self._lookup = lookup
        self._question = question
        self._securable = question.securable
        self._levels = LEVELS.get(question.securable.scope, ())
        self._on_server = self._find(self._is_on_server)
        self._on_database = self._find(self._is_on_database) if "database" in self._levels else frozenset[Held]()
        self._about = self._find(lambda item: lookup.is_about(item.securable, question.securable))
        self._on_object = frozenset(filter(self._is_on_object, self._about))
        self._exact = self._find(lambda item: item.securable == question.securable and not self._levels)

    def find(self, username: str) -> Iterator[Source]:
        """Yield the sources of one account."""
        held = self._lookup.accounts[username].held
        for item in held & self._on_server:
            if item.privilege not in self._find_restricted(username):
                yield self._to_source(username, Given(username, item))
        for item in held & self._exact:
            if item.privilege == self._question.privilege:
                yield self._to_source(username, Given(username, item))
        if self._is_readable_to_all():
            yield Source(username, "everybody reads information_schema", own=True)
        found = list(self._find_given(username))
        yield from (self._to_source(username, given) for given in found)
        if self._lookup.flavour == "mysql" and self._lookup.accounts[username].account.kind is Kind.USER:
            yield from self._find_after_set_role(username, found)

    def _find_given(self, username: str) -> Iterator[Given]:
        """Yield what rows give on the database and on the object itself, those of others too that hold for a login."""
        lookup = self._lookup
        kind = lookup.accounts[username].account.kind
        others = [*lookup.list_wider(username)] if kind is Kind.USER else []
        for giver in (username, *others, *self._list_everybodys(username, kind)):
            for item in lookup.accounts[giver].held & self._on_database:
                yield Given(giver, item)
        for giver in (username, *others):
            found = lookup.accounts[giver].held & self._about
            if found:
                yield from (Given(giver, item) for item in found & self._on_object)
                return

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

    def _choose(self, username: str, roles: Collection[str], found: Sequence[Given]) -> set[Given]:
        """Return what counts of the rows that hold for a MySQL login, with these roles active."""
        lookup, database = self._lookup, self._securable.database
        if not roles:
            chosen = lookup.choose_of_login(username, database)
        else:
            members = {username}.union(*(lookup.find_nested(role) for role in roles))
            chosen = lookup.choose_of_roles(members, database)
        return {
            given
            for given in found
            if (given in chosen if _is_of_database(given.held) else not roles or given.giver == username)
        }

    def _to_source(self, holder: str, given: Given, step: str = "") -> Source:
        item = given.held
        on = "*.*" if item.securable.scope in {SERVER, DYNAMIC} else str(item.securable)
        is_own = given.giver == holder
        words = f"{item.privilege} on {on}{'' if is_own else BY + given.giver}"
        since = self._lookup.population.find_since(given.giver, item)
        return Source(holder, words, step, item, since, own=bool(step) or not is_own)

    def _find(self, test: Callable[[Held], bool]) -> frozenset[Held]:
        return find_held(self._lookup.accounts.values(), test)

    def _find_restricted(self, username: str) -> Collection[str]:
        database = self._securable.database
        return self._lookup.find_restricted(username, database) if database else ()

    def _is_on_server(self, item: Held) -> bool:
        return SERVER in self._levels and item.privilege == self._question.privilege and item.securable.scope in {
            SERVER, DYNAMIC,
        }  # fmt: skip

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

    def _is_readable_to_all(self) -> bool:
        return self._question.privilege == "SELECT" and self._securable.database.lower() == SCHEMA_FOR_ALL


def _is_of_database(item: Held) -> bool:
    return item.securable.scope == "database"


def _to_given(source: Source) -> Given:
    """Return whose row a source is, which its words say where it is not its holder's."""
    held = source.held or Held("", Securable(SERVER))
    plain = f"{held.privilege} on {held.securable}{BY}"
    return Given(source.words.removeprefix(plain) if source.words.startswith(plain) else source.holder, held)


def _choose(lookup: Lookup, members: Sequence[str], database: str) -> set[Given]:
    """Return what counts of the rows that mean a database, for an identity."""
    logins = [name for name in members if lookup.accounts[name].account.kind is Kind.USER]
    if lookup.flavour == "mysql":
        is_alone = len(members) == 1 and bool(logins)
        return lookup.choose_of_login(members[0], database) if is_alone else lookup.choose_of_roles(members, database)
    if not logins:
        everybodys = {name for _, name in lookup.everybodys}
        if set(members) <= everybodys:
            return {Given(name, item) for name in members for item in lookup.list_database_rows(name, database)}
        return lookup.choose_of_roles(members, database)
    chosen = lookup.choose_of_login(logins[0], database)
    role = lookup.find_active_role(logins[0])
    for top in ([role] if role else []) + ([PUBLIC] if lookup.has_public else []):
        chosen |= lookup.choose_of_roles(lookup.find_nested(top), database)
    return chosen


ACCESS = MysqlAccess()
