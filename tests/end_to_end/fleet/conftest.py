"""Two machines: one with services whose queue starts two workers, one with a command and a home of its own."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from tests.end_to_end.triggers.api import Api
from tests.end_to_end.triggers.stage import DAGSTER, LEDGER, Stage, prepare_sources, to_url
from tests.servers.postgresql import start_postgresql
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.services import dagster_environment, run_services

VERSION = 18
INSTANCES = 12
PER_RUN = 3
WORKERS = 2
SETTINGS = {
    "WHALEFALL_HEARTBEAT_SECONDS": "1",
    "WHALEFALL_PARALLELISM": "1",
    "WHALEFALL_PARTITIONS_PER_RUN": str(PER_RUN),
}


@dataclass(frozen=True)
class Machines:
    """The machine with the services, and another; `names` are the instances in the order of their partitions."""

    first: Stage
    second: Stage
    names: list[str]


@pytest.fixture(scope="package")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """One server is ledger, storage and every instance; the environment brings the key of the credentials."""
    if sys.platform != "linux":
        pytest.skip("finds processes in /proc")
    homes = [tmp_path_factory.mktemp("machine") / "home" for _ in range(2)]
    with start_postgresql(VERSION) as server:
        prepare_sources(server)
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute(f"create database {LEDGER}".encode())
        engine = open_ledger(to_url(server, LEDGER))
        upgrade_ledger(engine)
        engine.dispose()
        urls = {"dagster_url": to_url(server, DAGSTER), "ledger_url": to_url(server, LEDGER)}
        environments = [dagster_environment(home, **urls) | SETTINGS for home in homes]
        _limit_runs(Path(environments[0]["DAGSTER_HOME"]) / "dagster.yaml")
        with run_services(environments[0], run_grace_seconds=1) as services:
            first = Stage(homes[0], environments[0], Api(services.address), server, server)
            names = [first.register(f"shard-{number:02}") for number in range(INSTANCES)]
            key = (homes[0] / "secret.key").read_text(encoding="utf-8").strip()
            environment = {**environments[1], "WHALEFALL_SECRET_KEY": key}
            yield Machines(first, replace(first, home=homes[1], environment=environment), names)


def _limit_runs(path: Path) -> None:
    """Have the queue start so many workers at a time."""
    text = path.read_text(encoding="utf-8")
    limited = text.replace("max_concurrent_runs: 10", f"max_concurrent_runs: {WORKERS}")
    assert limited != text
    path.write_text(limited, encoding="utf-8")
