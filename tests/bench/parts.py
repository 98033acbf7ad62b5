"""The parts of `make bench`: each measures one thing and returns it as Markdown."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.bench.access import build_access_table, measure_access
from tests.bench.commands import ROUNDS, build_commands_table, measure_commands
from tests.bench.fleet import measure_fleet
from tests.bench.fleet_spread import build_spread_table, measure_spread
from tests.bench.fleet_stand import open_stand
from tests.bench.idle import build_idle_table, measure_idle
from tests.bench.measuring import Sample, list_engines, measure
from tests.bench.pages import build_pages_table, measure_pages
from tests.bench.report import build_findings_table, build_table
from tests.bench.source_cost import build_source_table, measure_source

IDLE_SECONDS = 120.0
PAGES = 10_000
Item = TypeVar("Item")


@dataclass(frozen=True)
class Asked:
    """What is to be measured, how often and with how much."""

    engines: Sequence[str]
    sizes: Sequence[int]
    rounds: int
    kinds: int
    instances: int
    is_quick: bool


def measure_syncs(asked: Asked) -> str:
    """Measure syncs beside the floor."""
    samples = _sync(asked)
    return f"{build_table(samples)}\n\nWhat findings take of it:\n\n{build_findings_table(samples)}"


def measure_findings(asked: Asked) -> str:
    """Measure syncs, and return only what findings take of them."""
    return build_findings_table(_sync(asked))


def _sync(asked: Asked) -> list[Sample]:
    found = (
        sample
        for engine in list_engines(asked.engines)
        for accounts in asked.sizes
        for sample in measure(engine, accounts, asked.rounds, asked.kinds)
    )
    return _note(found)


def measure_fleets(asked: Asked) -> str:
    """Measure a fleet over one process and over several; not quickly, in a run of Dagster too, with dead hosts."""
    with open_stand() as stand:
        spread = build_spread_table(measure_spread(stand, asked.instances, note))
        return spread if asked.is_quick else f"{spread}\n\n{measure_fleet(stand, asked.instances, note)}"


def measure_questions(asked: Asked) -> str:
    """Measure who can do what."""
    return build_access_table(_note(measure_access(asked.sizes[-1], asked.instances, asked.rounds)))


def measure_all_commands(asked: Asked) -> str:
    """Measure commands."""
    return build_commands_table(_note(measure_commands(asked.sizes[-1], asked.rounds if asked.is_quick else ROUNDS)))


def measure_idle_home(_asked: Asked) -> str:
    """Measure the services of a home in which nothing happens."""
    return build_idle_table(_note(measure_idle(IDLE_SECONDS)))


def measure_browser(_asked: Asked) -> str:
    """Measure the page of partitions."""
    return build_pages_table(measure_pages(PAGES))


def measure_sources(asked: Asked) -> str:
    """Measure what a reading costs the server that is read."""
    engines = list_engines(asked.engines)
    return build_source_table(_note(measure_source(engine, asked.sizes[-1], asked.rounds) for engine in engines))


PARTS: Mapping[str, tuple[str, Callable[[Asked], str]]] = {
    "syncs": ("One instance", measure_syncs),
    "findings": ("Findings", measure_findings),
    "fleet": ("A fleet", measure_fleets),
    "access": ("Who can do what", measure_questions),
    "commands": ("Commands", measure_all_commands),
    "source": ("What a reading costs the server that is read", measure_sources),
    "pages": ("The page of partitions", measure_browser),
    "idle": ("An idle home", measure_idle_home),
}
"""Heading and what measures, by the option that asks for a part alone."""
OF_ANOTHER = frozenset({"findings"})
"""Measured with another part already, where all are."""
SLOW = frozenset({"pages", "idle"})
"""Never quick: left out of a quick run, unless asked for."""


def list_parts(chosen: Sequence[str], *, is_quick: bool) -> list[str]:
    """Return the parts to measure: those that are asked for, else all."""
    left_out = OF_ANOTHER | (SLOW if is_quick else frozenset[str]())
    return [name for name in PARTS if (name in chosen if chosen else name not in left_out)]


def note(text: str) -> None:
    """Show on standard error what was measured just now."""
    sys.stderr.write(f"{text}\n")


def _note(found: Iterable[Item]) -> list[Item]:
    items: list[Item] = []
    for item in found:
        note(str(item))
        items.append(item)
    return items
