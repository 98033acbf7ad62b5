"""Who can do what on SQL Server, and by which way. Pure; the rules of the permission check as Microsoft has them.

In the order of the check ("Permissions (Database Engine)", summary of the permission check algorithm): sysadmin, the
database's owner and an object's owner pass it; then a DENY of the permission, or of what implies it, to any principal
of the login's identity, on the securable or around it, withholds it; then a GRANT of either gives it. A column's own
GRANT withstands a DENY on its table.

A module with EXECUTE AS makes no yes, since nobody has read what it does; it makes a no unknown where one may run it
and whom it runs as can.

Not looked into: ownership chains, modules that are signed, and application roles, which take a password: what one may
do inside of these is not counted as what one can.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from whalefall_pipeline.adapters.sqlserver.access_code import CODE_SCOPES, find_code
from whalefall_pipeline.adapters.sqlserver.access_dangers import DANGEROUS, SYSADMIN, find_dangers
from whalefall_pipeline.adapters.sqlserver.access_gates import prepare_gates
from whalefall_pipeline.adapters.sqlserver.access_links import find_links
from whalefall_pipeline.adapters.sqlserver.access_permissions import (
    OBJECT,
    OBJECT_SCOPES,
    Cover,
    find_covers,
    list_privileges,
    to_plain,
)
from whalefall_pipeline.adapters.sqlserver.access_principals import find_user
from whalefall_pipeline.adapters.sqlserver.access_seeds import TAKE_OWNERSHIP, find_seeds
from whalefall_pipeline.adapters.sqlserver.fixed_roles import FIXED_DATABASE_ROLES, FIXED_SERVER_ROLES
from whalefall_pipeline.adapters.sqlserver.names import to_principal
from whalefall_pipeline.adapters.sqlserver.rules import RULES
from whalefall_pipeline.adapters.sqlserver.securables import COLUMN, DATABASE, OWNER, SCOPES
from whalefall_pipeline.core.access.engine import Access, FindGates
from whalefall_pipeline.core.access.model import (
    Code,
    Danger,
    GateQuestion,
    Link,
    Population,
    Question,
    Seeds,
    Source,
    Wanted,
)
from whalefall_pipeline.core.model import SERVER, Attributes, Held, Securable
from whalefall_pipeline.core.states import find_held

Covering = Mapping[Securable, frozenset[str]]
DATABASES = "databases"
_LINKING = ("login", "server_role")
_LINKING_IN_DATABASE = ("database_user", "role_definition")
_MEMBERS_PASS = f"fixed server role {SYSADMIN}"


class SqlserverAccess(Access):
    """See `core.access.engine.Access`."""

    rules = RULES
    has_denials = True
    has_code = True

    def find_targets(self, kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
        """Return what is known by these names; else the table, schema or database that they may be.

        The catalog names no object that nothing is held on.
        """
        found = [item for item in dict.fromkeys(known) if kind in (None, item.scope) and _to_path(item) == tuple(path)]
        if found:
            return found
        scope = kind or {1: DATABASE, 2: "schema", 3: "table", 4: COLUMN}.get(len(path), "")
        levels = SCOPES[scope].levels if scope in SCOPES else ()
        return [Securable(scope, **dict(zip(levels, path, strict=True)))] if levels and len(levels) == len(path) else []

    def list_privileges(self, securable: Securable, version: str = "") -> Sequence[str]:
        """See `Access.list_privileges`."""
        return list_privileges(securable.scope)

    def find_wanted(self, question: Question) -> Sequence[Wanted]:
        """See `Access.find_wanted`: what is held on the securable, around it, and on principals that one may act as."""
        wanted: list[Wanted] = [Wanted(scope) for scope in (SERVER, *_LINKING)]
        database = question.securable.database
        if database:
            wanted += [Wanted(scope, database) for scope in (DATABASE, *_LINKING_IN_DATABASE)]
            wanted += [Wanted(scope, database) for scope in CODE_SCOPES]
        for cover in find_covers(question):
            scope, *names = cover.securable
            scopes = OBJECT_SCOPES if scope == OBJECT else (scope,)
            wanted += [Wanted(each, *names) for each in sorted(scopes) if each not in (SERVER, DATABASE)]
        return list(dict.fromkeys(wanted))

    def find_seeds(self, question: Question) -> Seeds | None:
        """See `Access.find_seeds`."""
        return find_seeds(question)

    def may_narrow(self, attributes: Attributes, unseen: Collection[str]) -> bool:
        """See `Access.may_narrow`: where databases were not seen, any account may be what one is known by."""
        return DATABASES not in unseen

    def find_links(self, population: Population) -> Iterable[Link]:
        """See `Access.find_links`."""
        return find_links(population)

    def find_sources(self, population: Population, question: Question, usernames: Collection[str]) -> Iterable[Source]:
        """See `Access.find_sources`."""
        covers = find_covers(question)
        covering = {cover.securable: cover.privileges for cover in covers}
        owned = _find_owned(covers)

        def matches(item: Held) -> bool:
            if item.effect != "grant":
                return False
            securable = to_plain(item.securable)
            own = item.privilege in (OWNER, TAKE_OWNERSHIP) and securable in owned
            return own or item.privilege in covering.get(securable, ())

        wanted = find_held(population.accounts, matches)
        withheld = _find_revoked(question)
        for username in usernames:
            yield from _list_fixed(username, question, covering)
            for item in _find_own(population, username, wanted):
                if item.securable.scope == COLUMN or not _is_revoked(population, username, withheld):
                    yield _to_source(population, username, item, covering)

    def keep_sources(
        self, population: Population, identity: Collection[str], sources: Sequence[Source], question: Question
    ) -> Sequence[Source]:
        """See `Access.keep_sources`."""
        covering = {cover.securable: cover.privileges for cover in find_covers(question)}
        denied = [item.securable for name in identity for item in _find_denials(population, name, covering)]
        denied += [
            Securable(DATABASE, question.securable.database)
            for name in identity
            if _is_denied_by_role(name, question, covering)
        ]
        if not denied:
            return sources
        passing = _find_passing(population, question)
        on_objects_only = all(securable.scope in OBJECT_SCOPES for securable in denied)
        return [
            source
            for source in sources
            if _passes(source, passing) or (on_objects_only and source.held and source.held.securable.scope == COLUMN)
        ]

    def find_code(self, population: Population, question: Question, reached: Collection[str]) -> Iterable[Code]:
        """See `Access.find_code`: modules with EXECUTE AS, within their own database."""
        return find_code(population, question, reached)

    def find_gate_questions(self, question: Question) -> Sequence[GateQuestion]:
        """See `Access.find_gate_questions`: nothing in a database is of use to who can't connect to it."""
        database = question.securable.database
        if not database or question[0] == "CONNECT":
            return ()
        return [GateQuestion("connect", Question("CONNECT", Securable(DATABASE, database)), by_login=True)]

    def prepare_gates(self, population: Population, question: Question) -> FindGates:
        """See `Access.prepare_gates`: whether the account may log in at all."""
        return prepare_gates(population)

    def find_unseen(self, population: Population, question: Question | None) -> Sequence[str]:
        """See `Access.find_unseen`."""
        if question is None:
            return sorted(population.unseen)
        database = question.securable.database
        bearing = [SERVER, *([f"database:{database}"] if database else [])]
        if database and f"database:{database}" not in population.unseen and not _is_known(population, database):
            bearing.append(DATABASES)
        return [scope for scope in bearing if scope in population.unseen]

    def find_dangerous(self) -> Sequence[Wanted]:
        """See `Access.find_dangerous`."""
        return DANGEROUS

    def find_dangers(self, population: Population) -> Iterable[Danger]:
        """See `Access.find_dangers`."""
        return find_dangers(population)


