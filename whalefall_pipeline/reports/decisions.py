"""Reads the decisions of a CSV or XLSX file that was sent around and came back."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.review import ReviewRow

COLUMNS = ("instance", "username", "decision", "note")
LARGEST = 50_000_000
"""Bytes of a file, and of what a workbook unpacks to."""
FIRST_ROWS = 20
"""Rows of a sheet among which its header is looked for."""


def read_decisions(path: Path) -> list[ReviewRow]:
    """Return the rows of a file. Raises InvalidInputError where it can't be read, or lacks a column of COLUMNS."""
    try:
        if path.stat().st_size > LARGEST:
            raise InvalidInputError(f"{path} has more than {LARGEST} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path} can't be read: {error.strerror}") from None
    sheets = _read_workbook(path, content) if zipfile.is_zipfile(io.BytesIO(content)) else [_read_csv(path, content)]
    for sheet in sheets:
        found = _find_rows(sheet)
        if found is not None:
            return found
    raise InvalidInputError(f"{path} has no header with the columns {', '.join(COLUMNS)}")


def _read_csv(path: Path, content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path} is no UTF-8 text; save it as CSV UTF-8, or as XLSX") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InvalidInputError(f"{path} is not CSV: {error}") from None


def _read_workbook(path: Path, content: bytes) -> Iterator[list[list[str]]]:
    # Takes long to import, and only this needs it.
    from openpyxl import load_workbook  # noqa: PLC0415
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(item.file_size for item in archive.infolist()) > LARGEST:
            raise InvalidInputError(f"{path} unpacks to more than {LARGEST} bytes")
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False)
    except (InvalidFileException, KeyError, ValueError, OSError, SyntaxError, zipfile.BadZipFile):
        raise InvalidInputError(f"{path} is no workbook; save it as XLSX or CSV") from None
    for sheet in book.worksheets:
        yield [[_to_text(path, cell) for cell in row] for row in sheet.iter_rows()]


def _to_text(path: Path, cell: Any) -> str:
    text = "" if cell.value is None else str(cell.value)
    if cell.data_type == "f":  # text that begins like one is of another type
        raise InvalidInputError(f"{path} holds a formula, {text[:40]!r}: put in its value")
    return text


def _find_rows(sheet: Sequence[Sequence[str]]) -> list[ReviewRow] | None:
    """Return the rows below a header; None where there is none."""
    for number, cells in enumerate(sheet[:FIRST_ROWS], 1):
        names = [cell.strip().lower() for cell in cells]
        if all(column in names for column in COLUMNS):
            places = [names.index(column) for column in COLUMNS]
            return list(_to_rows(sheet[number:], places, number + 1))
    return None


def _to_rows(rows: Iterable[Sequence[str]], places: Sequence[int], first: int) -> Iterator[ReviewRow]:
    for number, cells in enumerate(rows, first):
        if any(cells):
            yield ReviewRow(number, *(cells[place] if place < len(cells) else "" for place in places))
