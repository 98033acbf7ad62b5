"""Shows rows to people and to programs: a table on the terminal, or JSON or CSV on standard output."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 200
"""Columns where there is no terminal that tells its width: a pipe or a log has no need to fold."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDE)

UNFOLDED = ("session_id", "instance", "status", "started_at", "change_time", "since", "error_code")
LABELS = {"total_instances": "instances", "successful_instances": "completed", "failed_instances": "failed"}
STYLES = {"completed": "green", "failed": "red", "running": "cyan", "cancelled": "yellow", "pending": "dim"}


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def show_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], form: Format = Format.TABLE, *, title: str = ""
) -> None:
    """Print the named columns of rows; JSON and CSV have the same names, and times in ISO 8601, UTC."""
    if form is Format.JSON:
        chosen = [{column: row[column] for column in columns} for row in rows]
        sys.stdout.write(json.dumps(chosen, indent=2, default=_to_plain, ensure_ascii=False) + "\n")
        return
    if form is Format.CSV:
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([_to_flat(row[column]) for column in columns] for row in rows)
        return
    if title:
        console.print(Text(f"\n{title}", style="italic"))
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        label = LABELS.get(column, column.replace("_", " "))
        table.add_column(label, overflow="fold", no_wrap=column in UNFOLDED)
    for row in rows:
        table.add_row(*(_to_cell(column, row[column]) for column in columns))
    console.print(table)


def say_moment(moment: datetime | None) -> str:
    """Spell a moment for people: UTC, to the second."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _to_plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _to_flat(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list | dict) else str(_to_plain(value))


def _to_cell(column: str, value: Any) -> Text:
    if isinstance(value, datetime):
        return Text(say_moment(value))
    if isinstance(value, list):
        items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType] - rows hold any JSON
        return Text(", ".join(map(str, items)))
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    text = "" if value is None else str(value)
    return Text(text, style=STYLES.get(text, "") if column == "status" else "")
