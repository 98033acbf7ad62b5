"""The samples as a Markdown table: medians, spread, and ratios to the floor."""

import os
import platform
from collections.abc import Iterable, Sequence
from statistics import median

from tests.bench.measuring import Sample

HEAD = (
    "| Engine | Accounts | Sync | Floor, s | Ours, s | **Ratio** | Floor, MiB | Ours, MiB | **Ratio** "
    "| Statements to the source: floor, ours | To the ledger: floor, ours | Rows written: floor, ours "
    "| CPU of ours, s | **Findings of it** |",
    "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
)


def build_table(samples: Iterable[Sample]) -> str:
    """Return a row per engine, size and phase, in the order in which they were measured."""
    groups: dict[tuple[str, int, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample[:3], []).append(sample)
    return "\n".join([*HEAD, *(_to_row(group) for group in groups.values())])


def describe_machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _to_row(group: Sequence[Sample]) -> str:
    floor, ours = ([sample for sample in group if sample.side == side] for side in ("floor", "ours"))
    engine, accounts, phase, *_ = group[0]
    seconds = [[sample.measured.seconds for sample in side] for side in (floor, ours)]
    memory = [median(sample.measured.peak_mib for sample in side) for side in (floor, ours)]
    cells = [engine, f"{accounts:,}", phase, *map(_to_seconds, seconds)]
    cells.append(f"**{median(seconds[1]) / median(seconds[0]):.2f}**")
    cells += [f"{memory[0]:.0f}", f"{memory[1]:.0f}", f"**{memory[1] / memory[0]:.2f}**"]
    counted = [
        [s.measured.source_statements, s.measured.ledger_statements, s.rows_written] for s in (floor[0], ours[0])
    ]
    cells += [f"{least:,}, {own:,}" for least, own in zip(*counted, strict=True)]
    cells += [f"{median(s.measured.cpu_seconds for s in ours):.2f}", f"**{_find_share(ours):.1%}**"]
    return f"| {' | '.join(cells)} |"


def _find_share(samples: Sequence[Sample]) -> float:
    """Return how much findings add to the CPU time of a sync without them."""
    return median(
        sample.measured.findings_seconds / (sample.measured.cpu_seconds - sample.measured.findings_seconds)
        for sample in samples
    )


def _to_seconds(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
