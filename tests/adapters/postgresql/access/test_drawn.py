"""Random roles: verdicts, steps, row-level security and cuts, each as a server has it."""

from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.postgresql.access.drawn import (
    DATABASE,
    ROLES,
    TABLES,
    Drawn,
    drawn,
    find_all_roles,
    list_steps,
    name_set,
    take,
)
from tests.adapters.postgresql.access.set_role import SetRoleAccess, find_able_by_set_role
from tests.engines.postgresql import PostgresqlEngine, start
from tests.engines.reading import read
from whalefall_pipeline.adapters.postgresql.access import ACCESS
from whalefall_pipeline.adapters.postgresql.access_links import CREATEROLE
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import GateState, Path, Population, Question, Source, Verdict
from whalefall_pipeline.core.model import Securable

HAS = """
select 'table', r.rolname, c.relname, '', p.name, has_table_privilege(r.oid, c.oid, p.name)
from pg_roles r, pg_class c, unnest(array['SELECT', 'INSERT', 'UPDATE', 'TRUNCATE']) p (name)
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and r.rolname ~ '^(wf_.|pg_.*)$'
union all
select 'column', r.rolname, c.relname, 'name', 'SELECT', has_column_privilege(r.oid, c.oid, 'name', 'SELECT')
from pg_roles r, pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and r.rolname ~ '^(wf_.|pg_.*)$'
union all
select 'database', r.rolname, '', '', p.name, has_database_privilege(r.oid, current_database(), p.name)
from pg_roles r, unnest(array['CREATE', 'TEMPORARY']) p (name) where r.rolname ~ '^(wf_.|pg_.*)$'
"""
OWNERS = """
select r.rolname, c.relname, pg_has_role(r.oid, c.relowner, 'USAGE') from pg_roles r, pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
"""
HAD = """
select exists (
  select from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
  where c.oid = %(table)s::regclass and a.grantee = %(owner)s::regrole and a.privilege_type = 'SELECT')
"""
SELECT = {table: Question("SELECT", Securable("table", DATABASE, "public", table)) for table in TABLES}
counted: Counter[str] = Counter()


class Server(NamedTuple):
    version: int
    engine: PostgresqlEngine
    admin: psycopg.Connection


@pytest.fixture(scope="module", params=[14, 16, 18])
def server(request: pytest.FixtureRequest) -> Generator[Server]:
    with start(request.param) as engine, psycopg.connect(engine.running.conninfo(), autocommit=True) as admin:
        engine.prepare()
        yield Server(request.param, engine, admin)


class Made(NamedTuple):
    """What was drawn, made on a server; `can` are the pairs of role and question that the server says yes to."""

    version: int
    connection: psycopg.Connection
    population: Population
    can: Mapping[Question, set[str]]

    def decider(self) -> Decider:
        return Decider(ACCESS, self.population)


@contextmanager
def make(server: Server, case: Drawn) -> Generator[Made]:
    """Make what was drawn, and take it away at the end."""
    try:
        for statement in case.roles:
            server.admin.execute(statement.encode())
        with psycopg.connect(server.engine.running.conninfo(DATABASE), autocommit=True) as connection:
            connection.execute(";\n".join(case.objects).encode())
            population = Population(read(server.engine).states, version=f"PostgreSQL {server.version}.1")
            can: defaultdict[Question, set[str]] = defaultdict(set)
            for scope, role, table, column, privilege, has in connection.execute(HAS).fetchall():
                question = Question(privilege, Securable(scope, DATABASE, "public" if table else "", table, column))
                can[question] |= {role} if has else set()
            yield Made(server.version, connection, population, can)
    finally:
        server.admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)".encode())
        for role in ROLES:
            server.admin.execute(f"DROP ROLE IF EXISTS {role}".encode())


@settings(max_examples=3)
@given(data=st.data())
def test_verdicts_are_the_servers(server: Server, data: st.DataObject) -> None:
    with make(server, data.draw(drawn(server.version))) as made:
        decider, by_set_role = made.decider(), Decider(SetRoleAccess(), made.population)
        reached = {role: find_all_roles(made.connection, role, made.version) for role in ROLES}
        may_set = find_settable(made)
        owners = find_owners(made)
        for question, able in made.can.items():
            assert {role for role in decider.find_able(question) if role in ROLES} == able & set(ROLES), question
            after = {role for role in ROLES if not able.isdisjoint(may_set[role])}
            assert {role for role in find_able_by_set_role(by_set_role, question) if role in ROLES} == after, question
            granting = able | owners.get(question.securable.object, set())
            ever = {role for role in ROLES if not granting.isdisjoint(reached[role])}
            if question.securable.scope != "database":
                verdicts = {role: decider.decide(role, question).verdict for role in ROLES}
                assert {role for role in ROLES if verdicts[role] is not Verdict.NO} == ever, question
            counted["verdicts"] += 3 * len(ROLES)


def find_settable(made: Made) -> Mapping[str, set[str]]:
    query = "SELECT m.rolname, r.rolname FROM pg_roles m, pg_roles r WHERE pg_has_role(m.oid, r.oid, %s)"
    rows = made.connection.execute(query, [name_set(made.version)]).fetchall()
    found: defaultdict[str, set[str]] = defaultdict(set)
    for member, role in rows:
        found[member].add(role)
    return found


