"""What is no privilege of an ACL but decides what accounts can do, and objects of the server that were given away."""

from collections.abc import Generator

import psycopg
import pytest

from tests.engines.engine import ACCOUNT
from tests.engines.postgresql import PostgresqlEngine, start
from tests.engines.postgresql_cases import DATABASE, ROLE
from tests.engines.reading import read
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.core.model import Grant, Observation, Securable
from whalefall_pipeline.core.model import Seen as Status

SHOP = f"database:{DATABASE}"


@pytest.fixture(scope="module", params=[14, 18])
def running(request: pytest.FixtureRequest) -> Generator[PostgresqlEngine]:
    with start(request.param) as engine:
        yield engine


@pytest.fixture
def engine(running: PostgresqlEngine) -> PostgresqlEngine:
    running.reset()
    running.prepare()
    running.create_accounts([ACCOUNT])
    return running


def test_code_that_runs_for_others_names_its_owner(engine: PostgresqlEngine) -> None:
    before = read(engine).grants
    engine.execute(
        "CREATE FUNCTION app.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';",
        "CREATE FUNCTION app.heed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';",
        f"ALTER FUNCTION app.fire() OWNER TO {ACCOUNT}; ALTER FUNCTION app.heed() OWNER TO {ACCOUNT};",
        "CREATE TRIGGER wf_fire BEFORE INSERT ON app.orders EXECUTE FUNCTION app.fire();",
        "CREATE EVENT TRIGGER wf_heed ON sql_drop EXECUTE FUNCTION app.heed();",
    )
    try:
        gained = {grant for grant in read(engine).grants - before if "trigger" in grant.securable.scope}
    finally:
        engine.execute("DROP EVENT TRIGGER wf_heed;")
    event = Securable("event_trigger", DATABASE, object="wf_heed")
    assert gained == {
        Grant(ACCOUNT, "FUNCTION OWNER", Securable("trigger", DATABASE, "app", "orders", "wf_fire")),
        Grant(ACCOUNT, "FUNCTION OWNER", event),
        Grant("postgres", "OWNER", event),
    }


def test_a_policy_names_its_roles_its_command_and_its_kind(engine: PostgresqlEngine) -> None:
    engine.execute(
        f"ALTER POLICY wf_policy ON app.orders TO {ROLE}, {ACCOUNT};",
        "CREATE POLICY wf_all ON app.orders AS RESTRICTIVE USING (total > 0);",
    )
    seen = read(engine)
    policies = {grant for grant in seen.grants if grant.securable.scope == "policy"}
    some, every = (Securable("policy", DATABASE, "app", "orders", name) for name in ("wf_policy", "wf_all"))
    assert policies == {
        Grant(ROLE, "PERMISSIVE SELECT", some),
        Grant(ACCOUNT, "PERMISSIVE SELECT", some),
        Grant(PUBLIC, "RESTRICTIVE ALL", every),
    }
    script = engine.adapter.build_script(seen.states)
    assert f'ALTER POLICY "wf_policy" ON "app"."orders" TO "{ACCOUNT}", "{ROLE}";' in script


def test_privileges_on_a_toast_table_are_what_differs_from_the_default(engine: PostgresqlEngine) -> None:
    with psycopg.connect(engine.running.conninfo(DATABASE), autocommit=True) as admin:
        row = admin.execute(
            "SELECT t.relname FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.relname = 'orders'"
        ).fetchone()
        assert row is not None
        (name,) = row
        before = read(engine)
        admin.execute(f"GRANT SELECT ON pg_toast.{name} TO {ACCOUNT}".encode())
    after = read(engine)
    expected = {Grant(ACCOUNT, "SELECT", Securable("table", DATABASE, "pg_toast", name))}
    assert (after.grants - before.grants, before.grants - after.grants) == (expected, set())
    # each server numbers its own: a script for another one would name another table's
    assert not any(line.startswith("GRANT") and name in line for line in engine.adapter.build_script(after.states))
    assert any(name in line for line in engine.adapter.build_change(before.states[ACCOUNT], after.states[ACCOUNT]))


def test_an_object_of_the_servers_that_was_given_away_has_its_owner_and_what_that_holds(
    engine: PostgresqlEngine,
) -> None:
    before = read(engine).grants
    engine.execute(
        f"ALTER FUNCTION pg_catalog.now() OWNER TO {ACCOUNT};",
        f"ALTER FUNCTION pg_catalog.lo_export(oid, text) OWNER TO {ACCOUNT};",
        f"ALTER SCHEMA information_schema OWNER TO {ACCOUNT};",
    )
    after = read(engine).grants
    now, export = (Securable("routine", DATABASE, "pg_catalog", name) for name in ("now()", "lo_export(oid, text)"))
    schema = Securable("schema", DATABASE, "information_schema")
    assert before - after == set()
    assert after - before == {
        *(Grant(ACCOUNT, privilege, each) for privilege in ("OWNER", "EXECUTE") for each in (now, export)),
        *(Grant(ACCOUNT, privilege, schema) for privilege in ("OWNER", "USAGE", "CREATE")),
    }


def test_definitions_that_can_t_be_read_are_named_and_privileges_are_read(engine: PostgresqlEngine) -> None:
    engine.execute(f"GRANT SELECT ON app.orders TO {ACCOUNT}; REVOKE SELECT ON pg_policy FROM PUBLIC;")
    seen = read(engine)
    unseen = {scope: what for scope, what in seen.reading.coverage.items() if what.status is not Status.OBSERVED}
    assert unseen == {f"{SHOP}/definitions": Observation(Status.DENIED, "permission denied for table pg_policy")}
    assert Grant(ACCOUNT, "SELECT", Securable("table", DATABASE, "app", "orders")) in seen.grants
    rules = engine.adapter.rules
    assert {grant for grant in seen.grants if rules.observed_by(*grant.securable[:2]) == f"{SHOP}/definitions"} == set()


def test_a_role_that_owns_what_has_no_privileges_is_dropped_by_its_undo(engine: PostgresqlEngine) -> None:
    before = read(engine).states
    engine.create_accounts(["wf_publisher"])
    engine.execute("ALTER PUBLICATION wf_publication OWNER TO wf_publisher;")
    after = read(engine).states
    engine.execute(*engine.adapter.build_change(after["wf_publisher"], None))
    assert read(engine).states == before
