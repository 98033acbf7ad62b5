"""Commands that show what the ledger holds: sessions, accounts, one account, changes, who has a privilege."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.moments import parse_moment
from whalefall_pipeline.cli.output import Format, console, say_moment, show_rows
from whalefall_pipeline.cli.workplace import open_workplace
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.ledger.database import connecting
from whalefall_pipeline.ledger.history import read_snapshot_at
from whalefall_pipeline.ledger.queries import (
    Records,
    read_account,
    read_accounts,
    read_changes,
    read_holders,
    read_records,
    read_sessions,
)

FORMAT = Annotated[Format, typer.Option("--format", help="How to print.")]
INSTANCE = Annotated[str | None, typer.Option(help="Only this instance.")]


def show_sessions(
    session: Annotated[
        str | None, typer.Argument(help="A session or batch: its instances, and what was not seen.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    form: FORMAT = Format.TABLE,
) -> None:
    """List sync sessions, the newest first, or show one with its instances."""
    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        sessions = read_sessions(connection, session, at_most=limit)
        if session and not sessions:
            raise InvalidInstanceError(f"there is no session {session}; see: whalefall sessions")
        records = read_records(connection, [row["session_id"] for row in sessions] if session else [])
    if session and form is not Format.TABLE:
        show_rows(records, tuple(records[0]) if records else ("instance",), form)
        return
    counts = ("total_instances", "successful_instances", "failed_instances")
    show_rows(sessions, ("session_id", "sync_type", "status", "started_at", *counts, "created_by", "batch_id"), form)
    if session:
        for row in sessions:
            if row["message"]:
                console.print(Text(f"{row['session_id']}: {row['message']}"))
        show_records(records)


def show_records(records: Records) -> None:
    """Print the records of a session as a table, and under it each scope that was not observed."""
    counts = ("accounts", "created", "updated", "deleted")
    show_rows(records, ("instance", "status", *counts, "error_code", "error_message"))
    for row in records:
        for scope, seen in row["sync_details"].get("coverage", {}).items():
            if seen["status"] != "observed":
                text = f"{row['instance']}: {scope} was not observed ({seen['status']}): {seen.get('reason', '')}"
                console.print(Text(text, style="yellow"))


def show_accounts(
    instance: INSTANCE = None,
    superuser: Annotated[bool, typer.Option("--superuser", help="Only superusers, also through roles.")] = False,
    locked: Annotated[bool, typer.Option("--locked", help="Only those whose login would be refused.")] = False,
    inactive: Annotated[bool, typer.Option("--inactive", help="Those that are gone, instead.")] = False,
    form: FORMAT = Format.TABLE,
) -> None:
    """List accounts with their capabilities and roles."""
    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        rows = read_accounts(connection, instance=instance, superuser=superuser, locked=locked, inactive=inactive)
    columns = (
        "instance",
        "username",
        "kind",
        "active",
        "capabilities",
        "roles",
        "last_change_type",
        "last_change_time",
    )
    show_rows(rows, columns, form)


def show_account(
    instance: Annotated[str, typer.Argument(help="The instance's name.")],
    username: Annotated[str, typer.Argument(help="The account; on MySQL user@host.")],
    as_of: Annotated[str | None, typer.Option(help="A past moment: 2026-11-01, 2026-11-01T08:00, or 7d ago.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the documents as JSON.")] = False,
) -> None:
    """Show what one account holds, now or at a past moment, and why it is what it is."""
    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        account = read_account(connection, instance, username)
        if as_of:
            moment = parse_moment(as_of)
            rules = ADAPTERS[account["db_type"]].rules
            past = read_snapshot_at(connection, account["instance_id"], username, moment, rules)
            documents: dict[str, Any] = {"as_of": moment.isoformat(), "snapshot": past}
        else:
            documents = {"snapshot": account["permission_snapshot"], "facts": account["permission_facts"]}
    if as_json:
        console.print_json(json.dumps(documents))
        return
    state = "" if account["is_active"] else f", gone since {say_moment(account['deleted_at'])}"
    when = f"as of {as_of}" if as_of else f"read {say_moment(account['last_sync_time'])} UTC"
    tree = Tree(Text(f"{username} on {instance} ({account['kind']}{state}), {when}", style="bold"))
    _grow(tree, documents.get("facts", {}).get("capability_reasons", {}))
    _grow(tree, documents["snapshot"]["type_specific"][account["db_type"]])
    _grow(tree, documents["snapshot"]["categories"])
    for item in documents["snapshot"]["meta"].get("not_observed", []):
        tree.add(Text(f"not observed: {item['scope']} ({item['status']}: {item['reason']})", style="yellow"))
    console.print(tree)


def _grow(tree: Tree, node: Mapping[str, Any]) -> None:
    for key, value in node.items():
        if isinstance(value, dict):
            if value:
                _grow(tree.add(Text(key)), value)  # pyright: ignore[reportUnknownArgumentType] - any JSON
        elif value != []:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            tree.add(Text(f"{key}: {text}"))


def show_changes(
    *,
    instance: INSTANCE = None,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    change_type: Annotated[str | None, typer.Option("--type", help="add, delete, modify_privilege, …")] = None,
    since: Annotated[str | None, typer.Option(help="7d, 12h, 2026-11-01 or 2026-11-01T08:00.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200,
    form: FORMAT = Format.TABLE,
) -> None:
    """List changes of accounts, the newest first."""
    moment = parse_moment(since) if since else None
    filters = {"instance": instance, "username": account, "change_type": change_type, "since": moment}
    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        rows = read_changes(connection, at_most=limit, **filters)
    columns = ("id", "change_time", "instance", "username", "change_type", "message")
    more = () if form is Format.TABLE else ("session_id", "privilege_diff", "other_diff")
    show_rows(rows, (*columns, *more), form)


def show_holders(
    privilege: Annotated[str, typer.Argument(help="Such as SELECT, or ANY; MEMBER for a role's members.")],
    on: Annotated[
        list[str] | None, typer.Argument(help="[ON] OBJECT: table, schema.table or database.schema.table.")
    ] = None,
    form: FORMAT = Format.TABLE,
) -> None:
    """List who holds a privilege, on one object or anywhere in the fleet, and since when."""
    words = [word for word in on or [] if word.upper() != "ON"]
    if len(words) > 1 or (privilege.upper() == "ANY" and not words):
        raise InvalidInstanceError("say: whalefall who-has PRIVILEGE [ON OBJECT], or ANY ON OBJECT")
    path = words[0].split(".") if words else ()
    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        rows = read_holders(connection, None if privilege.upper() == "ANY" else privilege, path)
    shown = ("scope", "database_name", "schema_name", "object_name", "column_name")
    show_rows(rows, ("instance", "username", "privilege", "grant_option", "effect", *shown, "since"), form)
