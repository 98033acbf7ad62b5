"""The stage, started once: two PostgreSQL servers, and webserver, daemon and code server."""

import json
import sys
from collections.abc import Generator, Iterator

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

ELSEWHERE = "127.0.0.2"
"""Another address of this machine, where a thief may listen."""
EVIL_CONFIG = {"resources": {"whalefall_postgresql": {"config": {"default_options": {"hostaddr": ELSEWHERE}}}}}
EVIL_TAGS = {
    "dagster/image": "evil.example/image",
    "docker/image": "evil.example/image",
    "dagster-k8s/config": json.dumps({"container_config": {"env": [{"name": "PGHOSTADDR", "value": ELSEWHERE}]}}),
    "ecs/run_task_kwargs": "{}",
    "dagster/run_config": json.dumps(EVIL_CONFIG),
    "whalefall/default_options": json.dumps({"hostaddr": ELSEWHERE}),
    "hostaddr": ELSEWHERE,
    "PGHOSTADDR": ELSEWHERE,
}
"""Tags with which somebody might try to change what a run does."""
LAST_LINES = 60


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the services wrote last when a test fails: the reason is often there alone."""
    report = yield
    stage = item.funcargs.get("stage")
    if report.failed and isinstance(stage, Stage):
        for log in sorted((stage.home / "logs").glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            report.sections.append((f"the end of {log.name}", "\n".join(lines)))
    return report


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
def synced(stage: Stage) -> str:
    """A run of the first of the fleet that is over, launched by GraphQL with tags that must change nothing."""
    run_id = stage.api.launch_one(stage.fleet[0], **EVIL_TAGS)
    stage.wait_for_session(run_id)
    return run_id
