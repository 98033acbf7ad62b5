"""What a reading costs the server that is read: statements, seconds, its processor time, connections and locks.

A reading is what a sync does before it compares: all accounts, then all grants. Time is measured in rounds that nobody
watches. On a second server, which shows all its locks, an administrator looks as often as possible at one more reading.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import NamedTuple

from tests.bench.contents import build_contents
from tests.bench.processor import read_cpu
from tests.bench.sources import SOURCES, WATCHED, Source
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.registry import ADAPTERS

SECONDS = 600.0
HEAD = (
    "| Engine | Accounts | Statements | Seconds | Server's CPU, s | Connections at a time | Locks at most |",
    "|---|--:|--:|--:|--:|--:|---|",
)


class Cost(NamedTuple):
    """Of one source: seconds and the server's CPU seconds of each round, the most that was seen of the rest."""

    engine: str
    accounts: int
    statements: int
    seconds: list[float]
    cpu_seconds: list[float]
    connections: int
    locks: Mapping[str, int]
    looks: int


def measure_source(engine: str, accounts: int, rounds: int) -> Cost:
    """Fill a source and read it so often, then another one and look on."""
    contents = build_contents(accounts)
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    with SOURCES[engine]() as source:
        source.fill(contents)
        statements = _read(source)  # the server's caches are warm from here on
        for _ in range(rounds):
            began, used = time.monotonic(), read_cpu(source.pid)
            _read(source)
            seconds.append(time.monotonic() - began)
            cpu_seconds.append(read_cpu(source.pid) - used)
    with WATCHED[engine]() as source:
        source.fill(contents)
        seen = list(_watch(source))
    names = {name for looked in seen for name in looked}
    most = {name: max(looked.get(name, 0) for looked in seen) for name in sorted(names)}
    connections = most.pop("connections", 0)
    return Cost(engine, accounts, statements, seconds, cpu_seconds, connections, most, len(seen))


def build_source_table(costs: Iterable[Cost]) -> str:
    """Return a row per source."""
    return "\n".join([*HEAD, *map(_to_row, costs)])


def _to_row(cost: Cost) -> str:
    locks = ", ".join(f"{count:,} {name}" for name, count in cost.locks.items() if count) or "none"
    cells = [cost.engine, f"{cost.accounts:,}", str(cost.statements)]
    cells += [
        f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})" for values in (cost.seconds, cost.cpu_seconds)
    ]
    return f"| {' | '.join([*cells, str(cost.connections), f'{locks} ({cost.looks:,} looks)'])} |"


def _read(source: Source) -> int:
    """Read a source as a sync does, and return how many statements that took."""
    adapter = ADAPTERS[source.instance.db_type]
    with adapter.open(source.instance, source.login, Limits(), Deadline(SECONDS)) as session:
        session.read_accounts()
        session.read_grants()
        return session.statements


def _watch(source: Source) -> Iterator[Mapping[str, int]]:
    """Read, and yield what is seen of it meanwhile."""
    with source.looking() as look:
        reading = threading.Thread(target=_read, args=(source,))
        reading.start()
        while reading.is_alive():
            yield look()
