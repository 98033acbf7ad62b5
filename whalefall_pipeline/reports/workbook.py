"""A page as an XLSX workbook: filters, frozen headers, and no cell that a spreadsheet takes for a formula."""

import gc
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from whalefall_pipeline.reports.page import Cell, Page, Table

LONGEST = 32_000
"""Characters of a cell; a spreadsheet takes 32,767."""
MOST_ROWS = 1_048_575
"""Rows of a sheet below its header; a table that has more goes on in further sheets."""
CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook has no zones; fixed, so that the same page is the same bytes
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
WIDTHS = (12, 60)
MOMENT_FORMAT = "yyyy-mm-dd hh:mm:ss"


def render_workbook(page: Page) -> bytes:
    """Return the workbook; the same page is the same bytes. Its first sheet has the facts and what was not seen."""
    with _without_collector():
        return _render(page)


@contextmanager
def _without_collector() -> Generator[None]:
    """Keep the garbage collector from looking, again and again, at millions of cells that all stay until the end."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _render(page: Page) -> bytes:
    import xlsxwriter  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs] - takes long, and only this needs it

    target = io.BytesIO()
    book: Any = xlsxwriter.Workbook(target, OPTIONS)
    book.set_properties({"title": page.title, "created": CREATED})
    formats = {
        "title": book.add_format({"bold": True, "font_size": 14}),
        "header": book.add_format({"bold": True, "bg_color": "#E6EDF4", "border": 1}),
        "cell": book.add_format({"text_wrap": True, "valign": "top"}),
        "moment": book.add_format({"num_format": MOMENT_FORMAT, "valign": "top", "align": "left"}),
    }
    first = book.add_worksheet("Not seen")
    cuts: dict[str, int] = {}
    for whole in page.tables:
        for table in _part(whole):
            sheet = book.add_worksheet(table.name)
            cuts[whole.name] = cuts.get(whole.name, 0) + _write_table(sheet, table, formats, 0)
            sheet.freeze_panes(1, 0)
    _write_first(first, page, formats, cuts)
    book.close()
    return target.getvalue()


def _part(table: Table) -> Iterator[Table]:
    """Yield a table in parts that a sheet can hold: `Grants`, `Grants 2`."""
    for number, first in enumerate(range(0, max(1, len(table.rows)), MOST_ROWS), 1):
        name = table.name if number == 1 else f"{table.name} {number}"
        yield replace(table, name=name, rows=table.rows[first : first + MOST_ROWS])


def _list_cuts(cuts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Yield as facts in which tables texts are cut, and how many."""
    for name, cut in cuts.items():
        if cut:
            yield "Cut", f"{cut} texts of {name} are longer than {LONGEST:,} characters, and end with …"


def _write_first(sheet: Any, page: Page, formats: dict[str, Any], cuts: Mapping[str, int]) -> None:
    sheet.write_string(0, 0, page.title[:LONGEST], formats["title"])
    sheet.write_string(1, 0, page.subtitle[:LONGEST])
    unseen = sum(isinstance(cell, str) and len(cell) > LONGEST for row in page.not_seen.rows for cell in row)
    facts = [*page.facts, *_list_cuts({page.not_seen.name: unseen, **cuts})]
    for number, (name, value) in enumerate(facts, 3):
        sheet.write_string(number, 0, name, formats["header"])
        sheet.write_string(number, 1, value[:LONGEST], formats["cell"])
    first = 4 + len(facts)
    said = "What was not seen" if page.not_seen.rows else "Every scope of every instance was observed."
    sheet.write_string(first, 0, said, formats["title"])
    if page.not_seen.rows:
        _write_table(sheet, page.not_seen, formats, first + 1)


def _write_table(sheet: Any, table: Table, formats: dict[str, Any], first: int) -> int:
    """Write a table with its header, and return how many of its texts are cut."""
    cut, (least, most) = 0, WIDTHS
    widths = [max(least, len(column) + 4) for column in table.columns]
    for place, column in enumerate(table.columns):
        sheet.write_string(first, place, column, formats["header"])
    for number, row in enumerate(table.rows, first + 1):
        for place, cell in enumerate(row):
            if cell is None or cell == "":
                continue
            width, is_cut = _write_cell(sheet, number, place, cell, formats)
            cut += is_cut
            widths[place] = max(widths[place], width + 2)
    for place, width in enumerate(widths):
        sheet.set_column(place, place, min(most, width))
    last = first + max(1, len(table.rows))
    sheet.autofilter(first, 0, last, len(table.columns) - 1)
    if table.choices:
        column, values = table.choices
        place = list(table.columns).index(column)
        sheet.data_validation(first + 1, place, last, place, {"validate": "list", "source": list(values)})
    return cut


def _write_cell(sheet: Any, row: int, column: int, cell: Cell, formats: dict[str, Any]) -> tuple[int, bool]:
    """Write a cell that is not empty, and return how wide it is, and whether it is cut."""
    if isinstance(cell, datetime):
        sheet.write_datetime(row, column, cell.astimezone(UTC).replace(tzinfo=None), formats["moment"])
        return len(MOMENT_FORMAT), False
    if isinstance(cell, int):
        sheet.write_number(row, column, cell, formats["cell"])
        return len(str(cell)), False
    text = _to_whole_text(cell)
    if text:
        sheet.write_string(row, column, text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…", formats["cell"])
    width = len(text) if isinstance(cell, str) else max(map(len, cell or ()), default=0)
    return width, len(text) > LONGEST


def _to_whole_text(cell: str | Sequence[str] | None) -> str:
    return cell if isinstance(cell, str) else "\n".join(cell or ())
