"""Commands that show what the ledger holds: sessions, accounts, one account, changes, who has a privilege."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, get_args

import typer
from rich.text import Text
from rich.tree import Tree
from sqlalchemy import Connection

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.moments import parse_moment
from whalefall_pipeline.cli.object_paths import parse_object_path
from whalefall_pipeline.cli.output import Format, console, errors, say_moment, show_rows
from whalefall_pipeline.cli.workplace import open_workplace
from whalefall_pipeline.core.diff import ChangeType, InstanceChangeType
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.ledger.database import connecting
from whalefall_pipeline.ledger.history import read_snapshot_at
from whalefall_pipeline.ledger.instances import read_instances
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
CHANGE_TYPES: tuple[str, ...] = (*get_args(ChangeType), *get_args(InstanceChangeType))


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
        _check_instance(connection, instance)
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
    moment = parse_moment(as_of) if as_of else None
    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        account = read_account(connection, instance, username)
        if moment:
            rules = ADAPTERS[account["db_type"]].rules
            past = read_snapshot_at(connection, account["instance_id"], username, moment, rules)
            documents: dict[str, Any] = {"as_of": moment.isoformat(), "snapshot": past}
        else:
            documents = {"snapshot": account["permission_snapshot"], "facts": account["permission_facts"]}
    if as_json:
        console.print_json(json.dumps(documents))
        return
    console.print(_build_tree(f"{username} on {instance}", account, documents, moment))


def _build_tree(title: str, account: Mapping[str, Any], documents: Mapping[str, Any], moment: datetime | None) -> Tree:
    snapshot = documents["snapshot"]
    attributes = snapshot["type_specific"][account["db_type"]]
    gone = "" if moment or account["is_active"] else f", gone since {say_moment(account['deleted_at'])} UTC"
    when = f"as of {say_moment(moment)}" if moment else f"read {say_moment(account['last_sync_time'])}"
    tree = Tree(Text(f"{title} ({attributes['account_kind']}{gone}), {when} UTC", style="bold"))
    _grow(tree, documents.get("facts", {}).get("capability_reasons", {}))
    _grow(tree, attributes)
    _grow(tree, snapshot["categories"])
    for item in snapshot["meta"].get("not_observed", []):
        seen = (
            f", last seen {item['last_seen_at'][:19].replace('T', ' ')} UTC" if item["last_seen_at"] else ", never seen"
        )
        text = f"not observed: {item['scope']} ({item['status']}: {item['reason']}{seen})"
        tree.add(Text(text, style="yellow"))
    return tree


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
    change_type: Annotated[str | None, typer.Option("--type", help=f"One of {', '.join(CHANGE_TYPES)}.")] = None,
    since: Annotated[str | None, typer.Option(help="7d, 12h, 2026-11-01 or 2026-11-01T08:00.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200,
    form: FORMAT = Format.TABLE,
) -> None:
    """List changes of accounts, and of what instances are set to, the newest first."""
    moment = parse_moment(since) if since else None
    if change_type and change_type not in CHANGE_TYPES:
        raise InvalidInstanceError(f"no change is of type {change_type!r}; types are {', '.join(CHANGE_TYPES)}")
    filters = {"instance": instance, "username": account, "change_type": change_type, "since": moment}
    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        _check_instance(connection, instance)
        rows = read_changes(connection, at_most=limit + 1, **filters)
    if len(rows) > limit:
        errors.print(f"these are the newest {limit}; there are more: --limit, or a later --since")
    columns = ("id", "change_time", "instance", "username", "change_type", "message")
    more = () if form is Format.TABLE else ("session_id", "privilege_diff", "other_diff")
    show_rows(rows[:limit], (*columns, *more), form)


def _check_instance(connection: Connection, name: str | None) -> None:
    if name and not read_instances(connection, [name]):
        raise InvalidInstanceError(f"no instance is named {name}; see: whalefall instances list")


def show_holders(
    privilege: Annotated[str, typer.Argument(help="Such as SELECT, or ANY; MEMBER for a role's members.")],
    on: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ON] OBJECT", help='table, schema.table, database.schema.table; "with.dot".table.'),
    ] = None,
    form: FORMAT = Format.TABLE,
) -> None:
    """List who holds a privilege, on one object or anywhere in the fleet, and since when.

    Each grant is shown by itself: what a role gives its members, or a whole database its tables, is asked for there.
    """
    path = _parse_on(on or [])
    if privilege.upper() == "ANY" and not path:
        raise InvalidInstanceError("ANY needs an object: whalefall who-has ANY ON OBJECT")
    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        rows = read_holders(connection, None if privilege.upper() == "ANY" else privilege, path)
    shown = ("scope", "database_name", "schema_name", "object_name", "column_name")
    show_rows(rows, ("instance", "username", "privilege", "grant_option", "effect", *shown, "since"), form)


def _parse_on(words: Sequence[str]) -> tuple[str, ...]:
    match words:
        case []:
            return ()
        case [name] if name.upper() != "ON":
            return parse_object_path(name)
        case [on, name] if on.upper() == "ON":
            return parse_object_path(name)
        case _:
            raise InvalidInstanceError("say: whalefall who-has PRIVILEGE [ON OBJECT]")
