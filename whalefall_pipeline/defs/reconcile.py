"""Brings sessions to the end that their runs had: what crashed, was killed, or ended while the ledger was away.

Idempotent: a session that ended is never touched again, and seeing a run twice changes nothing.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterInstance, RunRecord, RunsFilter
from sqlalchemy import Connection, Engine

from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.ranges import find_chosen
from whalefall_pipeline.core.runs import FINISHED, PARTITIONS_NAME, SYNC_JOB
from whalefall_pipeline.core.sessions import SessionStatus, to_session_status
from whalefall_pipeline.defs.keys import KEYS, AssetKeys
from whalefall_pipeline.defs.opening import describe_start
from whalefall_pipeline.ledger.alerts import write_failures
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.sessions import (
    close_session,
    open_session,
    read_open_sessions,
    read_unmirrored,
)
from whalefall_pipeline.settings import get_settings
from whalefall_pipeline.sync.plan import to_alerting

OVERLAP = timedelta(minutes=1)
"""Looked back beyond the last run seen: `updated_after` is strict, and clocks differ."""
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
BATCH = 100
ABANDONED = timedelta(minutes=10)
"""After which a run that nobody started never will be: a launch that failed halfway leaves such a run."""
SILENT_BEATS = 2
CANCELLED_EARLY = "the run was cancelled before it began"
ENDED_EARLY = "the run ended before it could write its session; its page in Dagster says why"
ENDED = [dg.DagsterRunStatus(status) for status in FINISHED]


@dataclass
class Cursor:
    """How far runs were looked at (UTC), and since when sessions were seen silent (seconds since the epoch)."""

    seen_until: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(days=1))
    silent: dict[str, float] = field(default_factory=dict[str, float])

    @classmethod
    def parse(cls, text: str | None) -> "Cursor":
        """Read a sensor's cursor; none, or one that somebody set to anything else, gives one that looks a day back."""
        try:
            fields = json.loads(text or "")
            seen_until = to_utc(datetime.fromisoformat(fields["seen_until"]))
            silent = {str(session_id): float(since) for session_id, since in fields["silent"].items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()
        return cls(min(max(seen_until, EARLIEST), datetime.now(UTC)), silent)

    def dump(self) -> str:
        """Return it as a sensor's cursor."""
        return json.dumps({"seen_until": self.seen_until.isoformat(), "silent": self.silent})


def reconcile(
    instance: DagsterInstance, engine: Engine, cursor: Cursor, heartbeat_seconds: float, keys: AssetKeys = KEYS
) -> list[str]:
    """End open sessions whose runs ended or died, mirror runs that have no session; say each in a line.

    A silent session is failed only after it was seen silent for a while: when the ledger was away, its worker lives
    and needs a moment to beat again.
    """
    with connecting(engine) as connection:
        said = _end_open_sessions(instance, connection, cursor, heartbeat_seconds)
        _end_abandoned(instance, keys)
        return said + _mirror_runs(instance, connection, cursor, keys)


def _end_open_sessions(
    instance: DagsterInstance, connection: Connection, cursor: Cursor, heartbeat_seconds: float
) -> list[str]:
    with transaction(connection):
        sessions = read_open_sessions(connection, SILENT_BEATS * heartbeat_seconds)
    silent = {name: cursor.silent.get(name, time.time()) for name, is_silent in sessions.items() if is_silent}
    cursor.silent = silent
    patience = SILENT_BEATS * heartbeat_seconds
    dead = {name for name, since in silent.items() if time.time() - since >= patience}
    said = [_end_session(instance, connection, session_id, session_id in dead) for session_id in sessions]
    return [line for line in said if line]


def _end_session(instance: DagsterInstance, connection: Connection, session_id: str, is_dead: bool) -> str | None:
    run = instance.get_run_by_id(session_id)
    status: SessionStatus = to_session_status(run.status.value, 0) if run else "failed"
    message = "the run's process ended before its instances were done" if run else "Dagster does not know the run"
    if run and status == "running" and is_dead:
        message = "the run's process gives no sign of life"
        instance.report_run_failed(run, f"{message}; the session was closed by reconciliation")
        status = "failed"
    if status == "running":
        return None
    if status == "cancelled":
        message = "the run was cancelled"
    with transaction(connection):
        ended = close_session(connection, session_id, status, code=WhalefallError.code, message=message)
        _log_failures(connection, session_id)
    return f"session {session_id} ended as {ended}: {message}" if ended else None


def _end_abandoned(instance: DagsterInstance, keys: AssetKeys) -> None:
    filters = RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED], created_before=datetime.now(UTC) - ABANDONED)
    for record in instance.get_run_records(filters):
        if syncs_accounts(record.dagster_run, keys):
            instance.report_run_failed(record.dagster_run, "the run was made but never started: its launch failed")


def _mirror_runs(instance: DagsterInstance, connection: Connection, cursor: Cursor, keys: AssetKeys) -> list[str]:
    """Write the sessions of finished runs that have none: their ledger was away, or they never began."""
    said: list[str] = []
    after = cursor.seen_until - OVERLAP
    while records := _read_finished(instance, after):
        ours = {record.dagster_run.run_id: record for record in records if syncs_accounts(record.dagster_run, keys)}
        with transaction(connection):
            missing = read_unmirrored(connection, ours.keys())
            for run_id in sorted(missing):
                _mirror_run(instance, connection, ours[run_id])
        said += [f"session {run_id} was written from Dagster's records" for run_id in sorted(missing)]
        after = to_utc(records[-1].update_timestamp)
        cursor.seen_until = max(cursor.seen_until, after)
    return said


def _read_finished(instance: DagsterInstance, after: datetime) -> Sequence[RunRecord]:
    filters = RunsFilter(statuses=ENDED, updated_after=after)
    return instance.get_run_records(filters, limit=BATCH, order_by="update_timestamp", ascending=True)


def to_utc(moment: datetime) -> datetime:
    """Return a moment of Dagster's storage with its time zone, which it may leave out."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def syncs_accounts(run: dg.DagsterRun, keys: AssetKeys = KEYS) -> bool:
    """Return whether a run is one of ours: of the job, or of our assets however they were selected."""
    return bool((run.asset_selection or set()) & set(keys)) or run.job_name == SYNC_JOB


def _mirror_run(instance: DagsterInstance, connection: Connection, record: RunRecord) -> None:
    run = record.dagster_run
    names = set(find_chosen(instance.get_dynamic_partitions(PARTITIONS_NAME), run.tags))
    active = read_instances(connection)
    chosen = [item for item in active if item.name in names]
    start = describe_start(instance, run, len(names), len(active))
    began, ended = _read_span(record)
    open_session(connection, replace(start, started_at=began), chosen)
    status = "cancelled" if run.status is dg.DagsterRunStatus.CANCELED else "failed"
    message = CANCELLED_EARLY if status == "cancelled" else ENDED_EARLY
    close_session(connection, run.run_id, status, code=WhalefallError.code, message=message, ended_at=ended)
    _log_failures(connection, run.run_id)


def _log_failures(connection: Connection, session_id: str) -> None:
    if to_alerting(get_settings()):
        write_failures(connection, session_id)


def _read_span(record: RunRecord) -> tuple[datetime, datetime]:
    """Return when a run began, or was asked for where it never did, and when it ended."""
    began = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else to_utc(record.create_timestamp)
    ended = datetime.fromtimestamp(record.end_time, UTC) if record.end_time else to_utc(record.update_timestamp)
    return began, ended
