"""Who can do what on MySQL and MariaDB: levels that add up, roles that are active, and the one row that counts. Pure.

Tried by logins on MariaDB 10.11 and 11.8 and on MySQL 9.7 (`tests/adapters/mysql/access`). What differs by server and
is told apart here:

- MySQL, no role active: see `access_rows`. With a role active, the login's and all active roles' own rows are taken
  together, rows of other hosts and everybody's do not count, and `SET ROLE NONE` is a step back to the former.
- MariaDB: the login, its one active role (with those in it) and PUBLIC are looked up apart, and what they find adds up.
- Mandatory roles are active at login from MySQL 9 on; before, by the manual of 8.4, they are a step.

Not told: what a view or a routine does for whoever uses it as its definer; temporary tables; addresses that resolve to
names; roles of an account that is granted as a role; case of names where `partial_revokes` meets active roles; that
nobody may change most tables of performance_schema; ROLE_ADMIN grants other users as roles too, which is told as a way
to more (`access_dangers`), and is no step here.
"""

from collections.abc import Collection, Iterable, Sequence

from whalefall_pipeline.adapters.mysql.access_dangers import find_dangers, list_dangerous
from whalefall_pipeline.adapters.mysql.access_gates import are_links_unseen, list_defined, prepare_gates
from whalefall_pipeline.adapters.mysql.access_links import ROLE_ADMIN, SUPER, SYSTEM_USER, MysqlLinks
from whalefall_pipeline.adapters.mysql.access_lookup import Asked, Given, Lookup
from whalefall_pipeline.adapters.mysql.access_open import PROCESS, SLAVE_MONITOR, may_be_open
from whalefall_pipeline.adapters.mysql.access_seeds import find_seeds
from whalefall_pipeline.adapters.mysql.access_sources import SourceFinder, is_of_database, to_asked, to_given
from whalefall_pipeline.adapters.mysql.access_words import LEVELS, find_targets, list_privileges
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC
from whalefall_pipeline.adapters.mysql.names import PUBLIC
from whalefall_pipeline.adapters.mysql.rows import ROUTINE_SCOPES
from whalefall_pipeline.adapters.mysql.rules import ACCOUNT_ATTRIBUTES, COVERAGE, RULES
from whalefall_pipeline.core.access.engine import Access, FindGates
from whalefall_pipeline.core.access.graph import Links
from whalefall_pipeline.core.access.model import Danger, Link, Population, Question, Seeds, Source, Wanted
from whalefall_pipeline.core.model import SERVER, Attributes, Kind, Securable

SETTINGS = "the server's settings (mandatory_roles)"
FOR_LINKS = (
    *(Wanted(DYNAMIC, "", "", "", "", privilege) for privilege in (ROLE_ADMIN, SYSTEM_USER)),
    Wanted(SERVER, "", "", "", "", SUPER),
    Wanted("proxy", "", ""),
)


