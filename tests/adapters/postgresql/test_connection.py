"""How PostgreSQL is connected to: options, addresses, and a server that goes away."""

import re
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace

import psycopg
import pytest

from tests.engines.postgresql import DATABASE, PostgresqlEngine, start
from tests.engines.reading import LIMITS
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncCancelledError
from whalefall_pipeline.core.model import Reading, Seen


@pytest.fixture(scope="module")
def engine() -> Generator[PostgresqlEngine]:
    with start(18) as engine:
        engine.prepare()
        yield engine


def read(
    engine: PostgresqlEngine, host: str = "127.0.0.1", options: Mapping[str, str] | None = None, limits: Limits = LIMITS
) -> Reading:
    instance = replace(engine.instance, host=host, options=options or {})
    with engine.adapter.open(instance, engine.login, limits, Deadline(60)) as session:
        return session.read_grants()


STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]+): (.*)", re.DOTALL)
COMMENT = re.compile(r"^\t?--.*\n", re.MULTILINE)
ASKED = re.compile(r"(select|with|show|set|begin|commit|rollback)\b", re.IGNORECASE)


def test_a_host_is_a_name_or_an_address(engine: PostgresqlEngine) -> None:
    # localhost may be ::1 first, where this server does not listen
    assert read(engine, "localhost") == read(engine)
    assert read(engine, "no-such-host.invalid", {"hostaddr": "127.0.0.1"}) == read(engine)


def test_a_host_that_nobody_knows_is_named(engine: PostgresqlEngine) -> None:
    with pytest.raises(DatabaseConnectionError, match=r"no-such-host\.invalid is not known"):
        read(engine, "no-such-host.invalid")


def test_tls_that_the_server_lacks_is_not_tried_again(engine: PostgresqlEngine) -> None:
    with pytest.raises(DatabaseConnectionError, match="does not support SSL") as raised:
        read(engine, options={"sslmode": "require"})
    assert not raised.value.transient


def test_options_of_the_deployment_hold_where_an_instance_has_none(engine: PostgresqlEngine) -> None:
    limits = replace(LIMITS, default_options={"sslmode": "require"})
    with pytest.raises(DatabaseConnectionError, match="does not support SSL"):
        read(engine, limits=limits)
    assert read(engine, options={"sslmode": "prefer"}, limits=limits) == read(engine)


def test_an_sslmode_that_there_is_not_is_named_with_those_there_are(engine: PostgresqlEngine) -> None:
    with pytest.raises(InvalidInstanceError, match=r"verify-all.*verify-full"):
        read(engine, options={"sslmode": "verify-all"})


def test_a_database_that_is_not_there_is_not_tried_again(engine: PostgresqlEngine) -> None:
    instance = replace(engine.instance, database="missing")
    with (
        pytest.raises(DatabaseConnectionError, match='database "missing" does not exist') as raised,
        engine.adapter.open(instance, engine.login, LIMITS, Deadline(60)),
    ):
        pass
    assert not raised.value.transient


def test_a_server_that_crashes_in_the_middle_gives_no_reading(engine: PostgresqlEngine) -> None:
    before = read(engine)
    with engine.adapter.open(engine.instance, engine.login, LIMITS, Deadline(60)) as session:
        session.read_accounts()
        engine.running.crash()
        with pytest.raises(DatabaseConnectionError) as raised:
            session.read_grants()
    assert raised.value.transient
    engine.running.start()
    again = read(engine)
    assert (set(again.grants), again.coverage) == (set(before.grants), before.coverage)


def test_a_collector_only_reads(engine: PostgresqlEngine) -> None:
    with engine.adapter.open(engine.instance, engine.login, LIMITS, Deadline(60)) as session:
        session.read_accounts()
        with psycopg.connect(engine.running.conninfo()) as admin:
            sessions = admin.execute(
                "SELECT application_name, backend_xid, query FROM pg_stat_activity WHERE usename = %s",
                [engine.login.username],
            ).fetchall()
    ((application, transaction, _),) = sessions
    assert application == "whalefall"
    assert transaction is None


