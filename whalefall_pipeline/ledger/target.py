"""What is written belongs to one reading of one instance in one session, and readings keep their order."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import Connection, text

from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import load_statements

SQL = load_statements("target.sql")
CLOCK = text("select clock_timestamp()")
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Target:
    """One reading: its session, its instance, and when it began by the ledger's clock."""

    session_id: str
    instance: Instance
    read_at: datetime

    @property
    def place(self) -> str:
        """Where the instance is registered to be: what answers there may be another server than before."""
        return f"{self.instance.host}:{self.instance.port}"


def read_clock(connection: Connection) -> datetime:
    """Return the present moment by the ledger's clock, which is the same for all workers."""
    return connection.execute(CLOCK).scalar_one()


class Before(NamedTuple):
    """What the ledger says of an instance before a reading is written.

    When its newest reading of this part was begun (None: none was), which server said that it was which, and where.
    `future` is when the newest one was begun by a clock that was ahead; its moments were set back.
    """

    read_at: datetime | None
    identity: str | None
    place: str | None
    future: datetime | None = None


def check_order(
    connection: Connection, target: Target, column: Literal["inventory_read_at", "permissions_read_at"]
) -> Before:
    """Lock the instance's row until the transaction ends, and return what is known of its newest reading.

    Raises WhalefallError when that one began no earlier than this: an older reading never overwrites a newer one. One
    that lies in the future was begun while the ledger's clock was ahead: all moments of the instance that are later
    than this reading are then set back to just before it.
    """
    row = connection.execute(SQL["lock_instance"], {"instance_id": target.instance.id}).one()
    before = Before(getattr(row, column), row.server_identity, row.read_from)
    moments: list[datetime | None] = [row.inventory_read_at, row.permissions_read_at]
    newest = max((moment for moment in moments if moment), default=None)
    if newest and newest > row.now:
        moment = target.read_at - INSTANT
        for name, statement in SQL.items():
            if name.startswith("set_back"):
                connection.execute(statement, {"instance_id": target.instance.id, "moment": moment})
        return before._replace(read_at=min(before.read_at, moment) if before.read_at else None, future=newest)
    if before.read_at is not None and before.read_at >= target.read_at:
        raise WhalefallError(f"a later reading, begun at {before.read_at.isoformat()}, is in the ledger already")
    return before
