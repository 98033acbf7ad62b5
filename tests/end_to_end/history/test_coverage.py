"""What a reading could not see stays as it was, is said, and is no revoke; when it is seen again only real changes are.

On real servers, through a whole session.
"""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest

from tests.cli.conftest import Run
from tests.end_to_end.history.watched import Watched
from tests.engines.engine import ACCOUNT, Server
from tests.engines.mysql import COLLECTOR as MYSQL_COLLECTOR
from tests.engines.mysql import MysqlServer
from tests.engines.postgresql import COLLECTOR, PostgresqlEngine
from tests.engines.postgresql_cases import DATABASE
from tests.engines.reading import LIMITS
from tests.engines.test_scopes import grant_all
from tests.ledger.rows import read_versions
from whalefall_pipeline.adapters.engine import Limits

PATIENCE = Limits(connect_seconds=30, statement_seconds=1)
SCOPE = f"database:{DATABASE}"

Break = Callable[[PostgresqlEngine], AbstractContextManager[None]]


@contextmanager
def closed(server: PostgresqlEngine) -> Generator[None]:
    server.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false;", database="postgres")
    yield
    server.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true;", database="postgres")


@contextmanager
def without_connect(server: PostgresqlEngine) -> Generator[None]:
    server.execute(f"REVOKE CONNECT ON DATABASE {DATABASE} FROM PUBLIC, {COLLECTOR.username};")
    yield
    server.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO PUBLIC, {COLLECTOR.username};")


