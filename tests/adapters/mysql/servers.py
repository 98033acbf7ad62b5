"""One server of each kind for the tests of the MySQL adapter alone, and a reading of it."""

from collections.abc import Mapping
from dataclasses import replace

from tests.engines import mysql as engines
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.model import Account, Grant, Login, Reading

STARTERS = {
    "mariadb": engines.start_mariadb,
    "mariadb-newest": engines.start_mariadb_newest,
    "mysql": engines.start_mysql,
}


def read(
    server: MysqlServer, login: Login | None = None, options: Mapping[str, str] | None = None
) -> tuple[Mapping[str, Account], Reading]:
    """Read a server as its collector, or as another login; `options` beside those of the instance."""
    instance = replace(server.instance, options={**server.instance.options, **(options or {})})
    with server.adapter.open(instance, login or server.login, Limits(), Deadline(60)) as session:
        return {account.username: account for account in session.read_accounts()}, session.read_grants()


def grants_of(reading: Reading, username: str) -> set[Grant]:
    return {grant for grant in reading.grants if grant.grantee == username}


def to_parts(reading: Reading) -> tuple[object, ...]:
    """Return what was read, without by what it is known again."""
    return reading.held, reading.coverage, reading.attributes


def is_same(server: MysqlServer, reading: Reading, login: Login | None = None) -> bool:
    """Whether the server says that it still is as in a reading."""
    with server.adapter.open(server.instance, login or server.login, Limits(), Deadline(60)) as session:
        return session.is_same(reading.source)
