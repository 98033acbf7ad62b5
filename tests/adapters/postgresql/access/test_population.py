"""Every role, object and privilege of a large population: yes exactly where the server's own functions say so."""

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping
from typing import NamedTuple

import psycopg
import pytest

from tests.adapters.postgresql.access.set_role import SetRoleAccess, find_able_by_set_role
from tests.adapters.postgresql.population.judge import list_scopes, read_answers
from tests.adapters.postgresql.population.statements import DATABASE, build_objects, build_roles
from tests.engines.postgresql import start
from tests.engines.reading import read
from whalefall_pipeline.adapters.postgresql.access import ACCESS
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Population, Question
from whalefall_pipeline.core.model import Securable

MEMBERS = """
select x.rolname, r.rolname, pg_has_role(x.oid, r.oid, 'USAGE'), pg_has_role(x.oid, r.oid, %(set)s)
from pg_roles x, pg_roles r
"""
OWNERS = """
select x.rolname, o.scope, o.schema, o.name
from pg_roles x, (
  select case c.relkind when 'S' then 'sequence' else 'table' end, s.nspname, c.relname, c.relowner
  from pg_class c join pg_namespace s on s.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  union all
  select 'schema', nspname, '', nspowner from pg_namespace
) as o (scope, schema, name, owner)
where pg_has_role(x.oid, o.owner, 'USAGE') and o.schema !~ '^(pg_|information_schema)'
"""


class Judged(NamedTuple):
    """A population, what the server says of it, and what we say."""

    version: int
    connection: psycopg.Connection
    decider: Decider
    by_set_role: Decider

    def read_set(self) -> Mapping[str, set[str]]:
        """Return who each role may become by SET ROLE, itself among them, by the server's word."""
        may: defaultdict[str, set[str]] = defaultdict(set)
        for member, role, _, may_set in self.connection.execute(MEMBERS, {"set": name_set(self.version)}).fetchall():
            if may_set:
                may[member].add(role)
        return may


def name_set(version: int) -> str:
    return "SET" if version >= 16 else "MEMBER"


@pytest.fixture(scope="module", params=[14, 16, 18])
def judged(request: pytest.FixtureRequest) -> Generator[Judged]:
    version = request.param
    with start(version) as engine, psycopg.connect(engine.running.conninfo(), autocommit=True) as admin:
        engine.prepare()
        for statement in build_roles(version):
            admin.execute(statement.encode())
        with psycopg.connect(engine.running.conninfo(DATABASE), autocommit=True) as connection:
            connection.execute("SET search_path TO pg_catalog")
            connection.execute(";\n".join(build_objects(version)).encode())
            population = Population(read(engine).states, version=f"PostgreSQL {version}.1")
            yield Judged(version, connection, Decider(ACCESS, population), Decider(SetRoleAccess(), population))


class Truth(NamedTuple):
    """Who can by the server's word: now, and after SET ROLE."""

    now: Mapping[Question, set[str]]
    after: Mapping[Question, set[str]]


def to_truth(can: Iterable[tuple[str, Question]], may_set: Mapping[str, set[str]]) -> Truth:
    now: defaultdict[Question, set[str]] = defaultdict(set)
    for role, question in can:
        now[question].add(role)
    after = {
        question: {member for member, roles in may_set.items() if not roles.isdisjoint(able)}
        for question, able in now.items()
    }
    return Truth(now, after)


def list_differences(judged: Judged, asked: Iterable[Question], truth: Truth) -> Iterable[str]:
    """Yield who can by one and can't by the other; where something is not collected, only what is said too much."""
    for question in asked:
        unseen = judged.decider.find_unseen(question)
        for when, server, said in (
            ("now", truth.now.get(question, set[str]()), judged.decider.find_able(question)),
            ("after", truth.after.get(question, set[str]()), find_able_by_set_role(judged.by_set_role, question)),
        ):
            yield from (f"{when}: {role!r} lacks {question}" for role in server - said if not unseen)
            yield from (f"{when}: {role!r} has too much: {question}" for role in said - server - {PUBLIC})


def test_every_privilege_is_as_the_server_says(judged: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    differences: list[str] = []
    may_set = judged.read_set()
    counted = {True: 0, False: 0}
    for scope in list_scopes(judged.version):
        can, asked = read_answers(judged.connection, scope, judged.version)
        truth = to_truth(
            (
                (role, Question(each.privilege, each.securable))
                for role, own in can.items()
                for each in own
                if not each.option
            ),
            may_set,
        )
        questions = {Question(each.privilege, each.securable) for each in asked}
        differences += list_differences(judged, questions, truth)
        for question in questions:
            counted[bool(judged.decider.find_unseen(question))] += len(can)
    with capsys.disabled():
        print(  # noqa: T201 - the figure is the proof
            f"\nPostgreSQL {judged.version}: {counted[False]} verdicts on what is collected, {counted[True]} on the"
            f" server's own objects, {len(differences)} differences"
        )
    assert not differences, (len(differences), differences[:20])
    assert counted[False] > 30000


def test_who_is_a_member_is_as_the_server_says(judged: Judged) -> None:
    rows = judged.connection.execute(MEMBERS, {"set": name_set(judged.version)}).fetchall()
    questions = {role: Question("MEMBER", Securable("role", object=role)) for _, role, _, _ in rows}
    now = {(member, role) for member, role, usage, _ in rows if usage}
    after = {(member, role) for member, role, usage, may_set in rows if usage or may_set}
    assert {(name, role) for role, each in questions.items() for name in judged.decider.find_able(each)} == now
    assert {
        (name, role) for role, each in questions.items() for name in find_able_by_set_role(judged.by_set_role, each)
    } >= after


def test_who_owns_is_as_the_server_says(judged: Judged) -> None:
    truth: defaultdict[Question, set[str]] = defaultdict(set)
    for role, scope, schema, name in judged.connection.execute(OWNERS).fetchall():
        truth[Question("OWNER", Securable(scope, DATABASE, schema, name))].add(role)
    assert len(truth) > 100
    assert {question: judged.decider.find_able(question) for question in truth} == truth
