"""`whalefall instances list`: what is registered, and how its last sync went."""

from typing import Annotated

import typer

from whalefall_pipeline.cli.labels import LabelOption, find_labelled, format_labels
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption, choose_limit, show_rows
from whalefall_pipeline.cli.workplace import open_reader
from whalefall_pipeline.ledger.queries import read_instance_rows

COLUMNS = ("name", "db_type", "host", "port", "status", "last_sync", "user", "database", "error_code")


def list_instances(
    label: LabelOption = None,
    removed: Annotated[bool, typer.Option("--removed", help="Those that were removed too.")] = False,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List the active instances."""
    at_most = choose_limit(limit, form)
    with open_reader() as reader:
        chosen = find_labelled(reader, label, removed=removed)
        rows = read_instance_rows(reader, removed=removed, chosen=chosen, at_most=at_most and at_most + 1)
    removal = ("removed_at",) if removed else ()
    if form is Format.TABLE:
        rows = [{**row, "labels": format_labels(row["labels"]), "excluded": sorted(row["excluded"])} for row in rows]
    more = [name for name in ("labels", "excluded") if form is not Format.TABLE or any(row[name] for row in rows)]
    show_rows(rows, (*COLUMNS, *more, *removal), form, raw=raw, at_most=at_most)
