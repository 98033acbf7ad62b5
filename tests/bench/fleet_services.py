"""How Dagster's services and our commands are with a fleet that was synced: pages, lists, many partitions more."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.bench.fleet_report import STATES
from tests.bench.fleet_stand import LIMIT_SECONDS, Fleet
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import open_ledger, transaction
from whalefall_pipeline.ledger.instances import remove_instance, write_instance
from whalefall_pipeline.services import run_services
from whalefall_pipeline.services.graphql import find_obstacle, send_query

MORE = 5_000
ROUNDS = 3
POLL_SECONDS = 0.2
COMMAND = (sys.executable, "-P", "-m", "whalefall_pipeline.cli")
PARTITIONS_PAGE = """query { assetNodeOrError(assetKey: {path: ["account_permissions"]}) { ... on AssetNode {
  partitionKeysByDimension { name type partitionKeys }
  assetPartitionStatuses { ... on DefaultPartitionStatuses {
    materializedPartitions materializingPartitions failedPartitions } } } } }"""
"""What the page asks for before it shows anything (`PartitionHealthQuery`); everything else is of one partition."""
RUN_PAGE = """query Run($id: ID!) { logsForRun(runId: $id, limit: 1000) { ... on EventConnection {
  cursor hasMore events { __typename ... on MessageEvent { message timestamp level stepKey } } } } }"""
"""The first thousand events of a run, as its page asks for them."""


def measure_services(fleet: Fleet, run_id: str) -> dict[str, Any]:
    """Return seconds: of queries and commands each time, of thousands of partitions how long they took."""
    with run_services(fleet.environment, port=find_free_port()) as services:
        wait(lambda: find_obstacle(services.address) is None)
        found: dict[str, Any] = {
            "partitions page": _time(lambda: _count_states(services.address)),
            "run's page": _time(lambda: send_query(services.address, RUN_PAGE, {"id": run_id}, timeout_seconds=60)),
            "whalefall sessions": _time(lambda: _command(fleet, "sessions")),
            "whalefall sessions ID": _time(lambda: _command(fleet, "sessions", run_id)),
        }
        found[STATES] = _count_states(services.address)
        found |= _add_and_remove(fleet)
        return found


def _time(work: Callable[[], object]) -> list[float]:
    taken: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return taken


def _count_states(address: str) -> dict[str, int]:
    node = send_query(address, PARTITIONS_PAGE, timeout_seconds=60)["assetNodeOrError"]
    return {name: len(keys) for name, keys in node["assetPartitionStatuses"].items()}


def _command(fleet: Fleet, *arguments: str) -> None:
    subprocess.run([*COMMAND, *arguments], env=fleet.environment, check=True, capture_output=True)


def _add_and_remove(fleet: Fleet) -> dict[str, list[float]]:
    """Register thousands of instances and remove them; the sensor makes their partitions and takes them away."""
    names = [f"more-{number:05}" for number in range(MORE)]
    before = count_partitions(fleet)
    steps: Sequence[tuple[str, Callable[[], object]]] = (
        ("instances registered", lambda: register(fleet, names)),
        ("their partitions added", lambda: wait(lambda: count_partitions(fleet) == before + MORE)),
        ("whalefall instances list", lambda: _command(fleet, "instances", "list")),
        ("instances removed", lambda: _remove(fleet, names)),
        ("their partitions deleted", lambda: wait(lambda: count_partitions(fleet) == before)),
    )
    return dict(_measure(what, work) for what, work in steps)


def _measure(what: str, work: Callable[[], object]) -> tuple[str, list[float]]:
    begun = time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    sys.stderr.write(f"{what}: {seconds:.1f} s\n")
    return what, [seconds]


def register(fleet: Fleet, names: Sequence[str]) -> None:
    with _writing(fleet) as connection:
        for name in names:
            instance = Instance(0, name, "postgresql", "127.0.0.1", 1)
            write_instance(connection, instance, username="nobody", secret="env:NOT_SET")


def _remove(fleet: Fleet, names: Sequence[str]) -> None:
    with _writing(fleet) as connection:
        for name in names:
            remove_instance(connection, name)


@contextmanager
def _writing(fleet: Fleet) -> Generator[Any]:
    engine = open_ledger(fleet.ledger_url)
    try:
        with engine.connect() as connection, transaction(connection):
            yield connection
    finally:
        engine.dispose()


def count_partitions(fleet: Fleet) -> int:
    with psycopg.connect(fleet.environment["WHALEFALL_DAGSTER_URL"]) as connection:
        found = connection.execute("select count(*) from dynamic_partitions").fetchone()
    return int(found[0]) if found else 0


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait(seen: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + LIMIT_SECONDS
    while not seen():
        if time.monotonic() > ends_at:
            raise TimeoutError(f"not within {LIMIT_SECONDS} s")
        time.sleep(POLL_SECONDS)
