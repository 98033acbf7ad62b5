"""`whalefall sessions`: how syncs went, and what they did not see."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from whalefall_pipeline.cli.arguments import InstanceOption, SinceOption, UntilOption, complete_session
from whalefall_pipeline.cli.known import check_instance, describe_unseen
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.moments import parse_moment
from whalefall_pipeline.cli.output import print_line
from whalefall_pipeline.cli.rows import Format, FormatOption, RawOption, show_rows
from whalefall_pipeline.cli.workplace import open_reader
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.ledger.queries import Records, read_records, read_sessions
from whalefall_pipeline.ledger.reader import Reader

SHORT = 8
"""Characters of an id, as Dagster's UI shows it."""
STATUSES = ("running", "completed", "failed", "cancelled")


def show_sessions(
    *,
    session: Annotated[
        str | None,
        typer.Argument(
            autocompletion=complete_session,
            help="A session or batch, or the begin of its id: its instances, and what was not seen.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = 20,
    instance: InstanceOption = None,
    label: LabelOption = None,
    status: Annotated[str | None, typer.Option(help=f"One of {', '.join(STATUSES)}.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List sync sessions, or show one with its instances.

    The newest come first.
    """
    if status and status not in STATUSES:
        raise InvalidInputError(f"no session is {status!r}; it is one of {', '.join(STATUSES)}")
    filters: dict[str, Any] = {"instance": instance, "status": status}
    filters |= {"since": parse_moment(since) if since else None, "until": parse_moment(until) if until else None}
    with open_reader() as reader:
        check_instance(reader, instance)
        if session is not None:
            sessions = find_sessions(reader, session)
            records = read_records(reader, [row["session_id"] for row in sessions])
            _show_one(sessions, records, form, raw=raw)
            return
        at_most = limit or None
        filters["chosen"] = find_labelled(reader, label, removed=True)
        rows = read_sessions(reader, at_most=at_most and at_most + 1, **filters)
    _show_list(rows, form, raw=raw, at_most=at_most)


def find_sessions(reader: Reader, session_or_batch: str) -> Records:
    """Return a session, or those of a batch, by an id or the begin of one. Raises InvalidInputError for any other."""
    found = read_sessions(reader, session_or_batch, at_most=None) if session_or_batch else list[Mapping[str, Any]]()
    exact = [row for row in found if session_or_batch in (row["session_id"], row["batch_id"])]
    batches = {row["batch_id"] or row["session_id"] for row in found}
    if exact or len(found) == 1:
        return exact or found
    if not found:
        raise InvalidInputError(f"there is no session {session_or_batch}; see: whalefall sessions")
    if len(batches) == 1 and found[0]["batch_id"] and found[0]["batch_id"].startswith(session_or_batch):
        return found
    raise InvalidInputError(f"the ids of {len(found)} sessions begin with {session_or_batch}; write more of it")


def show_records(records: Records) -> None:
    """Print the records of a session as a table, and under it each scope that was not observed."""
    counts = ("accounts", "created", "updated", "deleted")
    show_rows(records, ("instance", "status", *counts, "error_code", "error_message"))
    for row in records:
        for scope, seen in row["sync_details"].get("coverage", {}).items():
            if seen["status"] != "observed":
                said = describe_unseen(seen["status"], seen.get("reason", ""))
                print_line(f"{row['instance']}: {scope} {said}", "yellow")


def _show_one(sessions: Records, records: Records, form: Format, *, raw: bool) -> None:
    if form is not Format.TABLE:
        show_rows(records, tuple(records[0]) if records else ("instance",), form, raw=raw)
        return
    _show_list(sessions, form)
    for row in sessions:
        if row["message"]:
            print_line(f"{row['session_id']}: {row['message']}")
    show_records(records)


def _show_list(rows: Records, form: Format, *, raw: bool = False, at_most: int | None = None) -> None:
    counts = ("total_instances", "successful_instances", "failed_instances")
    columns = ("session_id", "sync_type", "status", "started_at", *counts, "created_by", "batch_id")
    if form is Format.TABLE and sys.stdout.isatty():
        rows = shorten(rows, ("session_id", "batch_id"))
    show_rows(rows, columns, form, raw=raw, at_most=at_most)


def shorten(rows: Records, columns: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return rows with the ids in these columns cut as the UI shows them; every command takes them so."""
    return [{**row, **{column: row[column] and row[column][:SHORT] for column in columns}} for row in rows]
