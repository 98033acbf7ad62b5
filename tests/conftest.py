"""Fixtures that many subjects share: a ledger of its own for each test, on one real server."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine

from tests.servers.postgresql import PostgresqlServer, start_postgresql
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.schema import upgrade_ledger

LEDGER_VERSION = 18
"""That of the embedded server, which is always there."""
TEMPLATE = "ledger_template"
_numbers = count(1)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_ours() -> None:
    """Tests say what they need; what a developer has set for a ledger of theirs must not reach them."""
    for name in [name for name in os.environ if name.startswith("WHALEFALL_") and name != "WHALEFALL_REQUIRE_ENGINES"]:
        del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _hear_interrupts() -> None:
    """What a shell runs in the background ignores SIGINT, its children too; those that tests interrupt must not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def ledger_server() -> Generator[PostgresqlServer]:
    """A server whose template database holds an empty ledger."""
    with start_postgresql(LEDGER_VERSION) as server:
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute(f"create database {TEMPLATE}")
        engine = open_ledger(to_url(server, TEMPLATE))
        upgrade_ledger(engine)
        engine.dispose()
        yield server


@contextmanager
def making_ledger(server: PostgresqlServer) -> Generator[str]:
    """Give the URL of an empty ledger that lives as long as the block."""
    name = f"ledger_{next(_numbers)}"
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE))
        )
        yield to_url(server, name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def ledger_url(ledger_server: PostgresqlServer) -> Generator[str]:
    """The URL of an empty ledger of the test's own."""
    with making_ledger(ledger_server) as url:
        yield url


@pytest.fixture
def ledger(ledger_url: str) -> Generator[Engine]:
    """An engine on an empty ledger."""
    engine = open_ledger(ledger_url, pool_size=12)
    yield engine
    engine.dispose()


def to_url(server: PostgresqlServer, database: str) -> str:
    return f"postgresql://{server.superuser}:{server.password}@{server.host}:{server.port}/{database}"
