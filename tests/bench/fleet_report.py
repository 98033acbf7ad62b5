"""What a simulated fleet showed, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

STATES = "states"


class Pair(NamedTuple):
    """One fleet synced bare and in a Dagster run, right after each other."""

    percent_dead: int
    bare: Mapping[str, Any]
    dagster: Mapping[str, Any]


PAIR_HEAD = (
    "| Dead | Bare, s | In a run, s | **Overhead per instance** | CPU of the worker: bare, in a run | Events "
    "| Storing them: s of the run, CPU per event | Memory by quarter, MiB: bare | In a run | Load |",
    "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
)


def build_pairs(pairs: Sequence[Pair], instances: int) -> str:
    """Return a row per pair."""
    return "\n".join([*PAIR_HEAD, *(_to_row(pair, instances) for pair in pairs)])


def _to_row(pair: Pair, instances: int) -> str:
    bare, run = pair.bare, pair.dagster
    events = sum(run["events"].values())
    overhead = (run["seconds"] - bare["seconds"]) / instances
    cells = [
        f"{pair.percent_dead} %",
        f"{bare['seconds']:.1f}",
        f"{run['seconds']:.1f}",
        f"**{overhead * 1000:.0f} ms**",
        f"{bare['cpu_seconds']:.1f} s, {run['cpu_seconds']:.1f} s",
        f"{events:,}",
        f"{run['storing']['seconds']:.1f}, {run['storing']['cpu_seconds'] / events * 1000:.1f} ms",
        _to_memory(bare),
        _to_memory(run),
        f"{bare['load']:.1f}, {run['load']:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _to_memory(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{quarter:.0f}" for quarter in found["memory_mib"])


def build_dead_cost(pairs: Sequence[Pair], dead: int, deadline_seconds: float, parallelism: int) -> str:
    """Say what the dead cost beside the bound: their number times the deadline over the degree of parallelism."""
    alive, some = pairs[0], pairs[-1]
    bare = some.bare["seconds"] - alive.bare["seconds"]
    run = some.dagster["seconds"] - alive.dagster["seconds"]
    bound = dead * deadline_seconds / parallelism
    return f"{dead} dead hosts cost {bare:.1f} s bare and {run:.1f} s in a run; the bound is {bound:.1f} s."


def build_services(found: Mapping[str, Any]) -> str:
    """Return a row per page, command and change of partitions, in seconds, each time that it was measured."""
    rows = [f"| {what} | {', '.join(f'{each:.2f}' for each in found[what])} |" for what in found if what != STATES]
    return "\n".join([f"Partitions: {found[STATES]}", "", "| | Seconds |", "|---|--:|", *rows])
