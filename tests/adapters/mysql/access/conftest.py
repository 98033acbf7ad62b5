"""Servers whose settings and rows for everybody are as before after each test."""

from collections.abc import Generator

import pytest

from tests.engines.mysql import MysqlServer

BEFORE = (
    "SET GLOBAL partial_revokes = ON",
    "SET GLOBAL check_proxy_users = OFF",
    "SET GLOBAL caching_sha2_password_proxy_users = OFF",
)


@pytest.fixture
def settable(server: MysqlServer) -> Generator[MysqlServer]:
    yield server
    server.reset()
    server.execute("DELETE FROM mysql.db WHERE user = ''", "FLUSH PRIVILEGES")
    if server.flavour == "mysql":
        server.execute(*BEFORE)


@pytest.fixture
def settable_mysql(settable: MysqlServer) -> MysqlServer:
    if settable.flavour != "mysql":
        pytest.skip("of MySQL only")
    return settable
