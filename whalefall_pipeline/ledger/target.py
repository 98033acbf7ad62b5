"""What is written belongs to one reading of one instance in one session, and readings keep their order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.model import Instance

LOCK_INSTANCE = text(
    "select inventory_read_at, permissions_read_at from instances where id = :instance_id for no key update"
)

CLOCK = text("select clock_timestamp()")


@dataclass(frozen=True, slots=True)
class Target:
    """One reading: its session, its instance, and when it began by the ledger's clock."""

    session_id: str
    instance: Instance
    read_at: datetime


def read_clock(connection: Connection) -> datetime:
    """Give the present moment by the ledger's clock, which is the same for all workers."""
    return connection.execute(CLOCK).scalar_one()


def check_order(
    connection: Connection, target: Target, column: Literal["inventory_read_at", "permissions_read_at"]
) -> datetime | None:
    """Lock the instance's row until the transaction ends, and give when its newest reading in the ledger began.

    Raises WhalefallError when that one began no earlier than this: an older reading never overwrites a newer one.
    """
    row = connection.execute(LOCK_INSTANCE, {"instance_id": target.instance.id}).mappings().one()
    newest: datetime | None = row[column]
    if newest is not None and newest >= target.read_at:
        raise WhalefallError(f"a later reading, begun at {newest.isoformat()}, is in the ledger already")
    return newest
