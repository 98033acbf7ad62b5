"""Reads and writes an instance's account list, in a constant number of statements."""

from collections.abc import Sequence

from sqlalchemy import Connection

from whalefall_pipeline.core.inventory import InventoryChange, KnownAccount
from whalefall_pipeline.core.model import Account
from whalefall_pipeline.ledger.copying import Copier
from whalefall_pipeline.ledger.database import NULL, fetch_many, load_statements, to_fields
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("inventory.sql")
NEW_COLUMNS = ("instance_id", "db_type", "created_at", "updated_at", "username", "kind", "native_id")


def read_known_accounts(connection: Connection, instance_id: int) -> list[KnownAccount]:
    """Return all accounts that an instance has or had, ordered by username."""
    rows = fetch_many(connection, SQL["read_known"], {"instance_id": instance_id})
    return list(map(KnownAccount._make, rows))


def write_inventory(connection: Connection, target: Target, change: InventoryChange) -> None:
    """Write which accounts are new, back, gone, or of another kind; what gone ones held is written elsewhere."""
    instance = target.instance
    moment = {"read_at": target.read_at}
    if change.new:
        common = to_fields([str(instance.id), instance.db_type, *[target.read_at.isoformat()] * 2])
        lines = (f"{common}\t{_to_line(account)}\n" for account in change.new)
        Copier(connection).append("instance_accounts", NEW_COLUMNS, lines)
    if change.returned:
        connection.execute(SQL["reactivate"], {**moment, "ids": [account.id for account in change.returned]})
    if change.other_kind:
        ids, kinds = _unzip([(account.id, kind.value) for account, kind in change.other_kind])
        connection.execute(SQL["change_kind"], {**moment, "ids": ids, "kinds": kinds})
    if change.other_id:
        ids, native_ids = _unzip([(account.id, native_id) for account, native_id in change.other_id])
        connection.execute(SQL["change_native_id"], {**moment, "ids": ids, "native_ids": native_ids})
    if change.gone:
        connection.execute(SQL["deactivate"], {**moment, "ids": [account.id for account in change.gone]})


def mark_inventory_read(connection: Connection, target: Target, *, version: str, identity: str) -> None:
    """Write when the newest inventory was begun, and of which server; one that says nothing keeps what is known."""
    values = {"instance_id": target.instance.id, "read_at": target.read_at, "version": version}
    values |= {"place": target.place, "identity": identity}
    connection.execute(SQL["mark_read"], values)


def _to_line(account: Account) -> str:
    native_id = to_fields([account.native_id]) if account.native_id else NULL
    return f"{to_fields([account.username, account.kind.value])}\t{native_id}"


def _unzip(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