def find_owners(made: Made) -> Mapping[str, set[str]]:
    """Return who has each table's owner's privileges."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for role, table, has in made.connection.execute(OWNERS).fetchall():
        found[table] |= {role} if has else set()
    return found


@settings(max_examples=2)
@given(data=st.data())
def test_every_path_can_be_walked_and_every_gate_is_as_told(server: Server, data: st.DataObject) -> None:
    with make(server, data.draw(drawn(server.version))) as made:
        decider = made.decider()
        for table, question in SELECT.items():
            for role in ROLES:
                answer = decider.decide(role, question, every_path=True)
                for path in answer.paths[:10]:
                    counted["paths"] += walk(made, table, role, path)
                if answer.paths and walk(made, table, role, answer.paths[0]):
                    check_row_security(
                        made, table, role, answer.paths[0], {gate.name: gate.state for gate in answer.gates}
                    )


def walk(made: Made, table: str, role: str, path: Path) -> bool:
    """Take a path's steps, and check that the server then says yes; False: a membership stands in the way.

    That is one of the role to be granted in the role that has CREATEROLE, which this one may revoke first.
    """
    circular = ""
    with made.connection.transaction(force_rollback=True):
        try:
            take(made.connection, role, list(list_steps(path)))
            query = f"SELECT has_table_privilege(current_user, '{table}', 'SELECT')"
            has = made.connection.execute(query.encode()).fetchall()
        except psycopg.errors.InvalidGrantOperation as error:
            circular, has = str(error), [(True,)]
    assert has == [(True,)], (role, path)
    assert not circular or (made.version < 16 and "is a member of role" in circular), (role, path, circular)
    return not circular


def check_row_security(made: Made, table: str, role: str, path: Path, gates: Mapping[str, GateState]) -> None:
    """Check the gate against what a SELECT really finds: each policy lets all rows through."""
    with made.connection.transaction(force_rollback=True):
        take(made.connection, role, list(list_steps(path)))
        ((is_active,),) = made.connection.execute(f"SELECT row_security_active('{table}')".encode()).fetchall()
        ((rows,),) = made.connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
    state = gates.get("row security", GateState.OPEN)
    assert is_active == (state is not GateState.OPEN), (table, role, path, state)
    assert rows == (0 if state is GateState.CLOSED else 1), (table, role, path, state)
    counted["row security"] += 1


@settings(max_examples=2)
@given(data=st.data())
def test_all_ends_cut_and_all_but_one_do_not(server: Server, data: st.DataObject) -> None:
    with make(server, data.draw(drawn(server.version))) as made:
        decider = made.decider()
        for table, question in SELECT.items():
            owner = find_owner(made, table)
            for role in ROLES:
                paths = decider.decide(role, question, every_path=True).paths
                ends = list(dict.fromkeys(to_end(path) for path in paths))
                if not ends:
                    continue
                assert not can_after_cut(made, role, table, owner, ends), (role, table, ends)
                for kept in ends:
                    left = [end for end in ends if end != kept]
                    if any(end.creator for end in left):
                        continue  # without CREATEROLE the others may be out of reach too
                    assert can_after_cut(made, role, table, owner, left), (role, table, kept)
                counted["cuts"] += 1 + len(ends)


class Ended(NamedTuple):
    """What a path ends in: a source, and where that is a predefined role, its member or who grants itself that role."""

    source: Source
    member: str = ""
    creator: str = ""


def to_end(path: Path) -> Ended:
    if not path.source.holder.startswith("pg_") or path.source.held is not None:
        return Ended(path.source)
    last = path.links[-1]
    if last.member == CREATEROLE:
        return Ended(path.source, creator=path.links[-2].member)
    if last.words.startswith("CREATEROLE, "):  # where some roles are members of the creator, each role has its own link
        return Ended(path.source, creator=last.member)
    return Ended(path.source, last.member)


def find_owner(made: Made, table: str) -> str:
    ((owner,),) = made.connection.execute(
        f"SELECT relowner::regrole::text FROM pg_class WHERE oid = '{table}'::regclass".encode()
    ).fetchall()
    return owner


def can_after_cut(made: Made, role: str, table: str, owner: str, ends: Sequence[Ended]) -> bool:
    """Take ends away, ownership first, and return whether the server lets the role then, after all steps of its."""
    with made.connection.transaction(force_rollback=True):
        for statement in list_cuts(table, owner, ends, made):
            made.connection.execute(statement.encode())
        reached = find_all_roles(made.connection, role, made.version)
        able = {
            name
            for name, has in made.connection.execute(
                f"SELECT rolname, has_table_privilege(oid, '{table}', 'SELECT') FROM pg_roles".encode()
            ).fetchall()
            if has
        } | find_owners(made)[table]
    return not able.isdisjoint(reached)


def list_cuts(table: str, owner: str, ends: Iterable[Ended], made: Made) -> Iterable[str]:
    cut = list(ends)
    if any(end.source.step for end in cut):
        # what the old owner held goes with the table: it keeps that, unless it is cut too
        ((had,),) = made.connection.execute(HAD, {"table": table, "owner": owner}).fetchall()
        yield f"ALTER TABLE {table} OWNER TO postgres"
        if had:
            yield f"GRANT SELECT ON {table} TO {owner}"
    for source, member, creator in cut:
        if source.words == "superuser":
            yield f"ALTER ROLE {source.holder} NOSUPERUSER"
        elif creator:
            yield f"ALTER ROLE {creator} NOCREATEROLE"
        elif member:
            yield f"REVOKE {source.holder} FROM {member} CASCADE"
        elif not source.step:
            yield f"REVOKE SELECT ON {table} FROM {source.holder} CASCADE"


def test_how_much_was_judged(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\ndrawn roles, so far in this process: {dict(counted)}")  # noqa: T201 - the figure is the proof
