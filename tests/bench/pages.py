"""How long a person waits for the page of partitions in a real browser, with thousands of instances registered."""

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench.fleet_services import count_partitions, find_free_port, register, wait
from tests.bench.fleet_stand import TOP, Fleet, create_database
from tests.bench.measuring import LEDGER_VERSION, to_url
from tests.servers.browser import open_browser
from tests.servers.postgresql import start_postgresql
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.services import dagster_environment, run_services
from whalefall_pipeline.services.graphql import find_obstacle

VISITS = 3
PAGE = "assets/account_permissions?view=partitions"
BLANK = "about:blank"


class Visited(NamedTuple):
    """How many instances there were, and for each visit the seconds until a name of one was seen."""

    instances: int
    seconds: Sequence[float]


def measure_pages(instances: int) -> Visited:
    """Register so many instances, wait for the sensor to make their partitions, and visit the page some times."""
    names = [f"page-{number:05}" for number in range(instances)]
    with start_postgresql(LEDGER_VERSION) as server, TemporaryDirectory() as folder:
        for database in ("pages_ledger", "pages_dagster"):
            create_database(server, database)
        ledger_url = to_url(server, "pages_ledger")
        environment = dagster_environment(
            Path(folder), dagster_url=to_url(server, "pages_dagster"), ledger_url=ledger_url
        )
        fleet = Fleet({**environment, "PYTHONPATH": str(TOP)}, ledger_url)
        engine = open_ledger(ledger_url)
        upgrade_ledger(engine)
        engine.dispose()
        register(fleet, names)
        with run_services(fleet.environment, port=find_free_port()) as services:
            wait(lambda: find_obstacle(services.address) is None)
            wait(lambda: count_partitions(fleet) == instances)
            return Visited(instances, _visit(services.address, names[0], Path(folder) / "browser"))


def _visit(address: str, name: str, folder: Path) -> list[float]:
    folder.mkdir()
    taken: list[float] = []
    with open_browser(folder) as browser:
        for _ in range(VISITS):
            browser.go(BLANK)
            begun = time.perf_counter()
            browser.go(f"{address}/{PAGE}")
            browser.wait_for_text(name)
            taken.append(time.perf_counter() - begun)
    return taken


def build_pages_table(visited: Visited) -> str:
    """Return one row: seconds of each visit."""
    seconds = ", ".join(f"{taken:.1f}" for taken in visited.seconds)
    head = "| Instances | Seconds until a name is seen, at each visit |\n|--:|---|\n"
    return f"{head}| {visited.instances:,} | {seconds} |"
