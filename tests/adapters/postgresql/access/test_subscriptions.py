"""Who owns a table that a subscription writes to: tried with a real subscription, between two databases of a server.

Before 16 it writes as its own owner, a superuser, and so do the triggers that fire for it; later as the table's owner.
"""

from collections.abc import Generator

import psycopg
import pytest

from tests.adapters.postgresql.access.climbing import AS_INVOKER, MALLORY, MARK, PASSWORD, Stage
from tests.engines.postgresql import DATABASE, PostgresqlEngine
from tests.engines.reading import read
from tests.servers.postgresql import start_postgresql

SOURCE = "wf_source"
OTHER = "wf_other"


@pytest.fixture(params=[14, 16])
def stage(request: pytest.FixtureRequest) -> Generator[Stage]:
    """A server of its own: what can be subscribed to is set when it starts."""
    with start_postgresql(request.param) as server:
        with psycopg.connect(server.conninfo(), autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET wal_level = logical")
            admin.execute("ALTER SYSTEM SET synchronous_commit = local")
        server.restart()
        engine = PostgresqlEngine(request.param, server)
        engine.prepare()
        with psycopg.connect(server.conninfo(DATABASE), autocommit=True) as admin:
            stage = Stage(request.param, engine, admin)
            stage.run(
                f"CREATE ROLE {MALLORY} LOGIN PASSWORD '{PASSWORD}'",
                f"CREATE ROLE {OTHER}",
                f"CREATE SCHEMA den AUTHORIZATION {MALLORY}",
                "CREATE TABLE wf_seen (who text)",
                "GRANT INSERT ON wf_seen TO PUBLIC",
                f"CREATE TABLE wf_orders (id int PRIMARY KEY); ALTER TABLE wf_orders OWNER TO {MALLORY}",
                f"GRANT TRIGGER ON wf_orders TO {OTHER}",
                f"CREATE DATABASE {SOURCE}",
            )
            yield stage
        engine.close()


def _subscribe(stage: Stage) -> None:
    source = stage.engine.running.conninfo(SOURCE)
    with psycopg.connect(source, autocommit=True) as publisher:
        publisher.execute("CREATE TABLE wf_orders (id int PRIMARY KEY)")
        publisher.execute("CREATE PUBLICATION wf_published FOR TABLE wf_orders")
        publisher.execute("SELECT pg_create_logical_replication_slot('wf_slot', 'pgoutput')")
    options = "create_slot = false, slot_name = wf_slot, copy_data = false"
    stage.run(f"CREATE SUBSCRIPTION wf_sub CONNECTION '{source}' PUBLICATION wf_published WITH ({options})")


def _write(stage: Stage) -> None:
    """Write a row at the source, whose commit waits until the subscription has written it, too."""
    stage.run("ALTER SYSTEM SET synchronous_standby_names = wf_sub", "SELECT pg_reload_conf()")
    with psycopg.connect(stage.engine.running.conninfo(SOURCE)) as publisher:
        publisher.execute("SET synchronous_commit = on")
        publisher.execute("INSERT INTO wf_orders VALUES (1)")


BODY = AS_INVOKER.format(MARK.replace("wf_seen", "public.wf_seen"))
FIRES = f"CREATE FUNCTION den.{{0}}() RETURNS trigger {BODY}"
TRIGGER = "CREATE TRIGGER {0} BEFORE INSERT ON wf_orders FOR EACH ROW EXECUTE FUNCTION den.{0}()"
ALWAYS = "ALTER TABLE wf_orders ENABLE ALWAYS TRIGGER {0}"


def test_an_owner_of_a_subscribed_table_runs_code_as_who_writes_to_it(stage: Stage) -> None:
    """One who may only make triggers on it does not: those fire for no subscription unless its owner says so."""
    assert stage.find() == []
    _subscribe(stage)
    ways = stage.find()
    stage.run(f"GRANT CREATE, USAGE ON SCHEMA den TO {OTHER}")
    stage.run_as(OTHER, FIRES.format("other"), TRIGGER.format("other"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stage.run_as(OTHER, ALWAYS.format("other"))
    stage.run_as(MALLORY, FIRES.format("own"), TRIGGER.format("own"), ALWAYS.format("own"))
    _write(stage)
    seen = [who for (who,) in stage.admin.execute("SELECT who FROM wf_seen").fetchall()]
    assert {way.danger.becomes for way in stage.find(OTHER)} == {MALLORY}, "it fires for who writes by hand"
    if stage.version >= 16:
        assert (seen, ways) == ([MALLORY], [])
        return
    assert seen == ["postgres"]
    (way,) = ways
    assert (way.danger.becomes, way.danger.database) == ("", DATABASE)
    script = stage.engine.adapter.build_script(read(stage.engine).states)
    (line,) = [line for line in script if "subscribed_table" in line]
    assert line.startswith("-- "), "no statement of its own makes it"
    assert str(way) == f"owner of table {DATABASE}.public.wf_orders, which subscription wf_sub writes to as postgres"
