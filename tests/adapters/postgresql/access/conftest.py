"""The stage on which roles try to become more, on versions that differ in what they let them."""

from collections.abc import Generator

import psycopg
import pytest

from tests.adapters.postgresql.access.climbing import (
    BOSS,
    MALLORY,
    PASSWORD,
    Stage,
)
from tests.engines.postgresql import DATABASE, start


@pytest.fixture(params=[14, 16, 18])
def stage(request: pytest.FixtureRequest) -> Generator[Stage]:
    with start(request.param) as engine:
        engine.prepare()
        with psycopg.connect(engine.running.conninfo(DATABASE), autocommit=True) as admin:
            stage = Stage(request.param, engine, admin)
            stage.run(
                f"CREATE ROLE {MALLORY} LOGIN PASSWORD '{PASSWORD}'",
                f"CREATE ROLE {BOSS}",
                f"CREATE SCHEMA den AUTHORIZATION {MALLORY}",
                "CREATE TABLE wf_seen (who text)",
                "GRANT INSERT, SELECT ON wf_seen TO PUBLIC",
            )
            try:
                yield stage
            finally:
                for role in (MALLORY, BOSS):
                    stage.run(f"REASSIGN OWNED BY {role} TO postgres")
                stage.run("DROP TABLE wf_seen CASCADE", "DROP SCHEMA den CASCADE")
                engine.drop_accounts([MALLORY, BOSS])
