"""`whalefall instances exclude`, `include` and `exclusions`: what is not to be read of an instance, and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import typer

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.arguments import InstanceArgument, InstanceOption, complete_account
from whalefall_pipeline.cli.choosing import choose_instances
from whalefall_pipeline.cli.known import check_instance
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.output import print_line, warn
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption, choose_limit, show_rows
from whalefall_pipeline.cli.workplace import Workplace, find_user, open_reader, open_workplace
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.exclusions import OF_ACCOUNT, OF_DATABASE, check_exclusions
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import change_instance, lock_definitions, read_instances
from whalefall_pipeline.ledger.queries import read_exclusions, read_unknown_scopes

COLUMNS = ("instance", "scope", "reason", "excluded_at", "excluded_by")
Databases = Annotated[
    list[str] | None, typer.Option("--database", "-d", help="A database, as the server spells it; repeat it.")
]
Accounts = Annotated[
    list[str] | None,
    typer.Option("--account", "-a", autocompletion=complete_account, help="An account, as lists show it; repeat it."),
]
Excluded = Mapping[str, str]


def exclude(
    *,
    instance: InstanceArgument,
    reason: Annotated[str, typer.Option(help="Why, in one line; what shows it says so.")],
    database: Databases = None,
    account: Accounts = None,
) -> None:
    """Stop reading databases and accounts of an instance.

    No sync connects to an excluded database. What is known stays as it was last seen, and is marked as excluded.
    """
    named = dict.fromkeys(_to_scopes(database, account), reason)
    with open_workplace() as workplace:
        before = _write(workplace, instance, lambda known: {**known, **named})
        changed = [scope for scope in named if before.get(scope) != reason]
        with workplace.reading() as reader:
            unknown = read_unknown_scopes(reader, instance, changed)
    said = f"no longer read: {', '.join(changed)}" if changed else "already excluded"
    print_line(f"{instance}: {said}; see: whalefall instances exclusions")
    for scope in unknown:
        warn(f"{instance}: no sync has shown {scope}: if it is spelled otherwise there, this excludes nothing")


def include(*, instance: InstanceArgument, database: Databases = None, account: Accounts = None) -> None:
    """Read excluded databases and accounts again.

    The next sync finds what changed of them meanwhile.
    """
    named = _to_scopes(database, account)

    def take_back(known: Excluded) -> Excluded:
        missing = [scope for scope in named if scope not in known]
        if missing:
            raise InvalidInputError(
                f"{instance}: {', '.join(missing)} is not excluded; see: whalefall instances exclusions"
            )
        return {scope: reason for scope, reason in known.items() if scope not in named}

    with open_workplace() as workplace:
        _write(workplace, instance, take_back)
    print_line(f"{instance}: read again from the next sync on: {', '.join(named)}")


def list_exclusions(
    *,
    instance: InstanceOption = None,
    label: LabelOption = None,
    every: Annotated[bool, typer.Option("--all", help="Those that were taken back, too.")] = False,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List what is not to be read of instances.

    With the reason, and since when and by whom it is excluded.
    """
    at_most = choose_limit(limit, form)
    with open_reader() as reader:
        check_instance(reader, instance)
        chosen = find_labelled(reader, label, removed=every)
        more = at_most and at_most + 1
        rows = read_exclusions(reader, instance=instance, every=every, chosen=chosen, at_most=more)
    ends = ("ended_at", "ended_by") if every else ()
    show_rows(rows, (*COLUMNS, *ends), form, raw=raw, at_most=at_most)


def _to_scopes(databases: Sequence[str] | None, accounts: Sequence[str] | None) -> list[str]:
    scopes = [OF_DATABASE + name for name in databases or ()] + [OF_ACCOUNT + name for name in accounts or ()]
    if not scopes:
        raise InvalidInputError("name what it is about: --database NAME, or --account NAME")
    return list(dict.fromkeys(scopes))


def _write(workplace: Workplace, name: str, change: Callable[[Excluded], Excluded]) -> Excluded:
    """Write what is excluded of an instance, and return what was before."""
    with connecting(workplace.engine) as connection, transaction(connection):
        lock_definitions(connection)
        (known,) = choose_instances(read_instances(connection), [name])
        wanted = change(known.excluded)
        check_exclusions(wanted, known.database or ADAPTERS[known.db_type].home)
        change_instance(connection, replace(known, excluded=wanted), by=find_user())
    return known.excluded
