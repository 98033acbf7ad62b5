"""Servers for the tests of PostgreSQL's catalog: the oldest and the newest version."""

from collections.abc import Generator

import pytest

from tests.engines.engine import ACCOUNT
from tests.engines.postgresql import PostgresqlEngine, start


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
