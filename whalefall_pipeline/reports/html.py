"""A page as one HTML document that needs nothing else: no script, no font, no picture, no network."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from whalefall_pipeline.core.text import make_visible
from whalefall_pipeline.reports.page import Cell, Chart, Page, format_moment

if TYPE_CHECKING:
    from jinja2 import Template

WIDTH, LABELS, BAR, GAP = 640, 200, 22, 8
"""Of a chart in its own units: its width, what labels take of it, a bar's height, and what is between bars."""
LINE_HEIGHT, MARGIN = 220, 30
LONGEST_LABEL = 26
"""Characters of a label beside a bar; the text below the chart has it whole."""
MOST_LINES = 20
"""Lines of a cell that the page shows; the workbook has all."""


class Bar(NamedTuple):
    """A bar of a chart, in its units."""

    label: str
    value: int
    top: int
    width: int


class Drawing(NamedTuple):
    """A chart with its geometry."""

    chart: Chart
    height: int
    bars: Sequence[Bar]
    line: str
    dots: Sequence[tuple[int, int]]


def render_html(page: Page) -> bytes:
    """Return the document; the same page is the same bytes."""
    text = _load().render(page=page, drawings=[draw(chart) for chart in page.charts], width=WIDTH, labels=LABELS)
    return text.encode()


@cache
def _load() -> "Template":
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - only pages need it

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    filters: dict[str, Any] = environment.filters
    filters |= {"lines": to_lines, "visible": make_visible, "words": _to_words}
    source = resources.files("whalefall_pipeline.reports").joinpath("page.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source)


def to_lines(cell: Cell) -> list[str]:
    """Return what a cell shows, line by line; nothing in it moves or hides anything."""
    if cell is None:
        return []
    if isinstance(cell, datetime):
        return [format_moment(cell)]
    if isinstance(cell, str | int):
        return [make_visible(str(cell))]
    shown = [make_visible(item) for item in cell[:MOST_LINES]]
    more = len(cell) - len(shown)
    return [*shown, f"and {more} more, in the workbook"] if more else shown


def _to_words(column: str) -> str:
    return column.replace("_", " ")


def draw(chart: Chart) -> Drawing:
    """Return where a chart's parts are."""
    most = max([point.value for point in chart.points], default=0) or 1
    if chart.is_line:
        return _draw_line(chart, most)
    room = WIDTH - LABELS - 60
    bars = [
        Bar(_shorten(point.label), point.value, GAP + number * (BAR + GAP), round(point.value * room / most))
        for number, point in enumerate(chart.points)
    ]
    return Drawing(chart, GAP + len(bars) * (BAR + GAP), bars, "", ())


def _shorten(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def _draw_line(chart: Chart, most: int) -> Drawing:
    step = (WIDTH - 2 * MARGIN) / max(1, len(chart.points) - 1)
    room = LINE_HEIGHT - 2 * MARGIN
    dots = [
        (round(MARGIN + number * step), round(LINE_HEIGHT - MARGIN - point.value * room / most))
        for number, point in enumerate(chart.points)
    ]
    return Drawing(chart, LINE_HEIGHT, (), " ".join(f"{x},{y}" for x, y in dots), dots)
