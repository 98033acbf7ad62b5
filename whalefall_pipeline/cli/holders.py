"""`whalefall who-has`: who holds a privilege, on what, and since when."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from whalefall_pipeline.cli.arguments import AccountOption, AsOfOption, InstanceOption
from whalefall_pipeline.cli.hints import Named, print_able, print_more
from whalefall_pipeline.cli.known import check_account, check_instance, print_gaps
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.moments import parse_moment
from whalefall_pipeline.cli.object_paths import parse_target
from whalefall_pipeline.cli.output import warn
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption, choose_limit, show_rows
from whalefall_pipeline.cli.workplace import open_reader
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.exclusions import OF_ACCOUNT, OF_DATABASE
from whalefall_pipeline.core.parts import to_whole
from whalefall_pipeline.ledger.queries import (
    Records,
    knows_object,
    knows_privilege,
    read_gaps,
    read_holders,
)
from whalefall_pipeline.ledger.reader import Reader

COLUMNS = (
    *("instance", "username", "privilege", "grant_option", "effect"),
    *("scope", "database_name", "schema_name", "object_name", "column_name", "since"),
)


def show_holders(
    *,
    privilege: Annotated[str, typer.Argument(help="Such as SELECT, or ANY; MEMBER for a role's members.")],
    on: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ON] [KIND] OBJECT",
            help='table, schema.table, database.schema.table; "with.dot".table; role NAME, table NAME.',
        ),
    ] = None,
    instance: InstanceOption = None,
    account: AccountOption = None,
    label: LabelOption = None,
    as_of: AsOfOption = None,
    removed: Annotated[bool, typer.Option("--removed", help="On removed instances too.")] = False,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List who holds a privilege, and since when.

    It is asked for on one object, or anywhere in the fleet. Each grant is shown by itself: what a role gives its
    members, or a whole database its tables, is asked for there.
    """
    kind, path = parse_target(on or [])
    name = None if privilege.upper() == "ANY" else privilege
    if name is None and not path:
        raise InvalidInputError("ANY needs an object: whalefall who-has ANY ON OBJECT")
    moment = parse_moment(as_of) if as_of else None
    with open_reader() as reader:
        check_instance(reader, instance)
        check_account(reader, account, instance)
        chosen = find_labelled(reader, label, removed=removed)
        gaps: Records = () if moment else read_gaps(reader, instance, chosen)
        print_gaps(gaps)
        rows = read_holders(reader, name, path, kind=kind, instance=instance, account=account, chosen=chosen, at=moment)
        named = Named(kind, path)
        if not rows:
            is_meant = name and path and not account and print_able(reader, instance, name, named, moment)
            if not is_meant:
                _check_known(reader, name, path, instance)
        elif name and path and not account:
            print_more(reader, [row for row in rows if not row["instance_removed_at"]], name, named, moment)
    rows = _leave_out_removed(rows, keep=removed or instance is not None)
    rows = _mark(rows, gaps)
    extra = [column for column in ("last_seen_at", "instance_removed_at") if any(row[column] for row in rows)]
    show_rows(rows, (*COLUMNS, *extra), form, raw=raw, at_most=choose_limit(limit, form))


def _check_known(reader: Reader, privilege: str | None, on: Sequence[str], instance: str | None) -> None:
    """Raise InvalidInputError where nobody holds it because there is no such thing."""
    if privilege and not knows_privilege(reader, privilege):
        raise InvalidInputError(
            f"no grant of {privilege!r} is known, now or before; privileges are as the server spells them"
        )
    if on and not knows_object(reader, on, instance):
        raise InvalidInputError(
            f"nothing named {'.'.join(on)} is known: no account holds or held anything on it; names are as "
            "in the server's catalog"
        )


def _leave_out_removed(rows: Records, *, keep: bool) -> Records:
    kept = [row for row in rows if keep or row["instance_removed_at"] is None]
    names = sorted({row["instance"] for row in rows if row["instance_removed_at"]})
    if len(kept) < len(rows):
        warn(f"{len(rows) - len(kept)} grants on removed instances ({', '.join(names)}) are left out: --removed")
    return kept


def _mark(rows: Records, gaps: Records) -> list[Mapping[str, Any]]:
    """Return rows with the moment of the reading that saw them last, where the newest one could not look."""
    unseen = {(row["instance"], row["scope"]): row for row in gaps if row["scope"]}
    if not unseen:
        return [{**row, "last_seen_at": None} for row in rows]
    # Which scope speaks for a grant is known to its engine; all engines take long to import.
    from whalefall_pipeline.adapters.registry import ADAPTERS  # noqa: PLC0415

    types = {row["instance"]: row["db_type"] for row in gaps}
    marked: list[Mapping[str, Any]] = []
    for row in rows:
        scope = ""
        if row["instance"] in types:
            scope = ADAPTERS[types[row["instance"]]].rules.observed_by(row["scope"], row["database_name"])
        keys = [(row["instance"], key) for key in _to_keys(row, scope)]
        gap = next((unseen[key] for key in keys if key in unseen), None)
        marked.append({**row, "last_seen_at": gap and (gap["last_seen_at"] or "never")})
    return marked


def _to_keys(row: Mapping[str, Any], scope: str) -> Sequence[str]:
    """Return what stands for a grant among what was not observed: its scope, what that is a part of, or its parts."""
    return scope, to_whole(scope), f"{OF_DATABASE}{row['database_name']}", f"{OF_ACCOUNT}{row['username']}"
