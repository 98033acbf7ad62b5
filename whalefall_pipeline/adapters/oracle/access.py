"""Who can do what on Oracle, and by which way. Pure; the rules as Oracle's documentation has them.

Own grants, those of roles that are on, and PUBLIC's; the owner of a schema has all on its objects; ANY privileges hold
in every schema but SYS; what was granted in one container holds there, what was granted commonly in all.

A procedure that runs with its owner's rights makes no yes, since nobody has read what it does; it makes a no unknown
where one may run it and its owner can. So it is with those that users made; Oracle's own are not looked at.

Not looked into: Virtual Private Database, Database Vault and Label Security, which take away, and privileges on all
objects of a hierarchy.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.access_code import WANTED as CODE
from whalefall_pipeline.adapters.oracle.access_code import find_code
from whalefall_pipeline.adapters.oracle.access_dangers import DANGEROUS, FILE_SCOPES, SYSTEM_SCOPES, find_dangers
from whalefall_pipeline.adapters.oracle.access_links import find_links, find_proxied
from whalefall_pipeline.adapters.oracle.access_privileges import ANY, SYS, SYSTEM, find_any, find_same, reaches_sys
from whalefall_pipeline.adapters.oracle.access_seeds import GRANT_OBJECTS, GRANT_PRIVILEGES, find_seeds, is_bounded
from whalefall_pipeline.adapters.oracle.object_types import WITHOUT_SCHEMA
from whalefall_pipeline.core.access.engine import Access, FindGates
from whalefall_pipeline.core.access.model import (
    Acting,
    Code,
    Danger,
    Gate,
    GateQuestion,
    GateState,
    Link,
    Population,
    Question,
    Seeds,
    Source,
    Wanted,
)
from whalefall_pipeline.core.model import SERVER, AccountState, Held, Kind, Securable
from whalefall_pipeline.core.rules import LOCKED, NO_LOGIN, PASSWORD_EXPIRED
from whalefall_pipeline.core.states import find_held

_PARTS = (rules.ROLES, rules.SYSTEM_PRIVILEGES, rules.PASSWORD_FILE, rules.PROXIES, rules.DEFINERS)


class OracleAccess(Access):
    """See `core.access.engine.Access`."""

    rules = rules.RULES
    has_code = True

    def find_targets(self, kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
        """Return what is known by these names; the container may be left out, where there is one only.

        That code runs with its owner's rights is no object of its own.
        The catalog names no object that nothing is held on.
        """
        names, known = tuple(path), list(known)
        kinds = {kind} if kind else {item.scope for item in known} - {rules.DEFINER}
        found = [item for item in dict.fromkeys(known) if item.scope in kinds and _is_named(item, names)]
        if found:
            return found
        if kind in (SERVER, "password_file") and not names:
            return [Securable(kind)]
        if len(names) == len(rules.OBJECT_LEVELS) and kind != "column":
            return [Securable(kind or "table", *names)]
        return [Securable("column", *names)] if kind == "column" and len(names) == len(rules.OBJECT_LEVELS) + 1 else []

    def list_privileges(self, securable: Securable, version: str = "") -> Sequence[str]:
        """See `Access.list_privileges`."""
        if securable.scope in SYSTEM_SCOPES:
            return SYSTEM
        return list(ANY.get(securable.scope, ()))

    def find_wanted(self, question: Question) -> Sequence[Wanted]:
        """See `Access.find_wanted`."""
        scope, _, schema, name, column = question.securable
        wanted = [*CODE, *(Wanted(each) for each in (*SYSTEM_SCOPES, *FILE_SCOPES, "proxy", "proxy_role"))]
        if scope not in SYSTEM_SCOPES:
            wanted.append(Wanted("schema", None, schema))
            scopes = ("table", "view", "materialized_view", "object") if scope == "column" else (scope,)
            wanted += [Wanted(each, None, schema, name, "") for each in scopes]
        if scope == "column":
            wanted.append(Wanted(scope, None, schema, name, column))
        return wanted

    def find_seeds(self, question: Question) -> Seeds | None:
        """See `Access.find_seeds`."""
        return find_seeds(question)

    def is_bounded(self, state: AccountState) -> bool:
        """See `Access.is_bounded`."""
        return is_bounded(state)

    def find_links(self, population: Population) -> Iterable[Link]:
        """See `Access.find_links`."""
        return find_links(population)

    def find_sources(self, population: Population, question: Question, usernames: Collection[str]) -> Iterable[Source]:
        """See `Access.find_sources`."""
        is_system = question.securable.scope in SYSTEM_SCOPES
        source = _System(question) if is_system else _Object(question, population)
        wanted = find_held(population.accounts, lambda item: source.find_words(item) is not None)
        for username in usernames:
            client = find_proxied(username)
            state = population.accounts.get(client)
            if state is None:
                continue
            if client == SYS:
                yield Source(username, "SYS may do all")
            elif not is_system and state.account.kind is Kind.USER and _is_owner(client, question.securable):
                yield Source(username, f"owner of the schema {question.securable.schema}")
            for item in sorted(state.held & wanted):
                words, step = source.find_words(item) or ("", "")
                yield Source(username, words, step, item, population.find_since(client, item))

    def find_code(self, population: Population, question: Question, reached: Collection[str]) -> Iterable[Code]:
        """See `Access.find_code`: stored code that runs with its owner's rights."""
        return find_code(population, question, reached)

    def find_gate_questions(self, question: Question) -> Sequence[GateQuestion]:
        """See `Access.find_gate_questions`: who lacks CREATE SESSION can't log in."""
        if question.privilege == "CREATE SESSION":
            return ()
        database = question.securable.database
        securable = Securable("database", database) if database else Securable(SERVER)
        return [GateQuestion("session", Question("CREATE SESSION", securable), by_login=True)]

    def prepare_gates(self, population: Population, question: Question) -> FindGates:
        """See `Access.prepare_gates`: whether the account is locked, expired, or none that logs in."""

        def find_gates(acting: Acting) -> Sequence[Gate]:
            state = population.accounts[acting.username]
            moment = population.now or datetime.min.replace(tzinfo=UTC)
            reasons = rules.RULES.own_capabilities(state, moment, population.attributes)
            why = [text for name in (NO_LOGIN, LOCKED, PASSWORD_EXPIRED) for text in reasons.get(name, ())]
            return [Gate("login", GateState.CLOSED, "; ".join(why)) if why else Gate("login", GateState.OPEN)]

        return find_gates

    def find_unseen(self, population: Population, question: Question | None) -> Sequence[str]:
        """See `Access.find_unseen`: each part of each container's catalog is a scope."""
        if question is None:
            return sorted(population.unseen)
        database = question.securable.database
        parts = {*_PARTS, rules.SCHEMA_PRIVILEGES, rules.part_of(question.securable.scope)}
        return [scope for scope in sorted(population.unseen) if _bears(scope, database, parts)]

    def find_dangerous(self) -> Sequence[Wanted]:
        """See `Access.find_dangerous`."""
        return DANGEROUS

    def find_dangers(self, population: Population) -> Iterable[Danger]:
        """See `Access.find_dangers`."""
        return find_dangers(population)


