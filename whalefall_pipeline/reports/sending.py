"""Empties the outbox: one message for each session, at least once to each target, patient where one does not answer."""

import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from whalefall_pipeline.core.alerts import Message, build_message
from whalefall_pipeline.ledger.alerts import (
    Due,
    Recipient,
    claim_alerts,
    leave_sending,
    mark_tried,
    read_due,
    read_failing,
    settle_messages,
    take_sending,
)
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.reports.targets import AlertTarget

PATIENCE_SECONDS = 300
"""How long the alerts of a session that still runs wait for its others."""
WORK_SECONDS = 30
"""After which nothing further is sent in one go: a sensor's tick has a minute, and one target may take 15 s more."""
MOST_FAILURES = 3
"""After which a target is left alone in one go: one may refuse a message and take the next, or take none."""


class Sent(NamedTuple):
    """What became of messages: how many a target took, over all targets, and why others were not taken."""

    messages: int
    failures: Sequence[str]
    is_busy: bool = False


class _Lane:
    """A target with how far it has come in one go."""

    def __init__(self, target: AlertTarget, digest_key: bytes) -> None:
        self.target = target
        self.recipient = Recipient(target.to_digest(digest_key), target.label)
        self.after = 0
        self.failures = 0


class _Work:
    """Who is to be tried next. Those that take what they get go first, in turns, so that no other holds them up."""

    def __init__(self, lanes: Sequence[_Lane], failing: set[str]) -> None:
        self._well = deque(lane for lane in lanes if lane.recipient.digest not in failing)
        self._failing = deque(lane for lane in lanes if lane.recipient.digest in failing)

    def take(self) -> _Lane | None:
        """Return the next target, and None where all are done."""
        queue = self._well or self._failing
        return queue.popleft() if queue else None

    def put_back(self, lane: _Lane, *, is_taken: bool, most_failures: int | None) -> None:
        """Have a target tried again, unless it has failed as often as it may."""
        if is_taken:
            self._well.append(lane)
            return
        lane.failures += 1
        if most_failures is None or lane.failures < most_failures:
            self._failing.append(lane)


def send_alerts(engine: Engine, targets: Sequence[AlertTarget], digest_key: bytes, *, every: bool = False) -> Sent:
    """Send what is due to each target, the oldest first; with `every`, all that was not taken, even if given up.

    Each target stands for itself: what one does not take is tried there again, and neither holds up other targets nor
    other messages. That a message was taken is marked after it was, so one that is repeated, for a process that died
    between, has the same key. Only one process sends at a time (`is_busy`: another one does).
    """
    ends_at = None if every else time.monotonic() + WORK_SECONDS
    lanes = [_Lane(target, digest_key) for target in targets]
    with connecting(engine) as connection:
        with transaction(connection):
            if not take_sending(connection):
                return Sent(0, (), is_busy=True)
        try:
            with transaction(connection):
                claim_alerts(connection, 0 if every else PATIENCE_SECONDS)
                # A target that did not take a message may be none any more.
                settle_messages(connection, _list_digests(lanes))
            return _send_due(connection, lanes, ends_at=ends_at)
        finally:
            with transaction(connection):
                leave_sending(connection)


def _list_digests(lanes: Sequence[_Lane]) -> list[str]:
    return [lane.recipient.digest for lane in lanes]


def _send_due(connection: Connection, lanes: Sequence[_Lane], *, ends_at: float | None) -> Sent:
    sent, failures, every = 0, list[str](), ends_at is None
    with transaction(connection):
        work = _Work(lanes, read_failing(connection, _list_digests(lanes)))
    while ends_at is None or time.monotonic() < ends_at:
        lane = work.take()
        if lane is None:
            break
        with transaction(connection):
            due = read_due(connection, lane.recipient.digest, after=lane.after, every=every)
        if due is None:
            continue
        lane.after = due.first_id
        reason = _send(connection, due, lane, _list_digests(lanes))
        if reason:
            failures.append(f"{due.key}: {lane.recipient.label}: {reason}")
        else:
            sent += 1
        work.put_back(lane, is_taken=not reason, most_failures=None if every else MOST_FAILURES)
    return Sent(sent, failures)


def _send(connection: Connection, due: Due, lane: _Lane, digests: Sequence[str]) -> str:
    """Send a message to a target, write what became of it, and return why it was not taken."""
    reason = lane.target.send(build_message(due.key, due.session_id, due.alerts))
    with transaction(connection):
        mark_tried(connection, due.key, lane.recipient, reason)
        settle_messages(connection, digests, due.key)
    return reason


def send_test(targets: Sequence[AlertTarget], who: str) -> dict[str, str]:
    """Send each target a message that says that it is a test; return why one did not take it (empty: it did)."""
    body = f"Alerts of whalefall arrive here. This one was asked for by {who}; nothing happened.\nkey: test"
    message = Message("test", "whalefall: this is a test", body, is_urgent=False)
    return {target.label: target.send(message) for target in targets}
