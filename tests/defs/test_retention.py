"""What a clean-up deletes and what it keeps, in the ledger and in Dagster's own storage."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from tests.ledger.rows import read
from whalefall_pipeline.definitions import defs
from whalefall_pipeline.defs.jobs import build_sync_job
from whalefall_pipeline.defs.keys import KEYS
from whalefall_pipeline.defs.partitions import INSTANCES, PARTITIONS_NAME
from whalefall_pipeline.defs.retention import CLEAN_UP_JOB, delete_runs
from whalefall_pipeline.settings import get_settings

OLD_SESSION = """
insert into sync_sessions (session_id, sync_type, status, started_at, completed_at)
values ('old', 'manual_batch', 'completed', now() - interval '402 days', now() - interval '401 days')
"""


@dg.multi_asset(
    name="sync_accounts",
    specs=[dg.AssetSpec(key, skippable=True) for key in KEYS],
    partitions_def=INSTANCES,
)
def _stand_in(context: dg.AssetExecutionContext) -> Generator[Any]:
    if context.run.tags.get("fails"):
        raise dg.Failure("as the test wants it", allow_retries=False)
    yield from (dg.MaterializeResult(key) for key in KEYS)


@pytest.fixture
def dagster_instance() -> Generator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(PARTITIONS_NAME, ["one", "two"])
        yield instance


def _run(instance: dg.DagsterInstance, key: str, **tags: str) -> str:
    sync_job = build_sync_job()
    job = dg.Definitions(assets=[_stand_in], jobs=[sync_job]).resolve_job_def(sync_job.name)
    return job.execute_in_process(instance=instance, partition_key=key, tags=tags, raise_on_error=False).run_id


def _kept(instance: dg.DagsterInstance, runs: Sequence[str]) -> list[bool]:
    return [instance.has_run(run_id) and bool(instance.all_logs(run_id)) for run_id in runs]


def test_runs_that_are_old_go_and_those_that_partitions_show_stay(dagster_instance: dg.DagsterInstance) -> None:
    replaced, newest = _run(dagster_instance, "one"), _run(dagster_instance, "one")
    succeeded, failed_once, failed = (
        _run(dagster_instance, "two", **tags) for tags in ({}, {"fails": "yes"}, {"fails": "yes"})
    )
    runs = [replaced, newest, succeeded, failed_once, failed]
    assert delete_runs(dagster_instance, datetime.now(UTC) - timedelta(days=1)) == 0
    assert delete_runs(dagster_instance, datetime.now(UTC) + timedelta(days=1)) == 2
    assert _kept(dagster_instance, runs) == [False, True, True, False, True]
    dagster_instance.delete_dynamic_partition(PARTITIONS_NAME, "two")
    assert delete_runs(dagster_instance, datetime.now(UTC) + timedelta(days=1)) == 2
    assert _kept(dagster_instance, runs) == [False, True, False, False, False]


def test_runs_of_other_code_locations_are_not_ours_to_delete(dagster_instance: dg.DagsterInstance) -> None:
    @dg.op
    def theirs() -> None: ...

    @dg.job
    def their_job() -> None:
        theirs()

    run_id = their_job.execute_in_process(instance=dagster_instance).run_id
    assert delete_runs(dagster_instance, datetime.now(UTC) + timedelta(days=1)) == 0
    assert dagster_instance.has_run(run_id)


def test_the_job_deletes_both(
    ledger: Engine, ledger_url: str, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.begin() as connection:
        connection.execute(text(OLD_SESSION))
    monkeypatch.setenv("WHALEFALL_DATABASE_URL", ledger_url)
    get_settings.cache_clear()
    try:
        done = defs.resolve_job_def(CLEAN_UP_JOB).execute_in_process(instance=dagster_instance)
    finally:
        get_settings.cache_clear()
    assert done.success
    assert read(ledger, "select from sync_sessions") == []
