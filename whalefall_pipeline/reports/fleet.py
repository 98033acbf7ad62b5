"""The fleet as a page: who is privileged and how that went, what changed, what is wrong, and what was not seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.facts import FactsBuilder
from whalefall_pipeline.core.findings.model import Severity
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.core.review import PRIVILEGED, Sight
from whalefall_pipeline.ledger.history import read_states_at
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.reporting import (
    read_attributes_at,
    read_change_times,
    read_changes_between,
    read_newest_moment,
    read_present_findings,
    read_privileged,
    read_sights,
)
from whalefall_pipeline.reports.page import Cell, Chart, Page, Point, Table, format_moment
from whalefall_pipeline.reports.review import INSTANCE_COLUMNS, build_not_seen, count_excluded, to_instance_row

WEEK = timedelta(days=7)
MOST_IN_PAGE = 500
"""Rows that the HTML has of a table; with more it is in the workbook alone."""
PRIVILEGED_COLUMNS = ("instance", "username", "kind", "capabilities", "why")
FINDING_COLUMNS = (
    *("instance", "severity", "rule_id", "username", "object", "message", "status", "opened_at"),
    *("waived_until", "waiver_reason"),
)
CHANGE_COLUMNS = ("instance", "username", "change_type", "change_time", "message", "session_id")


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a report is made of; `counts` are the privileged accounts at the end of each week, by `moments`."""

    moments: Sequence[datetime]
    counts: Sequence[int]
    sights: Sequence[Sight]
    privileged: Sequence[Mapping[str, Any]]
    findings: Sequence[Mapping[str, Any]]
    changes: Sequence[Mapping[str, Any]]


def read_fleet(connection: Connection, names: Sequence[str] | None, weeks: int) -> Fleet | None:
    """Return what a report says of active instances (None: all) over the weeks before the newest reading.

    None where nothing was ever read. The transaction should see one moment of the ledger.
    """
    until = read_newest_moment(connection, names)
    if until is None:
        return None
    moments = [until - WEEK * number for number in reversed(range(weeks + 1))]
    instances = [item for item in read_instances(connection) if names is None or item.name in names]
    each = [_count_privileged(connection, instance, moments) for instance in instances]
    return Fleet(
        moments=moments,
        counts=[sum(counts) for counts in zip(*each, strict=True)],
        sights=read_sights(connection, names),
        privileged=read_privileged(connection, names),
        findings=read_present_findings(connection, names),
        changes=read_changes_between(connection, moments[0], until, names),
    )


def _count_privileged(connection: Connection, instance: Instance, moments: Sequence[datetime]) -> list[int]:
    """Return how many accounts of an instance were privileged at each moment; asked again only after changes."""
    changed = read_change_times(connection, instance.id, moments[0])
    counts: list[int] = []
    for number, moment in enumerate(moments):
        before = moments[number - 1] if number else None
        if before is None or any(before < time <= moment for time in changed):
            counts.append(_count_at(connection, instance, moment))
        else:
            counts.append(counts[-1])
    return counts


def _count_at(connection: Connection, instance: Instance, moment: datetime) -> int:
    states = read_states_at(connection, instance.id, moment)
    attributes = read_attributes_at(connection, instance.id, moment)
    facts = FactsBuilder(ADAPTERS[instance.db_type].rules, states, moment, instance=attributes)
    counted = [state for state in states.values() if state.account.kind.is_counted]
    return sum(any(name in facts.find_capabilities(state) for name in PRIVILEGED) for state in counted)


def build_fleet_page(fleet: Fleet) -> Page:
    """Return the page of the fleet; nothing in it is of the moment at which it is made."""
    statuses = Counter(row["status"] for row in fleet.findings)
    since, until = fleet.moments[0], fleet.moments[-1]
    whole = sum(sight.is_whole for sight in fleet.sights)
    return Page(
        title="Database accounts and their permissions",
        subtitle=f"As the newest readings have it, up to {format_moment(until)}; changes since {format_moment(since)}.",
        facts=[
            ("Instances", f"{len(fleet.sights)}, of which {whole} were seen whole"),
            ("Privileged accounts", str(len(fleet.privileged))),
            ("Findings", "; ".join(f"{name}: {statuses[name]}" for name in ("open", "waived", "unknown"))),
            ("Changes", str(len(fleet.changes))),
            ("Excluded", count_excluded(fleet.sights)),
        ],
        not_seen=build_not_seen(fleet.sights),
        charts=[
            Chart("Privileged accounts over time", "accounts", _to_line(fleet), is_line=True),
            Chart("Changes per week", "changes", _to_weeks(fleet)),
            Chart("Open findings by severity", "findings", _to_severities(fleet)),
        ],
        tables=[
            _to_table("Privileged", "Privileged accounts", PRIVILEGED_COLUMNS, fleet.privileged),
            _to_table("Findings", "Findings", FINDING_COLUMNS, fleet.findings),
            _to_table("Changes", "Changes", CHANGE_COLUMNS, fleet.changes),
            Table("Instances", "Instances", INSTANCE_COLUMNS, [to_instance_row(sight) for sight in fleet.sights]),
        ],
    )


def _to_line(fleet: Fleet) -> list[Point]:
    return [Point(f"{moment:%Y-%m-%d}", count) for moment, count in zip(fleet.moments, fleet.counts, strict=True)]


def _to_weeks(fleet: Fleet) -> list[Point]:
    times = [row["change_time"] for row in fleet.changes]
    ends = fleet.moments[1:]
    return [Point(f"to {end:%Y-%m-%d}", sum(end - WEEK < time <= end for time in times)) for end in ends]


def _to_severities(fleet: Fleet) -> list[Point]:
    counts = Counter(row["severity"] for row in fleet.findings if row["status"] == "open")
    return [Point(severity.value, counts[severity.value]) for severity in Severity]


def _to_table(name: str, title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Table:
    cells: list[list[Cell]] = [[_to_cell(column, row) for column in columns] for row in rows]
    return Table(name, title, columns, cells, in_page=len(cells) <= MOST_IN_PAGE)


def _to_cell(column: str, row: Mapping[str, Any]) -> Cell:
    if column == "why":
        return [f"{name}: {reason}" for name, reasons in sorted(row["reasons"].items()) for reason in reasons]
    cell: Cell = row[column]
    return cell
