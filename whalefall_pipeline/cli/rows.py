"""Shows rows to people and to programs: as a table, or as JSON, CSV or Markdown on standard output."""

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, cast

import typer

from whalefall_pipeline.cli.moments import format_moment
from whalefall_pipeline.cli.output import find_width, paint, warn, write
from whalefall_pipeline.cli.tables import lay_out, to_lines, wrap
from whalefall_pipeline.core.text import make_visible, neutralise

AT_MOST = 200
"""Rows of a table on a terminal, unless --limit says otherwise; what goes elsewhere is whole."""
TEXTS = frozenset(
    {"capabilities", "roles", "message", "error_message", "note", "reason", "excluded", "unseen", "path", "steps"}
)
"""Columns that are wrapped where they don't fit; all others hold names, which are not."""
LABELS = {"total_instances": "instances", "successful_instances": "completed", "failed_instances": "failed"}
STYLES = {"completed": "green", "failed": "red", "running": "cyan", "cancelled": "yellow", "pending": "dim"}


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MD = "md"


Rows = Sequence[Mapping[str, Any]]
FormatOption = Annotated[Format, typer.Option("--format", "-o", help="How to print.")]
RawOption = Annotated[
    bool, typer.Option("--raw", help="CSV for programs: a cell may begin like a spreadsheet's formula.")
]
_JSON = json.JSONEncoder(ensure_ascii=False)
LimitOption = Annotated[
    int | None, typer.Option(min=0, help=f"At most so many; 0: all. A table on a terminal has {AT_MOST}.")
]

WholeLimitOption = Annotated[int | None, typer.Option(min=0, help="At most so many; left out, or 0: all.")]
"""Where each row was looked up and counts for the exit code: a terminal's table has them all."""


def choose_limit(limit: int | None, form: Format) -> int | None:
    """Return how many rows to ask for; None: all of them."""
    if limit is None and form is Format.TABLE and sys.stdout.isatty():
        return AT_MOST
    return limit or None


def show_rows(
    rows: Rows,
    columns: Sequence[str],
    form: Format = Format.TABLE,
    *,
    raw: bool = False,
    at_most: int | None = None,
    title: str = "",
) -> None:
    """Print the named columns of rows, at most so many; what is left out is said on standard error.

    Data have the columns' own names, and times in ISO 8601, UTC. A table has local times on a terminal.
    """
    shown = rows if at_most is None else rows[:at_most]
    match form:
        case Format.JSON:
            chosen = [{column: row[column] for column in columns} for row in shown]
            write(sys.stdout, to_json(chosen))
        case Format.CSV:
            write(sys.stdout, _to_csv(shown, columns, raw=raw))
        case Format.MD:
            write(sys.stdout, _to_markdown(shown, columns))
        case Format.TABLE:
            _show_table(shown, columns, title)
    if len(rows) > len(shown):
        warn(f"these are the first {len(shown)}; there are more: --limit N, or 0 for all")


def to_json(value: object) -> str:
    """Return a document as JSON for programs; characters that the output's encoding may lack are escaped."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf_8")
    return json.dumps(value, indent=2, default=_to_plain, ensure_ascii=not plain) + "\n"


def _to_csv(rows: Rows, columns: Sequence[str], *, raw: bool) -> str:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(columns)
    for row in rows:
        cells = [_to_flat(row[column]) for column in columns]
        writer.writerow(cells if raw else map(neutralise, cells))
    return target.getvalue()


def _to_markdown(rows: Rows, columns: Sequence[str]) -> str:
    lines = [_to_md_line(columns), _to_md_line(["---"] * len(columns))]
    lines += [_to_md_line([_to_md_cell(_to_flat(row[column])) for column in columns]) for row in rows]
    return "".join(f"{line}\n" for line in lines)


def _to_md_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _to_md_cell(text: str) -> str:
    """Return text that Markdown shows as it is: neither markup nor HTML, and on one line."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]<>()#+-!|~&$" else char for char in make_visible(text))


def _show_table(rows: Rows, columns: Sequence[str], title: str) -> None:
    out = sys.stdout
    width = find_width(out)
    lines = ["", *(paint(line, "italic", out) for line in wrap(title, width))] if title else []
    header = [LABELS.get(column, column.replace("_", " ")) for column in columns]
    cells = [[to_cell(row[column]) for column in columns] for row in rows]
    texts = frozenset(number for number, column in enumerate(columns) if column in TEXTS)
    layout = lay_out(header, cells, texts, width)
    lines += [paint(line, "bold", out) for line in to_lines(header, layout)]

    def paint_cell(column: int, text: str) -> str:
        return paint(text, STYLES.get(text.strip(), ""), out) if columns[column] == "status" else text

    lines += [line for row in cells for line in to_lines(row, layout, paint_cell)]
    write(out, "".join(f"{line}\n" for line in lines))
    if layout.left_out:
        names = ", ".join(header[column] for column in layout.left_out)
        warn(f"the terminal has no room for: {names}; widen it, or take --format json")


def to_cell(value: object) -> str:
    """Return a value as people read it, with nothing hidden in it."""
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return make_visible(", ".join(map(str, cast("list[object]", value))))
    return "" if value is None else make_visible(str(value))


def _to_plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _to_flat(value: object) -> str:
    if value is None:
        return ""
    return _JSON.encode(value) if isinstance(value, bool | list | dict) else _to_plain(value)