class MysqlAccess(Access):
    """See `core.access.engine.Access`."""

    rules = RULES
    has_denials = True

    def __init__(self) -> None:
        self._last: Lookup | None = None

    def find_targets(self, kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
        """See `Access.find_targets`: no catalog lists all objects, so names are taken as they stand."""
        return find_targets(kind, path, known)

    def list_privileges(self, securable: Securable, version: str = "") -> Sequence[str]:
        """See `Access.list_privileges`; of both servers, whichever has them."""
        return list_privileges(securable.scope)

    def find_wanted(self, question: Question) -> Sequence[Wanted]:
        """See `Access.find_wanted`: rows of mysql.db are patterns, so all of them may bear on a database."""
        scope, database, _, name, _ = question.securable
        words = [question.privilege, *([PROCESS, SLAVE_MONITOR] if may_be_open(question) else [])]
        server = [Wanted(level, "", "", "", "", word) for level in (SERVER, DYNAMIC) for word in words]
        wanted = [*FOR_LINKS, *server, Wanted("database", None, "", "", "")]
        wanted += [Wanted(*defined) for defined in list_defined(question.securable)]
        if scope in {"table", "column"}:
            pairs = sorted({(database, name), (database.lower(), name.lower())})
            wanted += [Wanted(level, pair[0], "", pair[1]) for pair in pairs for level in ("table", "column")]
        elif scope in ROUTINE_SCOPES.values():
            wanted += [Wanted(scope, base, "") for base in sorted({database, database.lower()})]
        elif scope not in LEVELS:
            wanted.append(Wanted(scope))
        return wanted

    def find_seeds(self, question: Question) -> Seeds | None:
        """See `Access.find_seeds`."""
        return find_seeds(question)

    def may_narrow(self, attributes: Attributes, unseen: Collection[str]) -> bool:
        """See `Access.may_narrow`: a mandatory role is everybody's, and what was not seen of one account is of all."""
        return not attributes.get("mandatory_roles") and ACCOUNT_ATTRIBUTES not in unseen

    def find_links(self, population: Population) -> Iterable[Link]:
        """See `Access.find_links`."""
        links = self.open_links(population)
        return (link for username in population.accounts for link in links.list_links(username))

    def open_links(self, population: Population) -> Links:
        """See `Access.open_links`."""
        return MysqlLinks(self._look(population))

    def find_sources(self, population: Population, question: Question, usernames: Collection[str]) -> Iterable[Source]:
        """See `Access.find_sources`."""
        finder = SourceFinder(self._look(population), question)
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
        of_databases = [source for source in sources if source.held and is_of_database(source.held)]
        chosen = _choose(lookup, members, to_asked(question)) if of_databases else set[Given]()
        left: list[Source] = []
        for source in sources:
            if source.step or source.held is None:
                left.append(source)
            elif is_of_database(source.held):
                left += [source] if to_given(source) in chosen else []
            elif not (source.own and with_roles):
                left.append(source)
        return left

    def prepare_gates(self, population: Population, question: Question) -> FindGates:
        """See `Access.prepare_gates`: the login, and as whom a view or routine runs."""
        return prepare_gates(self._look(population), question)

    def find_unseen(self, population: Population, question: Question | None) -> Sequence[str]:
        """See `Access.find_unseen`."""
        scopes = {*LEVELS} if question is None else {*LEVELS.get(question.securable.scope, (question.securable.scope,))}
        needed = {COVERAGE.get(scope) for scope in scopes | {SERVER, DYNAMIC, "role", "proxy"}}
        lookup = self._look(population)
        if ACCOUNT_ATTRIBUTES in population.unseen and are_links_unseen(lookup):
            needed.add(ACCOUNT_ATTRIBUTES)
        unseen = [scope for scope in population.unseen if scope in needed]
        is_mysql = lookup.flavour == "mysql"
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


def _choose(lookup: Lookup, members: Sequence[str], asked: Asked) -> set[Given]:
    """Return what counts of the rows that mean a database, for an identity."""
    logins = [name for name in members if lookup.accounts[name].account.kind is Kind.USER]
    if lookup.flavour == "mysql":
        is_alone = len(members) == 1 and bool(logins)
        return lookup.choose_of_login(members[0], asked) if is_alone else lookup.choose_of_roles(members, asked)
    if not logins:
        everybodys = {name for _, name in lookup.everybodys}
        if set(members) <= everybodys:
            return {Given(name, item) for name in members for item in lookup.list_database_rows(name, asked.database)}
        return lookup.choose_of_roles(members, asked)
    chosen = lookup.choose_of_login(logins[0], asked)
    role = lookup.find_active_role(logins[0])
    for top in ([role] if role else []) + ([PUBLIC] if lookup.has_public else []):
        chosen |= lookup.choose_of_roles(lookup.find_nested(top), asked)
    return chosen


ACCESS = MysqlAccess()
