"""Fixtures that many subjects share, and what holds for every test: what it needs, its order, and its servers' end."""

import gc
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count

import hypothesis.core
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from sqlalchemy import Engine

from tests import spreading
from tests.engines.lending import Lender
from tests.needs import MARKERS, find_needs
from tests.servers.guard import dismiss_guard, start_guard
from tests.servers.ports import forbidden
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.schema import upgrade_ledger

LEDGER_VERSION = 18
"""That of the embedded server, which is always there."""
TEMPLATE = "ledger_template"
settings.register_profile("thorough", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("quick", settings.get_profile("thorough"), max_examples=25)
settings.register_profile("brief", settings.get_profile("quick"), max_examples=12)
_numbers = count(1)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.pluginmanager.register(spreading)
    # Without compiled files each program that a test starts would compile all of Dagster again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    gc.disable()  # until tests are there: none of what collecting makes is garbage
    start_guard()
    hypothesis.core.global_force_seed = _read_seed(config)
    if config.option.hypothesis_profile is None:
        settings.load_profile("thorough")


def pytest_report_header(config: pytest.Config) -> str:
    return f"Using --hypothesis-seed={_read_seed(config)}"


def _read_seed(config: pytest.Config) -> int:
    """Return what Hypothesis draws from: its own option, else the seed of the order, which every worker knows."""
    named = config.option.hypothesis_seed
    return int(getattr(config.option, "randomly_seed", 0) if named is None else named)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Mark what tests need before any is chosen; at last put groups in the order in which workers begin them."""
    for item in items:
        for need in sorted(find_needs(item)):
            item.add_marker(need)
    yield
    items[:] = [items[place] for place in spreading.sort_groups([item.nodeid for item in items])]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave out modules and tests, hundreds of thousands of objects, whenever garbage is looked for from now on."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold tests to what they were found to need."""
    if item.get_closest_marker("server") or item.get_closest_marker("process"):
        forbidden.clear()
    else:
        forbidden.set()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    forbidden.clear()
    for lender in Lender.all:
        lender.end()
    dismiss_guard()


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
    """Yield the URL of an empty ledger that lives as long as the block."""
    name = f"ledger_{next(_numbers)}"
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        # Copying files takes a third of the time that copying through the log does, where nothing is synced to a disk.
        statement = sql.SQL("create database {} template {} strategy file_copy")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
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
