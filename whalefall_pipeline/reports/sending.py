"""Empties the outbox: at least once, one message for each session, patient where a target does not answer."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from whalefall_pipeline.core.alerts import Message, build_message
from whalefall_pipeline.ledger.alerts import (
    Due,
    claim_alerts,
    leave_sending,
    mark_failed,
    mark_sent,
    mark_sent_to,
    read_due,
    take_sending,
)
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.reports.targets import Target

PATIENCE_SECONDS = 300
"""How long the alerts of a session that still runs wait for its others."""
WORK_SECONDS = 30
"""After which nothing further is sent in one go: a sensor's tick has a minute, and one target may take 15 s more."""


class Sent(NamedTuple):
    """What became of messages: how many were taken by all targets, and of each other one why not."""

    messages: int
    failures: Sequence[str]
    is_busy: bool = False


def send_alerts(engine: Engine, targets: Sequence[Target], digest_key: bytes, *, every: bool = False) -> Sent:
    """Send what is due, the oldest first; with `every`, all that was not sent, whenever it was tried last.

    A message is marked after it was taken, so one that is repeated, for a process that died between, has the same key.
    Only one process sends at a time (`is_busy`: another one does). Without `every`, the first message that is not taken
    ends it: the next ones would most likely wait for the same target.
    """
    ends_at = time.monotonic() + WORK_SECONDS
    with connecting(engine) as connection:
        with transaction(connection):
            if not take_sending(connection):
                return Sent(0, (), is_busy=True)
        try:
            with transaction(connection):
                claim_alerts(connection, 0 if every else PATIENCE_SECONDS)
            return _send_due(connection, targets, digest_key, ends_at=None if every else ends_at)
        finally:
            with transaction(connection):
                leave_sending(connection)


def _send_due(connection: Connection, targets: Sequence[Target], digest_key: bytes, *, ends_at: float | None) -> Sent:
    sent, failures, after = 0, list[str](), 0
    while ends_at is None or (time.monotonic() < ends_at and not failures):
        with transaction(connection):
            due = read_due(connection, after=after, every=ends_at is None)
        if due is None:
            break
        after = due.first_id
        reasons = _send(connection, due, targets, digest_key, ends_at=ends_at)
        with transaction(connection):
            if reasons:
                mark_failed(connection, due.key, "; ".join(reasons))
                failures.append(f"{due.key}: {'; '.join(reasons)}")
            else:
                mark_sent(connection, due.key)
                sent += 1
    return Sent(sent, failures)


def _send(
    connection: Connection, due: Due, targets: Sequence[Target], digest_key: bytes, *, ends_at: float | None
) -> list[str]:
    """Send a message to the targets that have not taken it yet, and return why others did not."""
    message = build_message(due.key, due.session_id, due.alerts)
    reasons: list[str] = []
    for target in targets:
        digest = target.to_digest(digest_key)
        if digest in due.sent_to:
            continue
        late = ends_at is not None and time.monotonic() >= ends_at
        reason = "not tried yet, others took too long" if late else target.send(message)
        if reason:
            reasons.append(f"{target.label}: {reason}")
        elif len(targets) > 1:
            with transaction(connection):
                mark_sent_to(connection, due.key, digest)
    return reasons


def send_test(targets: Sequence[Target], who: str) -> dict[str, str]:
    """Send each target a message that says that it is a test; return why one did not take it (empty: it did)."""
    body = f"Alerts of whalefall arrive here. This one was asked for by {who}; nothing happened.\nkey: test"
    message = Message("test", "whalefall: this is a test", body, is_urgent=False)
    return {target.label: target.send(message) for target in targets}