def _to_path(securable: Securable) -> tuple[str, ...]:
    return tuple(name for name in securable[1:] if name)


def _is_known(population: Population, database: str) -> bool:
    return any(item.securable.database == database for state in population.accounts.values() for item in state.held)


def _find_owned(covers: Sequence[Cover]) -> frozenset[Securable]:
    """Return the securables whose owner passes: the one that is asked about, and those around it.

    What lies in a schema has the schema's owner, unless it has one of its own: then the schema's owner only has CONTROL
    by the schema, like a grant.
    """
    return frozenset(cover.securable for cover in covers if cover.securable.scope not in (SERVER, COLUMN))


def _find_own(population: Population, username: str, wanted: frozenset[Held]) -> Iterator[Held]:
    """Yield what an account holds of what is wanted; of a user that one acts as, what it holds in its database."""
    user = find_user(username)
    name = user[1] if user else username
    state = population.accounts.get(name)
    for item in sorted(state.held & wanted) if state else ():
        if user is None or item.securable.database == user[0]:
            yield item


def _list_fixed(username: str, question: Question, covering: Covering) -> Iterator[Source]:
    """Yield what a fixed role gives its members; sysadmin passes every check."""
    if username == SYSADMIN:
        yield Source(username, _MEMBERS_PASS)
        return
    database, name = (
        to_principal(username) if username[:1] in ("[", "#") or username in FIXED_SERVER_ROLES else ("", "")
    )
    if database and database == question.securable.database:
        permissions = [text.partition(" WITH GRANT")[0] for text in FIXED_DATABASE_ROLES.get(name, ())]
        around = covering.get(Securable(DATABASE, database), frozenset[str]())
    else:
        permissions = [] if database else list(FIXED_SERVER_ROLES.get(name, ()))
        around = covering.get(Securable(SERVER), frozenset[str]())
    for permission in permissions:
        if permission in around:
            where = f" of {database}" if database else ""
            yield Source(username, f"fixed role {name}{where} has {permission}")


