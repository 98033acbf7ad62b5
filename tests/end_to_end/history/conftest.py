"""Fixtures of a real server that a ledger watches; the servers are those of the engines' shared tests."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import environment, whalefall
from tests.end_to_end.history.watched import Watched
from tests.engines.conftest import running_server, server, start_second
from tests.engines.engine import Server
from tests.engines.scripted import Fleet

__all__ = ["environment", "running_server", "server", "start_second", "whalefall"]

ENGINES = ("postgresql-18", "mariadb", "mysql")


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def watched(server: Server, ledger: Engine, tmp_path: Path) -> Watched:
    return Watched(ledger, server, tmp_path)


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path)
    fleet.register("one")
    return fleet
