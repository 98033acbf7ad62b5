"""What an instance itself is set to, in intervals of time, and the log of what changed of it."""

from typing import Any

import orjson
from sqlalchemy import Connection

from whalefall_pipeline.core.diff import Difference, InstanceChangeType
from whalefall_pipeline.core.model import Attributes
from whalefall_pipeline.core.wording import to_other_diff
from whalefall_pipeline.ledger.database import load_statements
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("instance_attributes.sql")


def read_attributes(connection: Connection, instance_id: int) -> Attributes | None:
    """Return the attributes of an instance that were last observed; None: none ever were."""
    return connection.execute(SQL["read_attributes"], {"instance_id": instance_id}).scalar_one_or_none()


def write_attributes(connection: Connection, target: Target, attributes: Attributes, *, is_first: bool) -> None:
    """End the interval of what an instance was set to, unless this is the first, and begin another."""
    values = {"instance_id": target.instance.id, "read_at": target.read_at}
    if not is_first:
        connection.execute(SQL["end_attributes"], values)
    connection.execute(SQL["insert_attributes"], {**values, "attributes": orjson.dumps(attributes).decode()})


def write_instance_change(
    connection: Connection, target: Target, change_type: InstanceChangeType, difference: Difference, message: str
) -> None:
    """Write one entry of the instance's own log."""
    values: dict[str, Any] = {
        "instance_id": target.instance.id,
        "read_at": target.read_at,
        "session_id": target.session_id,
        "change_type": change_type,
        "message": message,
        "other_diff": orjson.dumps(to_other_diff(difference)).decode() if difference.other else None,
    }
    connection.execute(SQL["write_entry"], values)