def test_nobody_waits_for_a_reading(engine: PostgresqlEngine) -> None:
    """Whoever had to wait for what an open transaction has read would get an error."""
    instance = replace(engine.instance, database=DATABASE)
    with engine.adapter.open(instance, engine.login, LIMITS, Deadline(60)) as session:
        session.read_accounts()
        engine.execute(
            "SET lock_timeout = '1s';",
            "CREATE ROLE wf_waiting;",
            "GRANT SELECT ON ALL TABLES IN SCHEMA app TO wf_waiting;",
            "ALTER ROLE wf_waiting CREATEDB;",
            "ALTER TABLE app.orders ADD COLUMN wf_waiting int;",
            "ALTER TABLE app.orders DROP COLUMN wf_waiting;",
            "VACUUM pg_authid, pg_class;",
            "DROP OWNED BY wf_waiting;",
            "DROP ROLE wf_waiting;",
        )


def test_the_server_s_log_of_statements_has_nothing_but_questions(engine: PostgresqlEngine) -> None:
    name = engine.login.username
    server = engine.running
    server.log = deque(maxlen=10_000)
    engine.execute(f"ALTER ROLE {name} SET log_statement = 'all';")
    try:
        assert not any(seen.reason for seen in read(engine).coverage.values())
        with psycopg.connect(server.conninfo()) as admin, pytest.raises(psycopg.errors.DivisionByZero):
            admin.execute("SELECT 1 / 0")  # its error is the last line, when all before was written
        while not any("division by zero" in line for line in list(server.log)):
            pass
    finally:
        log, server.log = list(server.log), deque(maxlen=50)
        engine.execute(f"ALTER ROLE {name} RESET log_statement;")
    entries = re.split(r"\n(?!\t)", "".join(log))  # the lines of one begin with a tab
    said = [COMMENT.sub("", match[1]).strip() for entry in entries if (match := STATEMENT.search(entry))]
    assert len(said) >= 8
    assert [statement for statement in said if not ASKED.match(statement)] == []


def read_while_one_waits(engine: PostgresqlEngine, table: str, act: Callable[[Deadline, int], object]) -> Reading:
    """Read while a catalog of one database is locked; `act` happens when a backend, whose id it gets, waits for it."""
    deadline = Deadline(60)
    with psycopg.connect(engine.running.conninfo(DATABASE)) as blocking:
        blocking.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())

        def act_when_one_waits() -> None:
            waiting = None
            while waiting is None:
                waiting = blocking.execute("SELECT pid FROM pg_locks WHERE NOT granted").fetchone()
            act(deadline, waiting[0])

        acting = threading.Thread(target=act_when_one_waits)
        acting.start()
        try:
            with engine.adapter.open(engine.instance, engine.login, LIMITS, deadline) as session:
                session.read_accounts()
                return session.read_grants()
        finally:
            acting.join()


@pytest.mark.parametrize(
    ("table", "scope"),
    [("pg_largeobject_metadata", f"database:{DATABASE}"), ("pg_policy", f"database:{DATABASE}/definitions")],
)
def test_a_deadline_that_passes_in_one_database_keeps_what_was_read(
    engine: PostgresqlEngine, table: str, scope: str
) -> None:
    whole = read(engine)
    cut = read_while_one_waits(engine, table, lambda deadline, _: deadline.expire())
    assert cut.coverage[scope].status is Seen.TIMED_OUT
    assert cut.coverage["server"] == whole.coverage["server"]
    others = {item for item in whole.grants if item.securable.database == ""}
    assert others
    assert others <= set(cut.grants)


def test_a_connection_that_is_lost_in_one_database_loses_that_one_alone(engine: PostgresqlEngine) -> None:
    def kill(_deadline: Deadline, pid: int) -> None:
        with psycopg.connect(engine.running.conninfo("postgres")) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])

    whole = read(engine)
    cut = read_while_one_waits(engine, "pg_largeobject_metadata", kill)
    missing = {scope: seen for scope, seen in cut.coverage.items() if seen.status is not Seen.OBSERVED}
    assert {scope: seen.status for scope, seen in missing.items()} == {f"database:{DATABASE}": Seen.UNREACHABLE}
    assert "lost" in missing[f"database:{DATABASE}"].reason
    shared = {
        item for item in whole.grants if item.securable.database != DATABASE or item.securable.scope == "database"
    }
    assert set(cut.grants) == shared


def test_a_cancel_in_one_database_ends_the_reading(engine: PostgresqlEngine) -> None:
    with pytest.raises(SyncCancelledError):
        read_while_one_waits(engine, "pg_largeobject_metadata", lambda deadline, _: deadline.cancel())
