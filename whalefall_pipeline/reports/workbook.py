"""A page as an XLSX workbook: filters, frozen headers, and no cell that a spreadsheet takes for a formula."""

import io
from collections.abc import Iterator, Sequence
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
    _write_first(book.add_worksheet("Not seen"), page, formats)
    for table in (part for whole in page.tables for part in _part(whole)):
        sheet = book.add_worksheet(table.name)
        _write_table(sheet, table, formats, 0)
        sheet.freeze_panes(1, 0)
    book.close()
    return target.getvalue()


def _part(table: Table) -> Iterator[Table]:
    """Yield a table in parts that a sheet can hold: `Grants`, `Grants 2`."""
    for number, first in enumerate(range(0, max(1, len(table.rows)), MOST_ROWS), 1):
        name = table.name if number == 1 else f"{table.name} {number}"
        yield replace(table, name=name, rows=table.rows[first : first + MOST_ROWS])


def _list_cuts(page: Page) -> Iterator[tuple[str, str]]:
    """Yield as facts in which tables texts are cut, and how many."""
    for table in (page.not_seen, *page.tables):
        cut = sum(_is_cut(cell) for row in table.rows for cell in row)
        if cut:
            yield "Cut", f"{cut} texts of {table.name} are longer than {LONGEST:,} characters, and end with …"


def _is_cut(cell: Cell) -> bool:
    return cell is not None and not isinstance(cell, int | datetime) and len(_to_whole_text(cell)) > LONGEST


def _write_first(sheet: Any, page: Page, formats: dict[str, Any]) -> None:
    sheet.write_string(0, 0, page.title[:LONGEST], formats["title"])
    sheet.write_string(1, 0, page.subtitle[:LONGEST])
    facts = [*page.facts, *_list_cuts(page)]
    for number, (name, value) in enumerate(facts, 3):
        sheet.write_string(number, 0, name, formats["header"])
        sheet.write_string(number, 1, value[:LONGEST], formats["cell"])
    first = 4 + len(facts)
    said = "What was not seen" if page.not_seen.rows else "Every scope of every instance was observed."
    sheet.write_string(first, 0, said, formats["title"])
    if page.not_seen.rows:
        _write_table(sheet, page.not_seen, formats, first + 1)


def _write_table(sheet: Any, table: Table, formats: dict[str, Any], first: int) -> None:
    for place, column in enumerate(table.columns):
        sheet.write_string(first, place, column, formats["header"])
        sheet.set_column(place, place, _find_width(table, place))
    for number, row in enumerate(table.rows, first + 1):
        for place, cell in enumerate(row):
            _write_cell(sheet, (number, place), cell, formats)
    last = first + max(1, len(table.rows))
    sheet.autofilter(first, 0, last, len(table.columns) - 1)
    if table.choices:
        column, values = table.choices
        place = list(table.columns).index(column)
        sheet.data_validation(first + 1, place, last, place, {"validate": "list", "source": list(values)})


def _write_cell(sheet: Any, place: tuple[int, int], cell: Cell, formats: dict[str, Any]) -> None:
    if isinstance(cell, datetime):
        sheet.write_datetime(*place, cell.astimezone(UTC).replace(tzinfo=None), formats["moment"])
    elif isinstance(cell, int):
        sheet.write_number(*place, cell, formats["cell"])
    elif cell:
        sheet.write_string(*place, _to_text(cell), formats["cell"])


def _to_text(cell: str | Sequence[str]) -> str:
    text = _to_whole_text(cell)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _to_whole_text(cell: str | Sequence[str]) -> str:
    return cell if isinstance(cell, str) else "\n".join(cell)


def _find_width(table: Table, place: int) -> int:
    least, most = WIDTHS
    longest = max((_measure(row[place]) for row in table.rows), default=0)
    return min(most, max(least, longest + 2, len(table.columns[place]) + 4))


def _measure(cell: Cell) -> int:
    if cell is None:
        return 0
    if isinstance(cell, datetime):
        return len(MOMENT_FORMAT)
    if isinstance(cell, str | int):
        return len(str(cell))
    return max(map(len, cell), default=0)