@contextmanager
def locked(server: PostgresqlEngine) -> Generator[None]:
    """The statements wait for a lock until their time is up."""
    with psycopg.connect(server.running.conninfo(DATABASE)) as connection:
        connection.execute("LOCK TABLE pg_largeobject_metadata IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def with_connections_locked(server: PostgresqlEngine) -> Generator[None]:
    """New connections wait for a lock until their time is up."""
    with psycopg.connect(server.running.conninfo(DATABASE)) as connection:
        connection.execute("LOCK TABLE pg_class IN ACCESS EXCLUSIVE MODE")
        yield


BREAKS: dict[str, tuple[Break, str, Limits]] = {
    "closed": (closed, "denied", LIMITS),
    "no connect": (without_connect, "denied", LIMITS),
    "timed out": (locked, "timed_out", PATIENCE),
    "connecting": (with_connections_locked, "timed_out", Limits(connect_seconds=2, statement_seconds=2)),
}


@pytest.mark.parametrize("engine", ["postgresql-18"], indirect=True)
@pytest.mark.parametrize("how", list(BREAKS))
def test_a_database_that_was_not_seen_keeps_its_grants(
    watched: Watched, server: PostgresqlEngine, whalefall: Run, how: str
) -> None:
    breaking, status, limits = BREAKS[how]
    server.create_accounts([ACCOUNT])
    server.execute(f"GRANT SELECT ON app.orders TO {ACCOUNT};", f"GRANT CREATE ON TABLESPACE wf_space TO {ACCOUNT};")
    watched.sync_well(limits=limits)
    before = watched.read_snapshots()[ACCOUNT]
    first_read_at = watched.read_log(ACCOUNT)[0]["change_time"].isoformat()

    with breaking(server):
        server.execute(f"REVOKE CREATE ON TABLESPACE wf_space FROM {ACCOUNT};", database="postgres")
        watched.sync_well(limits=limits)
        assert [row["message"] for row in watched.read_log(ACCOUNT)[1:]] == ["revoked CREATE on tablespace wf_space"]
        snapshot = watched.read_snapshots()[ACCOUNT]
        table = "postgresql_table_privileges"
        assert snapshot["categories"][table] == before["categories"][table]
        # MariaDB's definers take more of the catalog
        (unseen,) = [each for each in snapshot["meta"]["not_observed"] if each["scope"] != "definers"]
        assert (unseen["scope"], unseen["status"], unseen["last_seen_at"]) == (SCOPE, status, first_read_at)
        assert watched.read_record()["sync_details"]["coverage"][SCOPE] == {
            "status": status,
            "reason": unseen["reason"],
        }
        said = whalefall("sessions", watched.sessions[-1])
        assert f"{watched.name}: {SCOPE} was not observed ({status}: {unseen['reason']}" in said.stdout

        versions = read_versions(watched.ledger)
        watched.sync_well(limits=limits)
        assert read_versions(watched.ledger) == versions, "unseen still, for the same reason: nothing to write"

    server.execute(f"GRANT INSERT ON app.orders TO {ACCOUNT};")
    watched.sync_well()
    assert [row["message"] for row in watched.read_log(ACCOUNT)[2:]] == ["granted INSERT on table wf_shop.app.orders"]
    assert watched.read_snapshots()[ACCOUNT]["meta"] == {}


MYSQL_TABLES = {
    "mariadb": (
        "global_priv",
        "user",
        "db",
        "tables_priv",
        "columns_priv",
        "procs_priv",
        "proxies_priv",
        "roles_mapping",
    ),
    "mysql": (
        *("user", "global_grants", "db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv"),
        *("role_edges", "default_roles"),
    ),
}


@contextmanager
def denied_table(server: MysqlServer) -> Generator[None]:
    login = f"{MYSQL_COLLECTOR}@localhost"
    tables = [name for name in MYSQL_TABLES[server.flavour] if name != "tables_priv"]
    server.execute(f"REVOKE SELECT ON mysql.* FROM {login}", *(f"GRANT SELECT ON mysql.{n} TO {login}" for n in tables))
    try:
        yield
    finally:
        takings = (f"REVOKE SELECT ON mysql.{n} FROM {login}" for n in tables)
        server.execute(f"GRANT SELECT ON mysql.* TO {login}", *takings)


@pytest.mark.parametrize("engine", ["mariadb", "mysql"], indirect=True)
def test_a_table_of_the_catalog_that_is_denied_keeps_its_grants(
    watched: Watched, server: MysqlServer, whalefall: Run
) -> None:
    (username,) = server.create_accounts([ACCOUNT])
    server.execute(f"GRANT SELECT ON wf_app.orders TO {ACCOUNT}", f"GRANT INSERT ON wf_app.* TO {ACCOUNT}")
    watched.sync_well()
    before = watched.read_snapshots()[username]["categories"]
    with denied_table(server):
        server.execute(f"REVOKE INSERT ON wf_app.* FROM {ACCOUNT}")
        watched.sync_well()
        assert [row["message"] for row in watched.read_log(username)[1:]] == ["revoked INSERT on database wf_app"]
        snapshot = watched.read_snapshots()[username]
        table = "mysql_table_privileges"
        assert snapshot["categories"][table] == before[table]
        # who the definers are takes more of MariaDB's catalog, of which this login now has too little
        (unseen,) = [each for each in snapshot["meta"]["not_observed"] if each["scope"] != "definers"]
        assert (unseen["scope"], unseen["status"]) == ("tables", "denied")
        assert unseen["last_seen_at"] == watched.read_log(username)[0]["change_time"].isoformat()
        said = whalefall("sessions", watched.sessions[-1])
        assert "watched: tables was not observed (denied: no SELECT on mysql.tables_priv" in said.stdout
        server.execute(f"GRANT UPDATE ON wf_app.orders TO {ACCOUNT}")
    watched.sync_well()
    assert [row["message"] for row in watched.read_log(username)[2:]] == ["granted UPDATE on table wf_app.orders"]
    assert watched.read_snapshots()[username]["meta"] == {}


def test_connections_that_end_in_the_middle_change_nothing(watched: Watched, server: Server, whalefall: Run) -> None:
    server.create_accounts([ACCOUNT])
    grant_all(server)
    watched.sync_well()
    before = read_versions(watched.ledger)
    outcome = watched.sync(between=server.kill_collectors, attempts=1)
    assert outcome.error is not None
    assert read_versions(watched.ledger) == before
    record = watched.read_record()
    assert (record["status"], record["error_code"]) == ("failed", "DATABASE_CONNECTION_ERROR")
    assert record["sync_details"]["inventory"] is not None
    assert record["sync_details"]["collection"] is None
    assert record["error_message"] in whalefall("sessions", watched.sessions[-1], "--format", "json").stdout


def test_a_second_attempt_is_a_whole_reading(watched: Watched, server: Server) -> None:
    server.create_accounts([ACCOUNT])
    grant_all(server)
    watched.sync_well()
    before = read_versions(watched.ledger)
    left = [server.kill_collectors]

    def kill_once() -> None:
        if left:
            left.pop()()

    outcome = watched.sync_well(between=kill_once)
    assert outcome.attempts == 2
    assert read_versions(watched.ledger) == before


def test_a_role_that_is_dropped_in_the_middle_ends_no_session_badly(watched: Watched, server: Server) -> None:
    """It killed the whole batch, and the session said running for ever."""
    (username,) = server.create_accounts([ACCOUNT])
    (bystander,) = server.create_accounts(["wf_bystander"])
    on_a_table = next(case for case in server.scope_cases if next(iter(case.expected)).securable.scope == "table")
    server.execute(*on_a_table.grant, database=on_a_table.database)
    watched.sync_well()
    outcome = watched.sync(between=lambda: server.drop_accounts([ACCOUNT]))
    assert watched.read_record()["status"] == ("failed" if outcome.error else "completed")
    watched.sync_well()
    assert watched.read_log(username)[-1]["change_type"] == "delete"
    assert username not in watched.read_snapshots()
    assert [row["change_type"] for row in watched.read_log(bystander)] == ["add"]
