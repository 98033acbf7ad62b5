"""Writes an instance's account list: new, returned and gone accounts, in a constant number of statements."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from whalefall_pipeline.core.inventory import KnownAccount, check_collapse, compare_inventory
from whalefall_pipeline.core.model import Account, Kind
from whalefall_pipeline.ledger.changes import write_deletions
from whalefall_pipeline.ledger.database import load_statements
from whalefall_pipeline.ledger.target import Target, check_order

SQL = load_statements("inventory.sql")


class InventoryCounts(NamedTuple):
    """What writing an inventory came to, in accounts; predefined ones are not counted."""

    active: int
    created: int
    reactivated: int
    deleted: int
    hidden: int


def write_inventory(
    connection: Connection,
    target: Target,
    accounts: Sequence[Account],
    *,
    version: str,
    may_hide: Callable[[str], bool],
    accept_collapse: bool = False,
) -> InventoryCounts:
    """Make the ledger's accounts equal to the list that was read, in the caller's transaction.

    Accounts that are gone are marked inactive, their grants end, and the log says so; those that `may_hide` where the
    reading could not look stay as they are. Raises SyncDataError, with
    nothing written, when the list collapsed past the safety limit, unless that is accepted.
    """
    instance = target.instance
    check_order(connection, target, "inventory_read_at")
    rows = connection.execute(SQL["read_known"], {"instance_id": instance.id}).all()
    known = [KnownAccount._make(row) for row in rows]
    change = compare_inventory(known, accounts, may_hide)
    if not accept_collapse:
        check_collapse(known, change, instance.vanish_limit_percent)
    moment = {"read_at": target.read_at}
    owner = {"instance_id": instance.id, "db_type": instance.db_type}
    if change.new:
        columns = _unzip([(account.username, account.kind.value) for account in change.new])
        connection.execute(SQL["insert_new"], {**owner, **moment, "usernames": columns[0], "kinds": columns[1]})
    if change.returned:
        connection.execute(SQL["reactivate"], {**moment, "ids": [account.id for account in change.returned]})
    if change.other_kind:
        columns = _unzip([(account.id, kind.value) for account, kind in change.other_kind])
        connection.execute(SQL["change_kind"], {**moment, "ids": columns[0], "kinds": columns[1]})
    if change.gone:
        write_deletions(connection, target, change.gone)
        connection.execute(SQL["deactivate"], {**moment, "ids": [account.id for account in change.gone]})
    connection.execute(SQL["mark_read"], {"instance_id": instance.id, "version": version, **moment})
    lists = (accounts, change.new, change.returned, change.gone, change.hidden)
    return InventoryCounts(*map(_count, lists))


def _count(accounts: Iterable[Account | KnownAccount]) -> int:
    return sum(Kind(account.kind).is_counted for account in accounts)


def _unzip(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