class _Object:
    """What gives an object privilege."""

    def __init__(self, question: Question, population: Population) -> None:
        self._privilege, self._on = question
        self._same = find_same(question.privilege)
        self._any = find_any(question.privilege, question.securable, population.attributes)
        self._is_of_sys = question.securable.schema == SYS and not reaches_sys(population.attributes)

    def find_words(self, item: Held) -> tuple[str, str] | None:
        """Return how a grant gives it, with the step that it takes; None: it does not."""
        scope, database, schema, *_ = item.securable
        if item.effect != "grant" or database not in ("", self._on.database):
            return None
        if scope in FILE_SCOPES:
            return _to_administrative(item)
        if scope in SYSTEM_SCOPES:
            return self._find_system(item.privilege)
        words = f"{item.privilege} on {item.securable}"
        is_on_schema = scope == "schema" and schema == self._on.schema and item.privilege in self._any
        return (words, "") if is_on_schema or self._is_on_object(item) else None

    def _find_system(self, privilege: str) -> tuple[str, str] | None:
        if privilege == GRANT_OBJECTS and not self._is_of_sys:
            return privilege, f"GRANT {self._privilege} TO itself"
        return (privilege, "") if privilege in self._any else None

    def _is_on_object(self, item: Held) -> bool:
        """Whether it is on the object itself, or on the column; what is on a table is on its columns too."""
        scope, _, schema, name, column = item.securable
        if (schema, name) != (self._on.schema, self._on.object) or item.privilege not in self._same:
            return False
        if scope == "column":
            return (self._on.scope, self._on.column) == ("column", column)
        return self._on.scope in ("column", scope)


class _System:
    """What gives a system privilege."""

    def __init__(self, question: Question) -> None:
        self._privilege, self._on = question

    def find_words(self, item: Held) -> tuple[str, str] | None:
        """See `_Object.find_words`."""
        scope, database = item.securable[:2]
        if item.effect != "grant" or database not in ("", self._on.database):
            return None
        if scope in FILE_SCOPES:
            return _to_administrative(item)
        if scope not in SYSTEM_SCOPES:
            return None
        if item.privilege == self._privilege:
            return item.privilege, ""
        return (item.privilege, f"GRANT {self._privilege} TO itself") if item.privilege == GRANT_PRIVILEGES else None


def _to_administrative(item: Held) -> tuple[str, str] | None:
    is_sysdba = item.privilege == "SYSDBA"
    return ("SYSDBA (password file)", "CONNECT ... AS SYSDBA") if is_sysdba else None


def _is_named(securable: Securable, names: Sequence[str]) -> bool:
    own = tuple(name for name in securable[1:] if name)
    return own == names or (bool(securable.database) and own[1:] == names and len(names) > 0)


def _is_owner(username: str, securable: Securable) -> bool:
    """Whether a user is the schema; from the root a local one is called by its container too."""
    if securable.scope in WITHOUT_SCHEMA:
        return False
    return username in (securable.schema, f"{securable.database}.{securable.schema}")


def _bears(scope: str, database: str, parts: Collection[str]) -> bool:
    whole, _, part = scope.partition("/")
    return whole in (SERVER, "databases", f"database:{database}") and (not part or part in parts)


ACCESS = OracleAccess()
