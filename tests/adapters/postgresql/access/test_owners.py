"""What owners of objects whose code others run become by it, and what they do not."""

import psycopg
import pytest

from tests.adapters.postgresql.access.climbing import (
    BOSS,
    MALLORY,
    Stage,
    is_refused,
)
from tests.engines.postgresql import DATABASE

DEFINER = "CREATE OR REPLACE FUNCTION den.runs() RETURNS text LANGUAGE sql {} AS 'SELECT current_user::text'"


def test_who_owns_the_schema_of_a_superusers_routine_makes_none_that_runs_as_one(stage: Stage) -> None:
    """It may drop that and make one of the same name, which runs as itself."""
    stage.run(DEFINER.format("SECURITY DEFINER"))
    assert stage.read_value("SELECT den.runs()") == "postgres"
    assert is_refused(
        stage,
        DEFINER.format("SECURITY DEFINER"),
        "ALTER FUNCTION den.runs() SET search_path = den",
        f"ALTER FUNCTION den.runs() OWNER TO {MALLORY}",
    )
    assert stage.find() == []
    stage.run_as(MALLORY, "DROP FUNCTION den.runs()", DEFINER.format("SECURITY DEFINER"))
    assert stage.read_value("SELECT den.runs()") == MALLORY


def test_who_may_act_as_the_owner_of_a_superusers_routine_is_told(stage: Stage) -> None:
    """SET ROLE to the owner is the way, and tells of all that the owner's routines do."""
    stage.run(f"ALTER ROLE {BOSS} SUPERUSER", DEFINER.format("SECURITY DEFINER"))
    stage.run(f"ALTER FUNCTION den.runs() OWNER TO {BOSS}", f"GRANT {BOSS} TO {MALLORY}")
    (way, *_) = stage.find()
    assert str(way) == f"member of {BOSS}, superuser"
    stage.run_as(MALLORY, *way.steps, DEFINER.format("SECURITY DEFINER").replace("current_user", "''replaced''"))
    assert stage.read_value("SELECT den.runs()") == "replaced"


def test_owners_of_extensions_change_nothing_of_them(stage: Stage) -> None:
    """A trusted one makes its objects as a superuser; who made it owns the extension, and not what it holds."""
    if not stage.read_value("SELECT count(*) FROM pg_available_extension_versions WHERE name = 'hstore' AND trusted"):
        pytest.skip("this server was built without hstore")
    stage.run(f"GRANT CREATE ON DATABASE {DATABASE} TO {MALLORY}", DEFINER.format("SECURITY DEFINER"))
    stage.run_as(MALLORY, "CREATE EXTENSION hstore SCHEMA den")
    assert stage.read_value("SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'hstore'") == MALLORY
    assert stage.read_value("SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'hstore_in'") == "postgres"
    assert is_refused(
        stage,
        "CREATE OR REPLACE FUNCTION den.hstore_to_json(den.hstore) RETURNS json LANGUAGE sql AS $$ SELECT '1'::json $$",
        f"ALTER FUNCTION den.hstore_in(cstring) OWNER TO {MALLORY}",
        "ALTER EXTENSION hstore ADD FUNCTION den.runs()",
        "ALTER EXTENSION hstore DROP FUNCTION den.hstore_in(cstring)",
    )
    assert stage.find() == []


def test_owners_of_event_triggers_and_publications_reach_nothing_of_others(stage: Stage) -> None:
    """One that was a superuser keeps its event trigger, and may not give it another function."""
    stage.run(
        "CREATE FUNCTION wf_fires() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        f"CREATE TABLE wf_orders (id int); ALTER TABLE wf_orders OWNER TO {BOSS}",
        f"GRANT CREATE ON DATABASE {DATABASE} TO {MALLORY}",
        f"ALTER ROLE {MALLORY} SUPERUSER",
    )
    stage.run_as(
        MALLORY,
        "CREATE EVENT TRIGGER wf_event ON ddl_command_start EXECUTE FUNCTION wf_fires()",
        "CREATE PUBLICATION wf_published",
    )
    stage.run(f"ALTER ROLE {MALLORY} NOSUPERUSER")
    try:
        assert is_refused(
            stage,
            "CREATE EVENT TRIGGER wf_other ON ddl_command_start EXECUTE FUNCTION wf_fires()",
            "CREATE OR REPLACE FUNCTION wf_fires() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "ALTER PUBLICATION wf_published ADD TABLE wf_orders",
            "CREATE PUBLICATION wf_all FOR ALL TABLES",
        )
        assert stage.find() == []
    finally:
        stage.run("DROP EVENT TRIGGER wf_event", "DROP PUBLICATION wf_published")
        stage.run("DROP FUNCTION wf_fires()", "DROP TABLE wf_orders")


def test_pg_create_subscription_connects_as_nobody_whose_password_it_lacks(stage: Stage) -> None:
    if stage.version < 16:
        pytest.skip("only superusers make subscriptions before 16")
    stage.run(f"GRANT CREATE ON DATABASE {DATABASE} TO {MALLORY}", f"GRANT pg_create_subscription TO {MALLORY}")
    running = stage.engine.running
    conninfo = f"host={running.host} port={running.port} dbname={DATABASE} user=postgres"
    make = f"CREATE SUBSCRIPTION wf_sub CONNECTION '{conninfo}{{}}' PUBLICATION p WITH (connect = false{{}})"
    assert is_refused(stage, make.format("", ", password_required = false"))
    with pytest.raises(psycopg.Error, match="password is required"):
        stage.run_as(MALLORY, make.format("", ""))
    stage.run_as(MALLORY, make.format(" password=unknown", ""))
    try:
        assert is_refused(
            stage,
            "ALTER SUBSCRIPTION wf_sub SET (password_required = false)",
            f"ALTER SUBSCRIPTION wf_sub OWNER TO {BOSS}",
        )
        assert stage.find() == []
    finally:
        stage.run("ALTER SUBSCRIPTION wf_sub SET (slot_name = NONE)", "DROP SUBSCRIPTION wf_sub")
