"""`whalefall show`: all that one account holds, and why it is what it is."""

import shlex
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, cast

import typer

from whalefall_pipeline.cli.arguments import AsOfOption, InstanceArgument, complete_account
from whalefall_pipeline.cli.known import check_instance
from whalefall_pipeline.cli.moments import format_moment, parse_moment
from whalefall_pipeline.cli.output import console, errors, write
from whalefall_pipeline.cli.rows import Format, FormatOption, RawOption, show_rows, to_json
from whalefall_pipeline.cli.trees import Tree, show_tree
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.core.model import Seen
from whalefall_pipeline.ledger.queries import read_account


def show_account(
    *,
    instance: InstanceArgument,
    username: Annotated[str, typer.Argument(autocompletion=complete_account, help="The account; on MySQL user@host.")],
    as_of: AsOfOption = None,
    form: FormatOption = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    raw: RawOption = False,
) -> None:
    """Show what one account holds, now or at a past moment.

    And why it is what it is: each capability has its reasons.
    """
    moment = parse_moment(as_of) if as_of else None
    with open_workplace() as workplace:
        with workplace.reading() as reader:
            check_instance(reader, instance)
            account = read_account(reader, instance, username)
        if moment:
            documents = {"as_of": moment.isoformat(), "snapshot": _read_past(workplace, account, moment)}
        else:
            documents = {"snapshot": account["permission_snapshot"], "facts": account["permission_facts"]}
    if as_json or form is Format.JSON:
        write(sys.stdout, to_json(documents))
    elif form is Format.TABLE:
        title = f"{username} on {instance} ({_describe(account, documents, moment)})"
        show_tree(console, title, _build_tree(account, documents))
        errors.print(f"all that it can do by these: whalefall what-can {instance} {shlex.quote(username)}", "dim")
    else:
        rows = [{"path": path, "value": value} for path, value in _flatten(_build_tree(account, documents))]
        show_rows(rows, ("path", "value"), form, raw=raw)


def _read_past(workplace: Workplace, account: Mapping[str, Any], moment: datetime) -> Mapping[str, Any]:
    # Only the past is rebuilt, which takes the engine's rules; all engines take long to import.
    from whalefall_pipeline.adapters.registry import ADAPTERS  # noqa: PLC0415
    from whalefall_pipeline.ledger.database import reading  # noqa: PLC0415
    from whalefall_pipeline.ledger.history import read_snapshot_at  # noqa: PLC0415

    rules = ADAPTERS[account["db_type"]].rules
    with reading(workplace.engine) as connection:
        return read_snapshot_at(connection, account["instance_id"], account["username"], moment, rules)


def _describe(account: Mapping[str, Any], documents: Mapping[str, Any], moment: datetime | None) -> str:
    kind = documents["snapshot"]["type_specific"][account["db_type"]]["account_kind"]
    if moment:
        return f"{kind}), as of {format_moment(moment)}".replace(")", "", 1)
    gone = "" if account["is_active"] else f", gone since {format_moment(account['deleted_at'])}"
    excluded = f", excluded: {account['excluded']}" if account["excluded"] else ""
    return f"{kind}{gone}{excluded}, read {format_moment(account['last_sync_time'])}"


def _build_tree(account: Mapping[str, Any], documents: Mapping[str, Any]) -> Tree:
    snapshot = documents["snapshot"]
    tree: dict[str, Any] = dict(documents.get("facts", {}).get("capability_reasons", {}))
    tree |= snapshot["type_specific"][account["db_type"]] | snapshot["categories"]
    for item in snapshot["meta"].get("not_observed", []):
        seen = f"last seen {_to_moment(item['last_seen_at'])}" if item["last_seen_at"] else "never seen"
        how = "" if item["status"] == Seen.EXCLUDED else f"{item['status']}: "
        what = "excluded" if item["status"] == Seen.EXCLUDED else "not observed"
        tree[f"{what}: {item['scope']}"] = f"{how}{item['reason']}, {seen}"
    return tree


def _to_moment(text: str) -> str:
    return format_moment(datetime.fromisoformat(text))


def _flatten(tree: Tree, path: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        here = f"{path}/{key}" if path else key
        if isinstance(value, Mapping):
            yield from _flatten(cast("Tree", value), here)
        elif isinstance(value, list):
            yield from ((here, item) for item in cast("list[object]", value))
        else:
            yield here, value
