"""What could not be seen is never a no; and what else a server has in its own way."""

from collections.abc import Generator

import psycopg
import pytest

from tests.engines.postgresql import DATABASE, PostgresqlEngine, start
from tests.engines.reading import Seen, read
from whalefall_pipeline.adapters.postgresql.access import ACCESS, NOT_COLLECTED
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import GateState, Population, Question, Verdict
from whalefall_pipeline.core.model import Securable, Unseen
from whalefall_pipeline.core.model import Seen as Status

READER = "wf_reader"
TABLE = Securable("table", DATABASE, "public", "wf_secret")
SELECT = Question("SELECT", TABLE)


@pytest.fixture(scope="module")
def engine() -> Generator[PostgresqlEngine]:
    with start(16) as engine:
        engine.prepare()
        engine.create_accounts([READER])
        engine.execute("CREATE TABLE wf_secret (id int);")
        yield engine


def to_decider(seen: Seen) -> Decider:
    unseen = {
        scope: Unseen(scope, item.status, item.reason, None)
        for scope, item in seen.reading.coverage.items()
        if item.status is not Status.OBSERVED
    }
    return Decider(ACCESS, Population(seen.states, unseen=unseen, version="PostgreSQL 16.1"))


def test_a_database_that_is_closed(engine: PostgresqlEngine) -> None:
    assert to_decider(read(engine)).decide(READER, SELECT).verdict is Verdict.NO
    engine.execute(f"GRANT SELECT ON wf_secret TO {READER};")
    with psycopg.connect(engine.running.conninfo(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false".encode())
        try:
            answer = to_decider(read(engine)).decide(READER, SELECT)
        finally:
            admin.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true".encode())
    assert (answer.verdict, answer.unseen) == (Verdict.UNKNOWN, (f"database:{DATABASE}",))
    assert to_decider(read(engine)).decide(READER, SELECT).verdict is Verdict.YES
    engine.execute(f"REVOKE SELECT ON wf_secret FROM {READER};")


def test_a_database_that_refuses_the_collector(engine: PostgresqlEngine) -> None:
    engine.execute(f"REVOKE CONNECT ON DATABASE {DATABASE} FROM PUBLIC, {engine.login.username};")
    answer = to_decider(read(engine)).decide(READER, SELECT)
    engine.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO PUBLIC, {engine.login.username};")
    assert (answer.verdict, answer.unseen) == (Verdict.UNKNOWN, (f"database:{DATABASE}",))


@pytest.mark.parametrize("catalog", ["pg_auth_members", "pg_class", "pg_policy"])
def test_a_catalog_that_is_denied(engine: PostgresqlEngine, catalog: str) -> None:
    engine.execute(
        "CREATE ROLE wf_readers;",
        f"GRANT wf_readers TO {READER};",
        "GRANT SELECT ON wf_secret TO wf_readers;",
        "ALTER TABLE wf_secret ENABLE ROW LEVEL SECURITY;",
        f"CREATE POLICY all_rows ON wf_secret TO {READER} USING (true);",
    )
    whole = to_decider(read(engine)).decide(READER, SELECT)
    databases = (DATABASE, "postgres")
    for database in databases:
        engine.execute(f"REVOKE SELECT ON {catalog} FROM PUBLIC;", database=database)
    denied = to_decider(read(engine)).decide(READER, SELECT)
    for database in databases:
        engine.execute(f"GRANT SELECT ON {catalog} TO PUBLIC;", database=database)
    engine.execute("DROP POLICY all_rows ON wf_secret;", "ALTER TABLE wf_secret DISABLE ROW LEVEL SECURITY;")
    engine.execute("DROP OWNED BY wf_readers; DROP ROLE wf_readers;")
    assert whole.verdict is Verdict.YES
    assert {gate.name: gate.state for gate in whole.gates}["row security"] is GateState.FILTERS
    if catalog == "pg_policy":
        assert {gate.name: gate.state for gate in denied.gates}["row security"] is GateState.UNKNOWN
    else:
        assert denied.verdict is Verdict.UNKNOWN
        assert denied.unseen


def test_objects_of_the_servers_own_are_never_a_no(engine: PostgresqlEngine) -> None:
    question = Question("EXECUTE", Securable("routine", DATABASE, "pg_catalog", "pg_sleep(double precision)"))
    answer = to_decider(read(engine)).decide(READER, question)
    assert (answer.verdict, answer.unseen) == (Verdict.UNKNOWN, (NOT_COLLECTED,))


def test_the_gates_of_a_reader(engine: PostgresqlEngine) -> None:
    engine.execute(
        "CREATE SCHEMA wf_closed; CREATE TABLE wf_closed.t (id int);",
        f"GRANT SELECT ON wf_closed.t TO {READER};",
        f"REVOKE CONNECT ON DATABASE {DATABASE} FROM PUBLIC;",
        f"ALTER ROLE {READER} VALID UNTIL '2001-01-01';",
    )
    question = Question("SELECT", Securable("table", DATABASE, "wf_closed", "t"))
    answer = to_decider(read(engine)).decide(READER, question)
    engine.execute(
        f"GRANT CONNECT ON DATABASE {DATABASE} TO PUBLIC;",
        f"ALTER ROLE {READER} VALID UNTIL 'infinity';",
        "DROP SCHEMA wf_closed CASCADE;",
    )
    assert answer.verdict is Verdict.YES
    assert {gate.name: gate.state for gate in answer.gates} == {
        "login": GateState.CLOSED,
        "connect": GateState.CLOSED,
        "schema": GateState.CLOSED,
    }


def test_an_owner_of_another_database_has_what_database_owners_have(engine: PostgresqlEngine) -> None:
    with psycopg.connect(engine.running.conninfo(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE wf_other OWNER {READER}".encode())
        admin.execute(f"GRANT CREATE ON DATABASE {DATABASE} TO pg_database_owner".encode())
    question = Question("CREATE", Securable("database", DATABASE))
    with psycopg.connect(engine.running.conninfo("wf_other"), autocommit=True) as other:
        query = f"SELECT has_database_privilege('{READER}', '{DATABASE}', 'CREATE')"
        assert other.execute(query.encode()).fetchall() == [(True,)]
    answer = to_decider(read(engine)).decide(READER, question)
    with psycopg.connect(engine.running.conninfo(), autocommit=True) as admin:
        admin.execute("DROP DATABASE wf_other")
        admin.execute(f"REVOKE CREATE ON DATABASE {DATABASE} FROM pg_database_owner".encode())
    assert answer.verdict is Verdict.YES
    assert str(answer.paths[0]).startswith("in database wf_other, as its owner")
