"""Servers for the tests of the MySQL adapter alone."""

from collections.abc import Generator

import pytest

from tests.adapters.mysql.servers import STARTERS
from tests.engines.mysql import MysqlServer


@pytest.fixture(scope="module", params=list(STARTERS))
def running(request: pytest.FixtureRequest) -> Generator[MysqlServer]:
    with STARTERS[request.param]() as server:
        yield server


@pytest.fixture
def server(running: MysqlServer) -> MysqlServer:
    running.reset()
    running.prepare()
    return running


@pytest.fixture
def mysql(server: MysqlServer) -> MysqlServer:
    if server.flavour != "mysql":
        pytest.skip("of MySQL only")
    return server


@pytest.fixture
def mariadb(server: MysqlServer) -> MysqlServer:
    if server.flavour != "mariadb":
        pytest.skip("of MariaDB only")
    return server
