"""What a reading of PostgreSQL is not shown, and says so: the oldest and the newest version."""

from dataclasses import replace

import psycopg
import pytest

from tests.adapters.postgresql.catalog import FROM_ALL, ORDERS, SHOP, not_observed, tokens
from tests.engines.engine import ACCOUNT
from tests.engines.postgresql import PostgresqlEngine
from tests.engines.postgresql_cases import DATABASE
from tests.engines.reading import LIMITS, read
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.model import Observation, is_observed
from whalefall_pipeline.core.model import Seen as Status


@pytest.mark.parametrize(
    ("close", "reopen"),
    [
        (f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false", f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true"),
        (f"REVOKE CONNECT ON DATABASE {DATABASE} {FROM_ALL}", f"GRANT CONNECT ON DATABASE {DATABASE} TO PUBLIC"),
        (f"ALTER DATABASE {DATABASE} CONNECTION LIMIT 0", f"ALTER DATABASE {DATABASE} CONNECTION LIMIT -1"),
    ],
    ids=["allows no connections", "no CONNECT", "no connection left"],
)
def test_a_database_that_refuses_is_not_observed_and_comes_back(
    engine: PostgresqlEngine, close: str, reopen: str
) -> None:
    engine.execute(f"GRANT SELECT ON app.orders TO {ACCOUNT};")
    before = read(engine)
    engine.execute(close, database="postgres")
    closed, again = read(engine), read(engine)
    assert list(not_observed(closed)) == [SHOP]
    assert not is_observed(SHOP, closed.reading.coverage)
    assert not_observed(closed)[SHOP].status is Status.DENIED
    assert not_observed(closed) == not_observed(again)
    assert [grant for grant in closed.grants if engine.adapter.rules.observed_by(*grant.securable[:2]) == SHOP] == []

    engine.execute(reopen, database="postgres")
    assert not_observed(read(engine)) == {}
    assert tokens(read(engine), ACCOUNT, ORDERS) == tokens(before, ACCOUNT, ORDERS) == {"SELECT"}


def test_an_excluded_database_is_never_connected_to(engine: PostgresqlEngine) -> None:
    """By the server's own count of sessions, which a reading without the exclusion raises."""
    if engine.version < 15:
        pytest.skip("before 15 the count comes some time after the session has ended")

    def read_excluding(excluded: dict[str, str]) -> int:
        instance = replace(engine.instance, excluded=excluded)
        with engine.adapter.open(instance, engine.login, LIMITS, Deadline(60)) as session:
            session.read_grants()
        with psycopg.connect(engine.running.conninfo(), autocommit=True) as admin:
            # A backend that still ends has not reported itself yet.
            while admin.execute("SELECT FROM pg_stat_activity WHERE usename = %s", [engine.login.username]).fetchone():
                pass
            counted = admin.execute("SELECT sessions FROM pg_stat_database WHERE datname = %s", [DATABASE]).fetchone()
            return int(counted[0]) if counted else 0

    first = read_excluding({})
    assert read_excluding({SHOP: "nobody may"}) == first
    assert read_excluding({}) > first


def test_only_template0_is_closed_and_not_named_so(engine: PostgresqlEngine) -> None:
    assert "database:template0" not in read(engine).reading.coverage
    engine.execute("ALTER DATABASE template1 ALLOW_CONNECTIONS false;")
    try:
        assert list(not_observed(read(engine))) == ["database:template1"]
    finally:
        engine.execute("ALTER DATABASE template1 ALLOW_CONNECTIONS true;")


def test_a_catalog_that_is_denied_is_not_observed(engine: PostgresqlEngine) -> None:
    engine.execute("REVOKE SELECT ON pg_largeobject_metadata FROM PUBLIC;")
    reason = "permission denied for table pg_largeobject_metadata"
    assert not_observed(read(engine)) == {SHOP: Observation(Status.DENIED, reason)}


def test_a_statement_that_takes_too_long_is_not_observed(engine: PostgresqlEngine) -> None:
    limits = replace(LIMITS, statement_seconds=0.2)
    with psycopg.connect(engine.running.conninfo(DATABASE)) as blocking:
        blocking.execute("LOCK TABLE pg_largeobject_metadata IN ACCESS EXCLUSIVE MODE")
        with engine.adapter.open(engine.instance, engine.login, limits, Deadline(60)) as session:
            coverage = session.read_grants().coverage
    assert coverage[SHOP].status is Status.TIMED_OUT
    assert coverage["server"].status is Status.OBSERVED


def test_a_database_that_is_gone_is_not_covered(engine: PostgresqlEngine) -> None:
    engine.execute(f"DROP DATABASE {DATABASE};", database="postgres")
    with engine.adapter.open(engine.instance, engine.login, LIMITS, Deadline(60)) as session:
        coverage = session.read_grants().coverage
    assert SHOP not in coverage
    assert is_observed(SHOP, coverage)


def test_check_says_which_grant_is_missing(engine: PostgresqlEngine) -> None:
    engine.execute(f"REVOKE CONNECT ON DATABASE {DATABASE} {FROM_ALL};")
    with engine.adapter.open(engine.instance, engine.login, LIMITS, Deadline(60)) as session:
        parts = {part.scope: part for part in session.check()}
    assert parts["server"].readable
    assert not parts[SHOP].readable
    assert "GRANT CONNECT" in parts[SHOP].note
