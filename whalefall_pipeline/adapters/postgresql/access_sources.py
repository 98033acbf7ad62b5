"""What gives a privilege to a role by itself: a grant, ownership, being a superuser, a predefined role's meaning."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from whalefall_pipeline.adapters.postgresql.access_links import (
    DATABASE_OWNER,
    find_circular,
    find_creators,
    is_superuser,
    list_database_owners,
    may_be_granted,
    to_grant_sql,
)
from whalefall_pipeline.adapters.postgresql.names import KEYWORDS, quote, to_sql
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.adapters.postgresql.rules import DATABASE
from whalefall_pipeline.core.access.model import Population, Question, Source
from whalefall_pipeline.core.model import MEMBER, Held

OWNER = "OWNER"
READ, WRITE, MAINTAIN = "pg_read_all_data", "pg_write_all_data", "pg_maintain"
MEANT: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("schema", "USAGE"): (READ, WRITE),
    **{(scope, "SELECT"): (READ,) for scope in ("table", "column", "sequence")},
    **{(scope, each): (WRITE,) for scope in ("table", "column") for each in ("INSERT", "UPDATE")},
    ("table", "DELETE"): (WRITE,),
    ("sequence", "UPDATE"): (WRITE,),
    ("table", "MAINTAIN"): (MAINTAIN,),
}
"""What predefined roles give everywhere: no ACL says it (documentation, Predefined Roles)."""
SYSTEM_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})
SYSTEM_LANGUAGES = frozenset({"internal", "c", "sql", "plpgsql"})
_CLOSED = frozenset({"pg_catalog", "pg_toast"})
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "TRUNCATE"})


def is_row_type_scope(scope: str) -> bool:
    """Whether a securable may be the type of a table's rows, which goes with the table."""
    return scope == "type"


class Asked(NamedTuple):
    """A question with what follows from its words alone."""

    question: Question
    held: frozenset[Held]
    owned: frozenset[Held]
    predefined: tuple[str, ...]
    is_system: bool

    @classmethod
    @lru_cache(1000)
    def of(cls, question: Question) -> "Asked":
        """Work out which grants give the privilege, and which stand for ownership."""
        privilege, securable = question
        table = securable._replace(scope="table", column="")
        on = (securable, table) if securable.scope == "column" else (securable,)
        held = frozenset(Held(privilege, each, option) for each in on for option in (False, True))
        of_table = securable.scope == "column" or is_row_type_scope(securable.scope)
        owned = frozenset(Held(OWNER, each) for each in ((securable, table) if of_table else (securable,)))
        is_system = securable.schema in SYSTEM_SCHEMAS or (
            securable.scope == "language" and securable.object in SYSTEM_LANGUAGES
        )
        return cls(question, held, owned, MEANT.get((securable.scope, privilege), ()), is_system)

    @property
    def is_closed(self) -> bool:
        """Whether the server lets nobody but a superuser, whatever the ACL says: its own tables, but for views."""
        privilege, securable = self.question
        return securable.schema in _CLOSED and securable.scope in ("table", "column") and privilege in _WRITES


def build_sources(population: Population, asked: Asked, usernames: Collection[str]) -> Iterator[Source]:
    """Yield what gives the privilege to these roles by themselves."""
    accounts = population.accounts
    present = accounts.keys() & usernames
    is_member = asked.question.privilege == MEMBER
    bearing = frozenset[Held]() if asked.is_closed or is_member else asked.held | asked.owned
    for name in present:
        state = accounts[name]
        if is_superuser(state):
            yield Source(name, "superuser", own=True)
        if not state.held.isdisjoint(bearing):
            yield from _build_held(population, asked, name, state.held)
    if is_member:
        yield from _build_members(population, asked.question.securable.object, present)
    elif asked.question.privilege != OWNER and not asked.is_closed:
        yield from _build_predefined(asked, present)
        yield from _build_row_types(population, asked, present)
        yield from _build_in_other_databases(population, asked, present)


