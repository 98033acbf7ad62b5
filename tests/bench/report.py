"""The samples as a Markdown table: medians, spread, and ratios to the floor."""

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from statistics import median

from tests.bench.measuring import Sample

HEAD = (
    "| Engine | Accounts | Sync | Floor, s | Ours, s | **Ratio** | Floor, MiB | Ours, MiB | **Ratio** "
    "| Statements to the source: floor, ours | To the ledger: floor, ours | Rows written: floor, ours "
    "| CPU of ours, s |",
    "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
)
FINDINGS_HEAD = (
    "| Engine | Accounts | Sync | CPU without findings, s | Of findings, s | **Share** |",
    "|---|--:|---|--:|--:|--:|",
)


def build_table(samples: Iterable[Sample]) -> str:
    """Return a row per engine, size and phase, in the order in which they were measured."""
    return "\n".join([*HEAD, *map(_to_row, _group(samples))])


def build_findings_table(samples: Iterable[Sample]) -> str:
    """Return what findings add to the CPU time of a sync without them, a row per engine, size and phase."""
    ours = [sample for sample in samples if sample.side == "ours"]
    return "\n".join([*FINDINGS_HEAD, *map(_to_findings_row, _group(ours))])


def describe_machine() -> str:
    """Return what is measured on, when, and the load of the last minute."""
    moment = f"{datetime.now(UTC):%Y-%m-%d, %H:%M} UTC"
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return f"{moment}; {machine}; load {os.getloadavg()[0]:.1f}"


def _group(samples: Iterable[Sample]) -> list[list[Sample]]:
    groups: dict[tuple[str, int, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample[:3], []).append(sample)
    return list(groups.values())


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
    cells.append(f"{median(s.measured.cpu_seconds for s in ours):.2f}")
    return f"| {' | '.join(cells)} |"


def _to_findings_row(ours: Sequence[Sample]) -> str:
    engine, accounts, phase, *_ = ours[0]
    findings = [sample.measured.findings_seconds for sample in ours]
    rest = [sample.measured.cpu_seconds - taken for sample, taken in zip(ours, findings, strict=True)]
    share = median(taken / left for taken, left in zip(findings, rest, strict=True))
    cells = [engine, f"{accounts:,}", phase, f"{median(rest):.2f}", f"{median(findings):.2f}", f"**{share:.1%}**"]
    return f"| {' | '.join(cells)} |"


def _to_seconds(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
