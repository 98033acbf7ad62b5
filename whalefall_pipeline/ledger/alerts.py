"""The outbox: alerts are written with what they are about, put into one message per session, and marked when sent."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import Connection

from whalefall_pipeline.core.alerts import Alert, AlertKind
from whalefall_pipeline.core.findings.model import FindingKey, Outcome
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import load_statements
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("alerts.sql")
LOCK_SPACE = 0x57464154
"""The first key of the advisory lock that one sender at a time holds."""
FIRST_PAUSE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 3600
"""Between two tries of a message at a target: it doubles, up to this."""
GIVEN_UP_DAYS = 7
GIVEN_UP_TRIES = 10
"""When a target is given up for a message: so long after its first try there, and not before so many."""


class Recipient(NamedTuple):
    """A target as the ledger knows it: a digest of its URL, and what it is called in texts."""

    digest: str
    label: str


class Due(NamedTuple):
    """A message that a target is to be tried with."""

    key: str
    session_id: str
    first_id: int
    alerts: Sequence[Alert]


def write_alerts(
    connection: Connection, session_id: str, instance: Instance, alerts: Sequence[Alert], *, phase: str = ""
) -> None:
    """Write alerts in the transaction of what they are about; one whose key is there already is the same event.

    Each transaction of a session that writes alerts of an instance has a `phase` of its own: both may have the same
    kind to tell.
    """
    if not alerts:
        return
    owner = "/".join([session_id, str(instance.id), *([phase] if phase else [])])
    columns = {
        "keys": [f"{alert.kind.value}/{owner}" for alert in alerts],
        "kinds": [alert.kind.value for alert in alerts],
        "payloads": [orjson.dumps(alert.to_payload()).decode() for alert in alerts],
    }
    connection.execute(SQL["write_alerts"], {"instance_id": instance.id, "session_id": session_id, **columns})


def write_failures(
    connection: Connection,
    session_id: str,
    instance: Instance | None = None,
    kind: AlertKind = AlertKind.INSTANCE_FAILED,
) -> None:
    """Write the alerts of a session's failed records, or of one, in the transaction that ended them.

    An instance that goes on failing with the same code is told of once; a refused collapse, while it says the same.
    """
    values = {"session_id": session_id, "instance_id": instance.id if instance else None, "kind": kind.value}
    connection.execute(SQL["write_failures"], values)


def read_superusers(connection: Connection, account_ids: Collection[int]) -> dict[int, list[str]]:
    """Return which of these accounts are superusers by the facts that the ledger holds, each with the reasons.

    Accounts that are gone are none, nor are roles of the engine's own.
    """
    if not account_ids:
        return {}
    rows = connection.execute(SQL["read_superusers"], {"ids": list(account_ids)})
    return {account_id: list(reasons) for account_id, reasons in rows}


def read_waived(connection: Connection, target: Target) -> set[FindingKey]:
    """Return which of the findings that a reading's session opened are waived."""
    rows = connection.execute(SQL["read_waived"], {"instance_id": target.instance.id, "session_id": target.session_id})
    return {FindingKey(rule_id, username, name, Outcome(outcome)) for rule_id, username, name, outcome in rows}


def take_sending(connection: Connection) -> bool:
    """Take the lock of the one process that sends, until the connection ends; False: another one has it."""
    return bool(connection.execute(SQL["lock_sending"], {"space": LOCK_SPACE}).scalar_one())


def leave_sending(connection: Connection) -> None:
    """Give the lock back."""
    connection.execute(SQL["unlock_sending"], {"space": LOCK_SPACE})


def claim_alerts(connection: Connection, patience_seconds: float) -> None:
    """Put alerts into messages: one for each session that ended, or whose first alert has waited so long.

    What a message holds never changes after that, so that it is the same however often it is sent.
    """
    connection.execute(SQL["claim"], {"patience_seconds": patience_seconds})


def read_due(connection: Connection, target: str, *, after: int = 0, every: bool = False) -> Due | None:
    """Return the oldest message after the alert `after` that a target, by its digest, is to be tried with.

    With `every`, one that just failed there, or was given up, too.
    """
    row = connection.execute(SQL["read_due"], {"target": target, "after": after, "every": every}).one_or_none()
    if row is None:
        return None
    found = connection.execute(SQL["read_alerts"], {"message_key": row.message_key}).all()
    alerts = [Alert.from_payload(kind, payload) for kind, payload in found]
    return Due(row.message_key, row.session_id, row.first_id, alerts)


def read_failing(connection: Connection, targets: Sequence[str]) -> set[str]:
    """Return which of these targets, by their digests, did not take what they were tried with last."""
    return set(connection.execute(SQL["read_failing"], {"targets": list(targets)}).scalars())


def mark_tried(connection: Connection, key: str, recipient: Recipient, error: str) -> None:
    """Write that a target took a message (no error), or why not, and when it is tried again, if ever."""
    values = {"message_key": key, "target": recipient.digest, "label": recipient.label}
    if not error:
        connection.execute(SQL["mark_taken"], values)
        return
    rules = {
        "first": FIRST_PAUSE_SECONDS,
        "longest": LONGEST_PAUSE_SECONDS,
        "tries": GIVEN_UP_TRIES,
        "days": GIVEN_UP_DAYS,
    }
    connection.execute(SQL["mark_failed"], {**values, "error": error, **rules})


def settle_messages(connection: Connection, targets: Sequence[str], key: str | None = None) -> None:
    """Write whether these targets, which are all that there are, took a message, or each of those that wait."""
    connection.execute(SQL["settle"], {"targets": list(targets), "message_key": key})


def delete_old_alerts(connection: Connection, days: int) -> int:
    """Delete alerts that are this old, sent or not, and return their number."""
    deleted = connection.execute(SQL["delete_old"], {"days": days}).rowcount
    connection.execute(SQL["delete_deliveries"])
    return deleted
