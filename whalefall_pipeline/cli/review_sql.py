"""`whalefall review sql`: what the revokes of a review come to. A person runs it; nothing is written to an instance."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated

import typer
from sqlalchemy import Connection

from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.output import warn, write
from whalefall_pipeline.cli.review import NameOption, find_review
from whalefall_pipeline.cli.workplace import open_workplace
from whalefall_pipeline.core.model import AccountState, Kind
from whalefall_pipeline.core.review import POWERS, ReviewItem, Standing
from whalefall_pipeline.core.text import make_visible
from whalefall_pipeline.ledger.changes import read_states
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.reviews import read_items


def print_sql(
    *,
    name: NameOption = None,
    keep_accounts: Annotated[
        bool, typer.Option("--keep-accounts", help="Take what accounts hold, and leave the accounts.")
    ] = False,
) -> None:
    """Print the SQL that does what a review's revokes say.

    Accounts are dropped, as the newest sync has them; those that are gone already are left out. Exit code 1 where a
    part can't be done by SQL.
    """
    with open_workplace() as workplace, connecting(workplace.engine) as connection, transaction(connection):
        review = find_review(connection, name)
        items = [item for item in read_items(connection, review) if item.standing is Standing.STILL_THERE]
        lines, gaps = _build(connection, items, keep_accounts=keep_accounts)
    write(sys.stdout, "".join(f"{line}\n" for line in lines))
    for gap in gaps:
        warn(f"not revoked: {gap}")
    if gaps:
        raise typer.Exit(1)


def _build(connection: Connection, items: Sequence[ReviewItem], *, keep_accounts: bool) -> tuple[list[str], list[str]]:
    """Return the statements of all instances, and what no statement does."""
    lines: list[str] = []
    gaps: list[str] = []
    for instance, group in groupby(items, key=lambda item: (item.instance, item.db_type)):
        lines.append(f"-- {make_visible(instance[0])} ({instance[1]})")
        adapter = ADAPTERS[instance[1]]
        for before in _read_present(connection, list(group)):
            after = _take_all(adapter, before) if keep_accounts or before.account.kind is Kind.PUBLIC else None
            lines += adapter.build_change(before, after)
            username = make_visible(before.account.username)
            found = [*adapter.find_gaps(before, after), *(_find_powers(adapter, after) if after else ())]
            gaps += [f"{make_visible(instance[0])}: {username}: {gap}" for gap in found]
    return lines, gaps


def _find_powers(adapter: Adapter, after: AccountState) -> Iterator[str]:
    """Yield which powers an account has by what it is, not by what it holds: nothing that is taken takes them."""
    for name, reasons in sorted(adapter.rules.own_capabilities(after, datetime.now(UTC)).items()):
        if name in POWERS:
            yield f"it stays {name} ({make_visible('; '.join(reasons))}): take that by hand, or drop the account"


def _read_present(connection: Connection, items: Sequence[ReviewItem]) -> Iterator[AccountState]:
    """Yield the accounts as they are now: those that log in first, as they may be members of the others."""
    states = read_states(connection, [item.account_id for item in items])
    found = [states[item.account_id] for item in items if item.account_id in states]
    yield from sorted(found, key=lambda state: state.account.kind is not Kind.USER)


def _take_all(adapter: Adapter, state: AccountState) -> AccountState:
    return replace(state, account=adapter.rules.build_powerless(state.account), held=frozenset())
