"""`whalefall accounts`: which accounts there are, and what they amount to."""

from typing import Annotated

import typer

from whalefall_pipeline.cli.arguments import AccountOption, InstanceOption
from whalefall_pipeline.cli.known import check_account, check_instance, print_never_synced
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption, choose_limit, show_rows
from whalefall_pipeline.cli.workplace import open_reader
from whalefall_pipeline.ledger.queries import read_accounts

COLUMNS = ("instance", "username", "kind", "active", "capabilities", "roles", "last_change_type", "last_change_time")


def show_accounts(
    *,
    instance: InstanceOption = None,
    account: AccountOption = None,
    label: LabelOption = None,
    superuser: Annotated[bool, typer.Option("--superuser", help="Only superusers, also through roles.")] = False,
    locked: Annotated[bool, typer.Option("--locked", help="Only those whose login would be refused.")] = False,
    inactive: Annotated[bool, typer.Option("--inactive", help="Those that are gone, instead.")] = False,
    removed: Annotated[bool, typer.Option("--removed", help="Those of removed instances too.")] = False,
    predefined: Annotated[bool, typer.Option("--predefined", help="The engines' own roles too.")] = False,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List accounts with their capabilities and roles."""
    at_most = choose_limit(limit, form)
    with open_reader() as reader:
        check_instance(reader, instance)
        check_account(reader, account, instance)
        chosen = find_labelled(reader, label, removed=removed)
        rows = read_accounts(
            reader,
            chosen=chosen,
            instance=instance,
            account=account,
            superuser=superuser,
            locked=locked,
            inactive=inactive,
            removed=removed,
            predefined=predefined,
            at_most=at_most and at_most + 1,
        )
        print_never_synced(reader, instance, chosen)
    if form is Format.TABLE:  # data has attributes of roles by their own names too, as `rolinherit`
        rows = [{**row, "capabilities": [name for name in row["capabilities"] if name.isupper()]} for row in rows]
    extra = [name for name in ("excluded", "instance_removed_at") if any(row[name] for row in rows)]
    show_rows(rows, (*COLUMNS, *extra), form, raw=raw, at_most=at_most)
