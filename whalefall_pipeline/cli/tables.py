"""Lays rows out as a table for people: whole names, and no wider than the terminal."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

GAP = "  "
LEAST = 24
"""Columns that a text needs at least, to be read when it is wrapped."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that are shown, by position, the width of each, and which were left out."""

    shown: Sequence[int]
    widths: Sequence[int]
    left_out: Sequence[int]


def lay_out(header: Sequence[str], rows: Sequence[Sequence[str]], texts: frozenset[int], width: int | None) -> Layout:
    """Choose what is shown in so many columns (None: as many as it takes).

    `texts` are the columns that may be wrapped; a name never is. What does not fit is left out from the right, but for
    the first column.
    """
    natural = [max(map(cell_len, cells)) for cells in zip(header, *rows, strict=True)]
    shown = list(range(len(header)))
    if width is None:
        return Layout(shown, natural, ())
    least = [
        min(natural[column], max(LEAST, cell_len(header[column]))) if column in texts else natural[column]
        for column in shown
    ]
    while len(shown) > 1 and _total([least[column] for column in shown]) > width:
        shown.pop()
    spare = width - _total([least[column] for column in shown])
    widths: list[int] = []
    for column in shown:
        more = min(max(spare, 0), natural[column] - least[column])
        spare -= more
        widths.append(least[column] + more)
    return Layout(shown, widths, range(len(shown), len(header)))


def to_lines(
    cells: Sequence[str], layout: Layout, paint: Callable[[int, str], str] = lambda _, text: text
) -> list[str]:
    """Return one row as the lines that it takes; a text that is wider than its column is wrapped between words.

    `paint` gets a column's position and what stands in it.
    """
    wrapped = [wrap(cells[column], width) for column, width in zip(layout.shown, layout.widths, strict=True)]
    height = max(map(len, wrapped))
    lines: list[str] = []
    for number in range(height):
        parts = [
            _pad(part[number] if number < len(part) else "", width)
            for part, width in zip(wrapped, layout.widths, strict=True)
        ]
        parts[-1] = parts[-1].rstrip()
        lines.append(GAP.join(map(paint, layout.shown, parts)).rstrip())
    return lines


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def wrap(text: str, width: int | None) -> list[str]:
    """Return text as lines of so many columns (None: as many as it takes), parted between words only."""
    if width is None or cell_len(text) <= width:
        return [text]
    # Wide characters take two columns each: fewer of them fit.
    narrow = max(1, width * len(text) // cell_len(text))
    return textwrap.wrap(text, narrow, break_long_words=False, break_on_hyphens=False) or [""]


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
