"""Opens the session that a run stands for: which instances, of which type, started by whom."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import dagster as dg
from dagster import DagsterInstance, DagsterRun
from sqlalchemy import Connection, Engine

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.core.ranges import find_chosen, find_listed, find_missing_ends, find_wrong_list
from whalefall_pipeline.core.runs import BACKFILL_TAG, PARTITIONS_NAME
from whalefall_pipeline.core.sessions import find_wrong_tag, to_batch_id, to_created_by, to_sync_type
from whalefall_pipeline.defs.events import build_failure
from whalefall_pipeline.defs.lineage import find_ancestors, read_own_tags
from whalefall_pipeline.ledger.alerts import write_failures
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.schema import check_ledger
from whalefall_pipeline.ledger.sessions import (
    Items,
    SessionStart,
    close_session,
    fail_record,
    open_session,
    read_completed,
)
from whalefall_pipeline.settings import get_settings
from whalefall_pipeline.sync.plan import to_alerting

Refused = Mapping[str, tuple[str, str]]
NO_PARTITION = "the run names no partition, so there is nothing to sync"


class OpenRun(NamedTuple):
    """What a run will sync, and what it will not.

    `carried_over` holds what a re-executed run leaves out, each with the run that completed it; `refused` what can't be
    synced, each with error code and reason. `listed` are the instances of a run that names them by itself: Dagster does
    not know which partitions it is to make.
    """

    instances: Sequence[Instance]
    carried_over: Mapping[str, str]
    refused: Refused
    listed: Sequence[str] = ()


def open_run(context: dg.AssetExecutionContext, engine: Engine) -> OpenRun:
    """Write the run's session with its pending records, and return its instances.

    A re-executed run leaves out what the runs before it completed, unless that is everything. Raises Failure, and
    closes the session as failed, when nothing could be synced; LedgerError when the ledger can't be used.
    """
    check_ledger(engine)
    instance, run = context.instance, context.run
    partitions = instance.get_dynamic_partitions(PARTITIONS_NAME)
    keys = find_chosen(partitions, run.tags)
    with connecting(engine) as connection, transaction(connection):
        known = {item.name: item for item in read_instances(connection, keys)}
        refused = _refuse_tags(keys, run) or _refuse_range(partitions, run) or _refuse(keys, known)
        chosen = [] if find_missing_ends(partitions, run.tags) else [known[key] for key in keys if key not in refused]
        done = read_completed(connection, find_ancestors(instance, run))
        opened = _leave_out(chosen, done, refused)
        if find_listed(run.tags):
            opened = opened._replace(listed=[item.name for item in opened.instances])
        removed = [known[key] for key in refused if key in known]
        _write_session(connection, instance, run, opened, removed)
    if not opened.instances:
        raise build_failure(refused, len(refused)) if refused else dg.Failure(_find_nothing(run), allow_retries=False)
    return opened


def _find_nothing(run: DagsterRun) -> str:
    """Return why a run that names no instance names none."""
    return find_wrong_list(run.tags) or NO_PARTITION


def describe_start(
    instance: DagsterInstance, run: DagsterRun, chosen: int, active: int, message: str | None = None
) -> SessionStart:
    """Return how and by whom a run over so many of the active instances was started."""
    tags = read_own_tags(instance, run)
    backfill = instance.get_backfill(tags[BACKFILL_TAG]) if BACKFILL_TAG in tags else None
    if backfill and backfill.asset_backfill_data:
        chosen = backfill.asset_backfill_data.get_num_partitions() or chosen
    sync_type = to_sync_type(tags, chosen, active)
    return SessionStart(run.run_id, sync_type, to_batch_id(tags), to_created_by(tags), message)


def _refuse_tags(keys: Sequence[str], run: DagsterRun) -> Refused:
    reason = find_wrong_tag(run.tags)
    return dict.fromkeys(keys, (InvalidInstanceError.code, reason)) if reason else {}


def _refuse_range(partitions: Sequence[str], run: DagsterRun) -> Refused:
    reason = "{} is no partition, so nothing tells which instances lie between the ends of the range"
    code = InvalidInstanceError.code
    return {end: (code, reason.format(end)) for end in find_missing_ends(partitions, run.tags)}


def _refuse(keys: Sequence[str], known: Mapping[str, Instance]) -> Refused:
    code = InvalidInstanceError.code
    removed = {key: (code, f"{key} was removed") for key in keys if key in known and not known[key].is_active}
    return removed | {key: (code, f"no instance is named {key}") for key in keys if key not in known}


def _leave_out(chosen: Sequence[Instance], done: Mapping[str, str], refused: Refused) -> OpenRun:
    instances = [item for item in chosen if item.name not in done] or chosen
    left_out = {item.name for item in chosen} - {item.name for item in instances}
    return OpenRun(instances, {name: done[name] for name in left_out}, refused)


def _write_session(
    connection: Connection, instance: DagsterInstance, run: DagsterRun, opened: OpenRun, removed: Sequence[Instance]
) -> None:
    """Write the session with its records; those of removed instances are failed already.

    What has no record, because the ledger never heard of it, is said in the session's message, which fails it.
    """
    recorded = {item.name for item in removed}
    unknown = "; ".join(reason for name, (_, reason) in opened.refused.items() if name not in recorded)
    active = len(read_instances(connection))
    chosen = len(opened.instances) + len(opened.refused)
    start = describe_start(instance, run, chosen, active, unknown or None)
    open_session(connection, start, [*opened.instances, *removed])
    for item in removed:
        code, reason = opened.refused[item.name]
        fail_record(connection, run.run_id, item, code=code, message=reason, items=Items())
    if to_alerting(get_settings()):
        write_failures(connection, run.run_id)
    if not opened.instances:
        message = None if recorded else _find_nothing(run)
        close_session(connection, run.run_id, "failed", message=unknown or message)
