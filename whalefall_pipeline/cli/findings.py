"""`whalefall findings`: what is wrong, since when, and what is to be done about it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from whalefall_pipeline.cli.arguments import AccountOption, InstanceOption, complete_rule
from whalefall_pipeline.cli.known import check_account, check_instance, print_never_synced
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.moments import parse_moment
from whalefall_pipeline.cli.output import print_line, warn
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption, choose_limit, show_rows
from whalefall_pipeline.cli.workplace import open_reader, open_workplace
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.findings.model import Severity
from whalefall_pipeline.ledger.queries import read_findings

COLUMNS = ("severity", "rule", "instance", "account", "object", "status", "opened_at", "message")
MORE = ("closed_at", "title", "outcome", "detail", "waiver_reason", "waiver_ticket", "waived_until")
FOUND_SOMETHING = 1


class Status(StrEnum):
    """How a finding stands."""

    OPEN = "open"
    WAIVED = "waived"
    UNKNOWN = "unknown"
    CLOSED = "closed"


RuleOption = Annotated[
    str | None, typer.Option("--rule", autocompletion=complete_rule, help="Only of this rule; see: whalefall rules.")
]


def show_findings(
    *,
    severity: Annotated[Severity | None, typer.Option("--severity", help="This severity, and what is worse.")] = None,
    instance: InstanceOption = None,
    account: AccountOption = None,
    label: LabelOption = None,
    rule: RuleOption = None,
    new_since: Annotated[
        str | None, typer.Option("--new-since", help="Opened from then on: 7d, 12h, 2026-11-01 or 2026-11-01T08:00.")
    ] = None,
    status: Annotated[Status | None, typer.Option("--status", help="Only these; else all but closed ones.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 if anything is open or unknown.")] = False,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL that ends them, for you to run.")] = False,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> int:
    """List what is wrong, the worst first.

    Unknown is what a rule could not see, and is not clear. What is waived is shown as waived, until that expires.
    """
    since = parse_moment(new_since) if new_since else None
    if sql and form is not Format.TABLE:
        raise InvalidInputError("--sql prints SQL alone; leave --format out")
    at_most = None if sql or check else choose_limit(limit, form)
    with open_reader() as reader:
        check_instance(reader, instance)
        check_account(reader, account, instance)
        chosen = find_labelled(reader, label)
        rows = read_findings(
            reader,
            chosen=chosen,
            instance=instance,
            account=account,
            rule=rule,
            severities=severity.and_worse() if severity else None,
            status=status,
            since=since,
            at_most=at_most and at_most + 1,
        )
        print_never_synced(reader, instance, chosen)
    if sql:
        _print_sql([row for row in rows if row["status"] == Status.OPEN])
    else:
        more = () if form is Format.TABLE else MORE
        show_rows(rows, (*COLUMNS, *more), form, raw=raw, at_most=choose_limit(limit, form))
    counts = {name: sum(row["status"] == name for row in rows) for name in (Status.OPEN, Status.UNKNOWN)}
    if form is Format.TABLE and counts[Status.UNKNOWN]:
        warn(f"{counts[Status.UNKNOWN]} rules could not see all that they look at: unknown is not clear")
    return FOUND_SOMETHING if check and any(counts.values()) else 0


def _print_sql(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print for each finding what it is, and the statements that end it, or what to do where there are none."""
    from whalefall_pipeline.cli.mending import build_sql  # noqa: PLC0415 - loads the engines, and SQLAlchemy

    with open_workplace() as workplace:
        for line in build_sql(workplace, rows):
            print_line(line)
