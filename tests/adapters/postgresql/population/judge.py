"""What a reading says that each role can do, and what the server says: compared as sets."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import psycopg

from tests.engines.reading import Seen
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.core.model import Securable, is_of_role
from whalefall_pipeline.sql import load_sql

SQL = load_sql(__package__ or "", "truth.sql")
READ_ALL, WRITE_ALL, MAINTAIN_ALL = "pg_read_all_data", "pg_write_all_data", "pg_maintain"
MEANT: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("schema", "USAGE"): (READ_ALL, WRITE_ALL),
    **{(scope, "SELECT"): (READ_ALL,) for scope in ("table", "column", "sequence")},
    **{(scope, each): (WRITE_ALL,) for scope in ("table", "column", "sequence") for each in ("INSERT", "UPDATE")},
    ("table", "DELETE"): (WRITE_ALL,),
    ("table", "MAINTAIN"): (MAINTAIN_ALL,),
}
"""What predefined roles mean: no ACL says it."""
WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "TRUNCATE"})


class Question(NamedTuple):
    """A privilege on one object, or the option to pass it on, that the server was asked about."""

    securable: Securable
    privilege: str
    option: bool


Answers: TypeAlias = dict[str, set[Question]]
"""What each role can do."""


def list_scopes(version: int) -> list[str]:
    """Return the scopes that this version has a function for; has_largeobject_privilege came with 18."""
    newer = {"parameter": 15, "large_object": 18}
    return [name for name in SQL if name not in ("owners", "mentioned") and version >= newer.get(name, 0)]


def read_answers(connection: psycopg.Connection, scope: str, version: int) -> tuple[Answers, set[Question]]:
    """Return what every role can do by the server's own word, and all that was asked."""
    names = dict(connection.execute("select oid::int8, rolname from pg_roles").fetchall())
    can: Answers = {name: set() for name in names.values()}
    asked: dict[tuple[str, ...], tuple[Question, Question]] = {}
    maintain = {"maintain": "MAINTAIN" if version >= 17 else ""}
    rows = connection.execute(SQL[scope].encode(), maintain if scope == "table" else None).fetchall()
    for role, *path, privilege, held, option in rows:
        key = (*path, privilege)
        if key not in asked:
            securable = Securable(*path)
            asked[key] = Question(securable, privilege, option=False), Question(securable, privilege, option=True)
        if held:
            can[names[role]].add(asked[key][0])
        if option:
            can[names[role]].add(asked[key][1])
    return can, {question for pair in asked.values() for question in pair}


@dataclass
class Judge:
    """Finds what each role can do by a reading.

    `given` is what roles of a fresh server can do. The last two are the owners of TOAST tables and the server's views.
    """

    seen: Seen
    given: Mapping[str, Set[Question]]
    database: str
    toast_owners: Mapping[str, str]
    views: Set[str]

    def __post_init__(self) -> None:
        self._held: defaultdict[str, set[Question]] = defaultdict(set)
        self._owners = {
            Securable("table", self.database, "pg_toast", name): owner for name, owner in self.toast_owners.items()
        }
        self._lost: defaultdict[Securable, set[str]] = defaultdict(set)
        for role, questions in self.given.items():
            self._held[role] |= questions
        for grant in sorted(self.seen.grants, key=lambda grant: grant.effect == "grant"):
            question = Question(grant.securable, grant.privilege, option=False)
            if grant.privilege == "OWNER":
                self._owners[grant.securable] = grant.grantee
            elif grant.effect == "revoke":
                self._held[grant.grantee].discard(question)
                self._lost[grant.securable].add(grant.grantee)
            else:
                self._held[grant.grantee] |= {question, question._replace(option=grant.grant_option)}
        self._roles = {name: self._follow(name) for name in self.seen.states}

    def _follow(self, name: str) -> set[str]:
        """Return whose privileges a role has: its own, everybody's, and those of roles that it inherits from."""
        found: set[str] = set()
        frontier = {name, PUBLIC}
        while frontier:
            found |= frontier
            further = {
                item.securable.object
                for role in frontier
                for item in self.seen.states[role].held
                if is_of_role(item) and item.privilege == "INHERIT"
            }
            if self._owners[Securable("database", self.database)] in frontier:
                further.add("pg_database_owner")
            frontier = further - found
        return found

    def answer(self, asked: Set[Question]) -> Answers:
        """Return what every role can do of what is asked."""
        # The server lets nobody but a superuser write to its own tables and to TOAST, whatever their ACL says.
        possible = {question for question in asked if not self._is_closed(question)}
        direct = self._find_direct(possible)
        answers: Answers = {}
        for name, state in self.seen.states.items():
            if name != PUBLIC:
                is_super = state.account.attributes["rolsuper"]
                answers[name] = (
                    set(asked) if is_super else set[Question]().union(*map(direct.__getitem__, self._roles[name]))
                )
        return answers

    def _find_direct(self, possible: set[Question]) -> defaultdict[str, set[Question]]:
        """Return what each role holds by itself of what is possible, as owner and by meaning too."""
        direct: defaultdict[str, set[Question]] = defaultdict(set)
        for role in self.seen.states:
            direct[role] = possible & self._held[role]
        for question in possible:
            for role in (*self._find_by_meaning(question), *self._find_by_table(question)):
                direct[role].add(question)
        return direct

    def _find_by_meaning(self, question: Question) -> Iterable[str]:
        """Yield who has it without an entry in an ACL: owners may pass on all, predefined roles mean something."""
        securable, privilege, option = question
        owner = self._find_owner(securable)
        if owner and (option or (securable.schema == "pg_toast" and owner not in self._lost[securable])):
            yield owner
        if not option:
            yield from MEANT.get((securable.scope, privilege), ())
        # the type of a table's rows is everybody's and the owner's, but for what a reading says that it lost
        if securable.scope == "type" and not option and self._is_row_type(question):
            yield from {PUBLIC, owner or PUBLIC} - self._lost[securable]

    def _find_by_table(self, question: Question) -> Iterable[str]:
        """Yield who has the privilege on the whole table of a column."""
        securable, privilege, option = question
        if securable.scope == "column":
            on_table = Question(securable._replace(scope="table", column=""), privilege, option)
            yield from (role for role in self.seen.states if on_table in self._held[role])
            owner = self._find_owner(on_table.securable)
            yield from [owner] if option and owner else []

    def _find_owner(self, securable: Securable) -> str | None:
        owner = self._owners.get(securable)
        if owner is None and securable.scope == "type":
            return self._owners.get(securable._replace(scope="table"))
        return owner

    def _is_row_type(self, question: Question) -> bool:
        return question.securable not in self._owners and question not in self.given[PUBLIC]

    def _is_closed(self, question: Question) -> bool:
        scope, _, schema, name, _ = question.securable
        is_system = schema == "pg_toast" or (schema == "pg_catalog" and name not in self.views)
        return scope in ("table", "column") and is_system and question.privilege in WRITES and not question.option


def list_differences(truth: Answers, said: Answers) -> Iterable[str]:
    """Yield what the one has and the other has not."""
    for role in sorted(truth.keys() | said.keys()):
        server, reading = truth.get(role, set()), said.get(role, set())
        yield from (f"{role!r} lacks {question}" for question in server - reading)
        yield from (f"{role!r} has too much: {question}" for question in reading - server)
