"""The login that `instances grants` makes sees what an administrator sees, and nothing without any line of it."""

from collections.abc import Generator

import pytest

from tests.adapters.postgresql.catalog import SHOP, not_observed
from tests.engines.postgresql import PostgresqlEngine
from tests.engines.postgresql_cases import DATABASE
from tests.engines.reading import read
from tests.engines.test_scopes import grant_all
from whalefall_pipeline.adapters.engine import Product
from whalefall_pipeline.core.model import Login
from whalefall_pipeline.core.model import Seen as Status

LEAST = Login('wf "least"', "a secret of the test")
QUOTED = '"wf ""least"""'


@pytest.fixture
def closed(engine: PostgresqlEngine) -> Generator[PostgresqlEngine]:
    """A server whose databases nobody may connect to by default."""
    grant_all(engine)
    engine.execute(f"REVOKE CONNECT ON DATABASE {DATABASE}, postgres, template1 FROM PUBLIC;")
    yield engine
    engine.execute("GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC;")


def test_the_script_is_enough_and_every_line_is_needed(closed: PostgresqlEngine) -> None:
    engine = closed
    create, connect, identity = engine.adapter.build_collector(LEAST.username, Product("postgresql"))
    administrator = Login(engine.running.superuser, engine.running.password)

    engine.execute(create.statement, connect.statement)
    engine.execute(f"ALTER ROLE {QUOTED} PASSWORD '{LEAST.password}';")
    found, whole = read(engine, LEAST), read(engine, administrator)
    assert found.states == whole.states
    assert found.reading.coverage == whole.reading.coverage
    assert not_observed(found) == {}

    engine.execute(f"REVOKE CONNECT ON DATABASE template1 FROM {QUOTED};")
    (missing,) = not_observed(read(engine, LEAST)).items()
    assert missing[0] == "database:template1"
    assert missing[1].status is Status.DENIED
    assert "CONNECT" in missing[1].reason
    assert SHOP in found.reading.coverage
    assert identity.is_optional
    engine.execute(identity.statement, database="postgres")
