"""The stage, started once: two PostgreSQL servers, and webserver, daemon and code server."""

import sys
from collections.abc import Iterator

import psycopg
import pytest

from tests.end_to_end.triggers.api import Api
from tests.end_to_end.triggers.stage import DAGSTER, LEDGER, Stage, prepare_sources, to_url, with_fleet
from tests.servers.postgresql import start_postgresql
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.services import dagster_environment, run_services

VERSION = 18
SETTINGS = {
    "WHALEFALL_HEARTBEAT_SECONDS": "1",
    "WHALEFALL_CONNECT_SECONDS": "100",
    "WHALEFALL_PARALLELISM": "1",
    "WHALEFALL_ATTEMPTS": "2",
    "WHALEFALL_BACKOFF_SECONDS": "0",
    "WHALEFALL_SCHEDULE": "* * * * *",
}


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Running services with a standing fleet. The ledger is on a server of its own, which tests may crash."""
    if sys.platform != "linux":
        pytest.skip("finds processes in /proc")
    home = tmp_path_factory.mktemp("stage") / "home"
    with start_postgresql(VERSION) as ledger, start_postgresql(VERSION) as sources:
        with psycopg.connect(ledger.conninfo(), autocommit=True) as connection:
            connection.execute(f"create database {LEDGER}".encode())
        engine = open_ledger(to_url(ledger, LEDGER))
        upgrade_ledger(engine)
        engine.dispose()
        prepare_sources(sources)
        urls = {"dagster_url": to_url(sources, DAGSTER), "ledger_url": to_url(ledger, LEDGER)}
        environment = dagster_environment(home, **urls) | SETTINGS
        with run_services(environment, run_grace_seconds=1) as services:
            yield with_fleet(Stage(home, environment, Api(services.address), ledger, sources))