def _is_denied_by_role(username: str, question: Question, covering: Covering) -> bool:
    """Whether it is db_denydatareader or db_denydatawriter of the database, and denies this."""
    if not username.startswith("["):
        return False
    database, name = to_principal(username)
    around = covering.get(Securable(DATABASE, question.securable.database), ())
    denies = [text.removeprefix("DENY ") for text in FIXED_DATABASE_ROLES.get(name, ()) if text.startswith("DENY ")]
    return database == question.securable.database and any(permission in around for permission in denies)


def _find_denials(population: Population, username: str, covering: Covering) -> list[Held]:
    user = find_user(username)
    state = population.accounts.get(user[1] if user else username)
    return [
        item
        for item in (state.held if state else ())
        if item.effect == "deny"
        and item.privilege in covering.get(to_plain(item.securable), ())
        and (user is None or item.securable.database == user[0])
    ]


def _find_revoked(question: Question) -> Held | None:
    """Return what a REVOKE on the column leaves in the catalog, where a column is asked about."""
    is_column = question.securable.scope == COLUMN
    return Held(question.privilege, question.securable, effect="revoke") if is_column else None


def _is_revoked(population: Population, username: str, withheld: Held | None) -> bool:
    return withheld is not None and username in population.accounts and withheld in population.accounts[username].held


def _to_source(population: Population, username: str, item: Held, covering: Covering) -> Source:
    user = find_user(username)
    since = population.find_since(user[1] if user else username, item)
    if item.privilege == OWNER:
        return Source(username, f"owner of {item.securable}", held=item, since=since)
    words = f"{item.privilege} on {item.securable}"
    if item.privilege in covering.get(to_plain(item.securable), ()):
        return Source(username, words, held=item, since=since)
    keyword, path = SCOPES[item.securable.scope].keyword, str(item.securable).partition(" ")[2]
    step = f"ALTER AUTHORIZATION ON {keyword}::{path} TO {username}"
    return Source(username, words, step, item, since)


def _passes(source: Source, passing: Collection[Securable]) -> bool:
    """Whether no DENY withholds it: from sysadmin, and from an owner."""
    if source.held is None:
        return source.words == _MEMBERS_PASS
    is_owner = source.held.privilege == OWNER or bool(source.step)
    return is_owner and to_plain(source.held.securable) in passing


def _find_passing(population: Population, question: Question) -> list[Securable]:
    """Return whose owners pass a DENY: the database, what is asked about, the schema of what has no own owner."""
    securables = [cover.securable for cover in find_covers(question) if cover.securable.scope not in (SERVER, COLUMN)]
    nearest = securables[:1]
    own = find_held(population.accounts, lambda item: item.privilege == OWNER and to_plain(item.securable) in nearest)
    return [
        *nearest,
        *(securables[1:2] if len(securables) > 2 and not own else ()),
        *(item for item in securables if item.scope == DATABASE),
    ]


ACCESS = SqlserverAccess()
