"""`whalefall script`: the SQL that re-creates an instance's accounts, or one of them, or takes one change back."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import Connection

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.arguments import AsOfOption, InstanceArgument, complete_account
from whalefall_pipeline.cli.moments import parse_moment
from whalefall_pipeline.cli.output import warn, write
from whalefall_pipeline.cli.workplace import open_workplace
from whalefall_pipeline.core.errors import InvalidInputError, SnapshotMissingError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import reading
from whalefall_pipeline.ledger.history import read_change_states, read_states_at
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.target import read_clock


def script(
    instance: InstanceArgument,
    account: Annotated[
        str | None, typer.Argument(autocompletion=complete_account, help="Only this account; on MySQL user@host.")
    ] = None,
    as_of: AsOfOption = None,
    undo: Annotated[int | None, typer.Option(help="Take back this change; its id is in `whalefall changes`.")] = None,
) -> None:
    """Print the SQL that re-creates accounts, or undoes a change.

    It gives an empty server the same roles, memberships and grants; passwords are left out. Exit code 1 where a part of
    a change can't be undone.
    """
    if undo is not None and (as_of or account):
        raise InvalidInputError("--undo names one change of the instance; leave out ACCOUNT and --as-of")
    with open_workplace() as workplace, reading(workplace.engine) as connection:
        found = read_instances(connection, [instance])
        if not found:
            raise InvalidInputError(f"no instance is named {instance}; see: whalefall instances list")
        gaps: Sequence[str] = ()
        if undo is not None:
            statements, gaps = _undo(connection, found[0], undo)
        else:
            moment = parse_moment(as_of) if as_of else read_clock(connection)
            statements = _recreate(connection, found[0], account, moment)
    write(sys.stdout, "".join(f"{statement}\n" for statement in statements))
    for gap in gaps:
        warn(f"not undone: {gap}")
    if gaps:
        raise typer.Exit(1)


def _recreate(connection: Connection, instance: Instance, account: str | None, at: datetime) -> Sequence[str]:
    states = read_states_at(connection, instance.id, at, account)
    if not states:
        what = f"account {account!r}" if account else "accounts"
        raise SnapshotMissingError(f"the ledger knows no {what} of {instance.name} at that moment")
    return ADAPTERS[instance.db_type].build_script(states)


def _undo(connection: Connection, instance: Instance, change_id: int) -> tuple[Sequence[str], Sequence[str]]:
    """Return the statements that take a change back, and what of it none can take back."""
    states = read_change_states(connection, instance.id, change_id)
    if states is None:
        raise InvalidInputError(f"{instance.name} has no change {change_id}; see: whalefall changes")
    before, after = states
    if before and before == after:
        return (), [f"{before.account.username} was dropped and made again; no statement brings the old one back"]
    adapter = ADAPTERS[instance.db_type]
    return adapter.build_change(after, before), adapter.find_gaps(after, before)
