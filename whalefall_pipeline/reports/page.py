"""What a page says, whether it becomes HTML or a workbook: facts, what was not seen, charts, and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

Cell: TypeAlias = str | int | datetime | Sequence[str] | None
"""A list is lines; a moment has its zone; None is an empty cell."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title; `columns` are names for programs, as `decided_by`. `choices` are what a column may hold.

    With `in_page` the HTML has it, without it only the workbook: what is too long to be read.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    in_page: bool = True
    choices: tuple[str, Sequence[str]] | None = None


class Point(NamedTuple):
    """One value of a chart."""

    label: str
    value: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Values in their order: as bars, or as a line over time."""

    title: str
    unit: str
    points: Sequence[Point]
    is_line: bool = False

    @property
    def summary(self) -> str:
        """What it shows, in words, for those who don't see it."""
        return f"{self.unit}: " + ", ".join(f"{point.label} {point.value}" for point in self.points)


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page; `not_seen` stands on its first page, be it empty or not."""

    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]]
    not_seen: Table
    charts: Sequence[Chart]
    tables: Sequence[Table]


def format_moment(moment: datetime | None) -> str:
    """Return a moment to the second, UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def format_iso(text: str | None) -> str:
    """Return a moment that was kept as ISO 8601 as `format_moment` does; never: it is none."""
    return format_moment(datetime.fromisoformat(text)) if text else "never"