def _build_held(population: Population, asked: Asked, name: str, held: frozenset[Held]) -> Iterator[Source]:
    """Yield what a role holds, and what it may grant to itself again as an owner (documentation, Privileges)."""
    for item in held & asked.held:
        yield Source(name, _to_words(item), held=item, since=population.find_since(name, item))
    if asked.question.privilege != OWNER:
        for item in held & asked.owned:
            step = _to_grant_sql(asked.question)
            yield Source(name, _to_words(item), step, held=item, since=population.find_since(name, item))


def _build_members(population: Population, role: str, present: Collection[str]) -> Iterator[Source]:
    """Yield the role itself, which others come to by links, and who may grant it to itself whatever it holds."""
    if role in present:
        yield Source(role, f"role {role} itself")
    for owner, item in list_database_owners(population) if role == DATABASE_OWNER else ():
        if owner in present:
            words = f"owner of database {item.securable.database}, so member of {role} in it"
            yield Source(owner, words, held=item, since=population.find_since(owner, item))
    if may_be_granted(population, role):
        for name in find_creators(population).intersection(present) - {role}:
            if role not in find_circular(population, name):
                yield Source(name, f"CREATEROLE, may grant itself {role}", to_grant_sql(role), own=True)


def _build_predefined(asked: Asked, present: Collection[str]) -> Iterator[Source]:
    privilege, securable = asked.question
    for name in asked.predefined:
        if name in present:
            yield Source(name, f"{name} gives {privilege} on every {securable.scope}")


@lru_cache(1000)
def _to_words(item: Held) -> str:
    words = f"owner of {item.securable}" if item.privilege == OWNER else f"{item.privilege} on {item.securable}"
    return f"{words}, with grant option" if item.grant_option else words


def _to_grant_sql(question: Question) -> str:
    privilege, securable = question
    try:
        what, name = KEYWORDS[securable.scope], to_sql(securable)
    except ValueError:
        return f"GRANT {privilege} ON {securable} TO CURRENT_USER"
    of = f" ({quote(securable.column)})" if securable.column else ""
    return f"GRANT {privilege}{of} ON {what} {name} TO CURRENT_USER"


def _build_row_types(population: Population, asked: Asked, present: Collection[str]) -> Iterator[Source]:
    """Yield what a table's row type gives by itself, to everybody and to the table's owner, unless it was revoked.

    Such a type has no owner of its own; only what differs from the default is collected of it.
    """
    privilege, securable = asked.question
    if not is_row_type_scope(securable.scope):
        return
    own = Held(OWNER, securable)
    of_table = Held(OWNER, securable._replace(scope="table"))
    accounts = population.accounts
    if any(own in state.held for state in accounts.values()):
        return
    if not any(of_table in state.held for state in accounts.values()):
        return
    revoked = Held(privilege, securable, effect="revoke")
    for name in present:
        held = accounts[name].held
        if (name == PUBLIC or of_table in held) and revoked not in held:
            yield Source(name, f"{privilege} on {securable}, as the type of a table's rows")


def _build_in_other_databases(population: Population, asked: Asked, present: Iterable[str]) -> Iterator[Source]:
    """Yield what pg_database_owner has on what databases share: their owners have it while they are connected to them.

    In the database that is asked about, if one is, a link leads to it.
    """
    securable = asked.question.securable
    role = population.accounts.get(DATABASE_OWNER)
    if role is None or (securable.database and securable.scope != DATABASE) or role.held.isdisjoint(asked.held):
        return
    for item in role.held & asked.held:
        for owner, owned in list_database_owners(population):
            if owner in present and owned.securable.database != securable.database:
                words = f"in database {owned.securable.database}, as its owner: {DATABASE_OWNER} has {_to_words(item)}"
                yield Source(owner, words, held=item, since=population.find_since(DATABASE_OWNER, item))
