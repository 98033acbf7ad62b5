"""pg_upgrade makes a new cluster out of an old one: its roles are the same, and hold the same."""

import os
import subprocess
from collections.abc import Generator

import pytest

from tests.engines.postgresql import COLLECTOR, PostgresqlEngine
from tests.engines.reading import Seen, read
from tests.servers.postgresql import INITDB, PostgresqlServer, start_postgresql
from tests.servers.unprivileged import run, run_as

GIVEN = (
    "CREATE ROLE ana LOGIN VALID UNTIL '2999-01-01'",
    "CREATE ROLE readers",
    "DROP ROLE readers",
    "CREATE ROLE readers",
    "GRANT readers TO ana WITH ADMIN OPTION",
    "ALTER ROLE ana SET work_mem = '8MB'",
    "CREATE SCHEMA app",
    "CREATE TABLE app.orders (id int, total int)",
    "CREATE TYPE app.mood AS ENUM ('good')",
    "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1' SECURITY DEFINER",
    "GRANT SELECT ON app.orders TO readers WITH GRANT OPTION",
    "GRANT UPDATE (total) ON app.orders TO ana",
    "REVOKE ALL ON FUNCTION app.f() FROM PUBLIC, postgres",
    "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
    "GRANT CREATE ON SCHEMA public TO ana",
    "GRANT EXECUTE ON FUNCTION pg_catalog.lo_export(oid, text) TO ana",
    "REVOKE SELECT ON pg_catalog.pg_stat_activity FROM PUBLIC",
    "ALTER DEFAULT PRIVILEGES FOR ROLE ana IN SCHEMA app GRANT SELECT ON TABLES TO readers",
    "SELECT lo_create(4242)",
    "GRANT SELECT ON LARGE OBJECT 4242 TO readers",
    "GRANT CONNECT ON DATABASE postgres TO ana",
    "REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC",
)


@pytest.fixture
def server() -> Generator[PostgresqlServer]:
    with start_postgresql(15) as server:
        yield server


def _upgrade(server: PostgresqlServer) -> None:
    """Move a stopped server into a new cluster of the same version, which pg_upgrade takes as it takes a newer one."""
    home, programs = server.folder.parent, server.programs
    new, secret = home / "upgraded", home / "password"
    secret.write_text(server.password)
    secret.chmod(0o644)
    run([programs / "initdb", *INITDB, f"--username={server.superuser}", f"--pwfile={secret}", "-D", new])
    done = subprocess.run(
        [programs / "pg_upgrade", "-b", programs, "-d", server.folder, "-D", new, "-U", server.superuser, "--link"],
        cwd=home,
        env={**os.environ, "PGPASSWORD": server.password},
        capture_output=True,
        text=True,
        check=False,
        **run_as(),
    )
    assert done.returncode == 0, done.stdout
    server.folder = new


def _read(server: PostgresqlServer, *statements: str) -> Seen:
    engine = PostgresqlEngine(15, server)
    try:
        engine.execute(*(f"{statement};" for statement in statements), database="postgres")
        return read(engine, engine.login)
    finally:
        engine.close()


def test_an_upgrade_changes_nothing(server: PostgresqlServer) -> None:
    before = _read(server, f"CREATE ROLE {COLLECTOR.username} LOGIN PASSWORD '{COLLECTOR.password}'", *GIVEN)
    server.stop()
    _upgrade(server)
    server.start()
    after = _read(server)
    assert after.grants == before.grants
    assert after.states == before.states
    ids = [{name: state.account.native_id for name, state in each.states.items()} for each in (before, after)]
    assert ids[0] == ids[1], "each role keeps its OID: none is taken for one that was made again"
    assert (after.reading.attributes, after.reading.coverage) == (before.reading.attributes, before.reading.coverage)
