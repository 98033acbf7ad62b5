"""The fleet as numbers for Prometheus, in the text format that its node exporter reads from a file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

Rows = Sequence[Mapping[str, Any]]


class _Metric(NamedTuple):
    name: str
    meaning: str
    column: str


GAUGES = (
    _Metric(
        "last_success_timestamp_seconds",
        "When the newest permissions in the ledger were read; 0: never.",
        "last_success",
    ),
    _Metric("last_sync_timestamp_seconds", "When the last sync began; 0: never.", "last_sync"),
    _Metric("last_sync_failed", "1 where the last sync failed or was cancelled.", "failed"),
    _Metric("last_sync_duration_seconds", "How long the last sync took.", "duration"),
    _Metric("accounts", "Active accounts.", "accounts"),
    _Metric("unseen_scopes", "Scopes that the newest reading did not observe.", "unseen"),
    _Metric("excluded_scopes", "Databases and accounts that are not to be read.", "excluded"),
    _Metric("open_findings", "Findings that are open.", "findings"),
)
PREFIX = "whalefall_instance_"


def build_metrics(rows: Rows) -> str:
    """Return one line for each metric and instance; `rows` have a column for each metric."""
    lines: list[str] = []
    for metric in GAUGES:
        name = PREFIX + metric.name
        lines += [f"# HELP {name} {metric.meaning}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_to_labels(row)} {_to_number(row[metric.column])}" for row in rows]
    lines += ["# HELP whalefall_instances Active instances.", "# TYPE whalefall_instances gauge"]
    lines.append(f"whalefall_instances {len(rows)}")
    return "".join(f"{line}\n" for line in lines)


def _to_labels(row: Mapping[str, Any]) -> str:
    return f'{{instance="{_escape(row["instance"])}",db_type="{_escape(row["db_type"])}"}}'


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _to_number(value: object) -> str:
    """Return a value as Prometheus takes it: a moment as seconds since the epoch, what is not known as 0."""
    if isinstance(value, datetime):
        return f"{value.timestamp():.3f}"
    return str(value if value is not None else 0)
