"""All that a large population holds, by our reading and by the server's own functions: zero differences."""

from collections import Counter, defaultdict
from collections.abc import Generator
from typing import NamedTuple

import psycopg
import pytest

from tests.adapters.postgresql.population.judge import SQL, Judge, Question, list_differences, list_scopes, read_answers
from tests.adapters.postgresql.population.statements import DATABASE, build_objects, build_roles
from tests.engines.postgresql import COLLECTOR, PostgresqlEngine, start
from tests.engines.reading import Seen, read
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC

NOBODY = "wf_nobody"
CATALOGS = {
    "pg_class": ("table", "sequence", "column"),
    "pg_proc": ("routine",),
    "pg_type": ("type",),
    "pg_namespace": ("schema",),
    "pg_language": ("language",),
    "pg_foreign_data_wrapper": ("foreign_data_wrapper",),
    "pg_foreign_server": ("foreign_server",),
    "pg_largeobject": ("large_object",),
    "pg_database": ("database",),
    "pg_tablespace": ("tablespace",),
    "pg_parameter_acl": ("parameter",),
    "pg_extension": ("extension",),
    "pg_publication": ("publication",),
    "pg_subscription": ("subscription",),
    "pg_event_trigger": ("event_trigger",),
    "pg_policy": ("policy",),
    "pg_collation": ("collation",),
    "pg_conversion": ("conversion",),
    "pg_statistic_ext": ("statistics",),
    "pg_ts_config": ("text_search_configuration",),
    "pg_ts_dict": ("text_search_dictionary",),
    "pg_operator": ("operator",),
    "pg_opclass": ("operator_class",),
    "pg_opfamily": ("operator_family",),
    "pg_user_mapping": ("user_mapping",),
    "pg_default_acl": ("default_privileges",),
}
"""The server's catalogs, and the scopes that their objects are read as."""


class Population(NamedTuple):
    version: int
    connection: psycopg.Connection
    judge: Judge


@pytest.fixture(scope="module", params=[14, 16, 18])
def population(request: pytest.FixtureRequest) -> Generator[Population]:
    version = request.param
    with start(version) as engine, psycopg.connect(engine.running.conninfo(), autocommit=True) as admin:
        engine.prepare()
        admin.execute(f"CREATE ROLE {NOBODY}")
        for statement in build_roles(version):
            admin.execute(statement.encode())
        with psycopg.connect(engine.running.conninfo(DATABASE), autocommit=True) as connection:
            connection.execute("SET search_path TO pg_catalog")
            given = find_given(connection, version)
            connection.execute(";\n".join(build_objects(version)).encode())
            yield Population(version, connection, build_judge(engine, connection, given))


def find_given(connection: psycopg.Connection, version: int) -> dict[str, set[Question]]:
    """Return what everybody and predefined roles can do on a fresh database's own objects."""
    given: defaultdict[str, set[Question]] = defaultdict(set)
    for scope in list_scopes(version):
        for role, can in read_answers(connection, scope, version)[0].items():
            if scope not in ("database", "tablespace") and (role == NOBODY or role.startswith("pg_")):
                # schema public is read in full, not by what differs
                given[PUBLIC if role == NOBODY else role] |= {
                    question for question in can if not question.option and question.securable.schema != "public"
                }
    return {role: can if role == PUBLIC else can - given[PUBLIC] for role, can in given.items()}


def build_judge(engine: PostgresqlEngine, connection: psycopg.Connection, given: dict[str, set[Question]]) -> Judge:
    relations = connection.execute(
        "select relkind, relname, pg_get_userbyid(relowner) from pg_class where relnamespace in (11, 99)"
    ).fetchall()
    return Judge(
        read(engine),
        given,
        DATABASE,
        toast_owners={name: owner for kind, name, owner in relations if kind == "t"},
        views={name for kind, name, _ in relations if kind == "v"},
    )


def test_every_privilege_is_as_the_server_says(population: Population) -> None:
    differences: list[str] = []
    compared = 0
    for scope in list_scopes(population.version):
        truth, asked = read_answers(population.connection, scope, population.version)
        differences += list_differences(truth, population.judge.answer(asked))
        compared += len(asked)
    assert not differences, (len(differences), differences[:20])
    assert compared > 15000


def count_read(seen: Seen, *, owned: bool) -> dict[tuple[str, str], int]:
    """Count the objects that each role owns, or holds something on, by catalog."""
    catalogs = {scope: catalog for catalog, scopes in CATALOGS.items() for scope in scopes}
    found: set[tuple[str, str, object]] = set()
    for grant in seen.grants:
        scope = grant.securable.scope
        is_owned = grant.privilege == "OWNER" or scope == "user_mapping"
        is_here = grant.securable.database in ("", DATABASE) or scope == "database"
        if scope in catalogs and is_here and is_owned == owned and grant.privilege != "FUNCTION OWNER":
            found.add((grant.grantee, catalogs[scope], grant.securable))
    return Counter((grantee, catalog) for grantee, catalog, _ in found)


def read_dependencies(population: Population, name: str) -> dict[tuple[str, str], int]:
    rows = population.connection.execute(SQL[name].encode()).fetchall()
    names = dict(population.connection.execute("select oid::int8, rolname from pg_roles").fetchall())
    return {(names[role], catalog): count for role, catalog, count in rows if role in names}


def test_every_owner_is_as_the_catalog_of_dependencies_has_it(population: Population) -> None:
    said, truth = count_read(population.judge.seen, owned=True), read_dependencies(population, "owners")
    # the bootstrap superuser and predefined roles are pinned: nothing depends on them
    assert {key: (said.get(key), count) for key, count in truth.items() if said.get(key) != count} == {}
    assert {key for key in said.keys() - truth.keys() if not key[0].startswith(("postgres", PUBLIC, "pg_"))} == set()


def test_everybody_that_an_acl_or_a_policy_names_is_found(population: Population) -> None:
    said, truth = count_read(population.judge.seen, owned=False), read_dependencies(population, "mentioned")
    assert {key: (said.get(key, 0), count) for key, count in truth.items() if said.get(key, 0) < count} == {}


def test_a_login_without_any_right_read_all_of_it(population: Population) -> None:
    assert all(seen.status == "observed" for seen in population.judge.seen.reading.coverage.values())
    assert COLLECTOR.username in population.judge.seen.states
