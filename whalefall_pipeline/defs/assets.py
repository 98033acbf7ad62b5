"""The two assets of every instance, made in one step: its account inventory and its permission snapshots.

One step, and a generator, because nothing else tells the truth: a range run that returns normally marks every
partition as materialized, and a separate downstream step is skipped for all partitions when one fails upstream.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.sessions import accepts_collapse
from whalefall_pipeline.defs.events import (
    OBSERVED_CHECK,
    STEP,
    build_check,
    build_failure,
    log_carried_over,
    log_outcome,
    log_planned,
)
from whalefall_pipeline.defs.findings import build_check_specs, build_finding_checks, read_rulebook
from whalefall_pipeline.defs.keys import AssetKeys
from whalefall_pipeline.defs.opening import open_run
from whalefall_pipeline.defs.partitions import INSTANCES
from whalefall_pipeline.defs.resources import LEDGER, NO_CONFIG, to_key
from whalefall_pipeline.defs.specs import Look, build_specs
from whalefall_pipeline.settings import get_settings
from whalefall_pipeline.sync.instance import to_first_line
from whalefall_pipeline.sync.plan import Plan, choose_processes, to_alerting
from whalefall_pipeline.sync.session import run_session


def build_assets(keys: AssetKeys, look: Look) -> dg.AssetsDefinition:
    """Return the assets with their checks."""

    @dg.multi_asset(
        name=STEP,
        specs=build_specs(keys, look),
        check_specs=[
            dg.AssetCheckSpec(
                OBSERVED_CHECK,
                asset=keys.permissions,
                description="The newest sync of each active instance could read every scope, be it in this run or not.",
            ),
            *build_check_specs(keys),
        ],
        partitions_def=INSTANCES,
        backfill_policy=dg.BackfillPolicy.multi_run(get_settings().partitions_per_run),
        can_subset=True,
        config_schema=NO_CONFIG,
        required_resource_keys={*map(to_key, ADAPTERS), LEDGER},
    )
    def sync_accounts(context: dg.AssetExecutionContext) -> Generator[Any, Any, None]:
        yield from _sync(context, keys)

    return sync_accounts


def _sync(context: dg.AssetExecutionContext, keys: AssetKeys) -> Generator[Any, Any, None]:
    """Sync the run's instances, log each one's events as it ends, and fail at the end if any failed."""
    settings, selected = get_settings(), context.selected_asset_keys
    ledger, rulebook = getattr(context.resources, LEDGER), read_rulebook(settings)
    run = open_run(context, ledger.get_engine())
    log_planned(context, run.listed, selected)
    log_carried_over(context, run.carried_over, selected)
    plan = Plan(
        session_id=context.run.run_id,
        engine=ledger.get_engine(),
        collectors={db_type: getattr(context.resources, to_key(db_type)).to_collector() for db_type in ADAPTERS},
        store=ledger.get_store(),
        inventory=keys.inventory in selected,
        permissions=keys.permissions in selected,
        accept_collapse=accepts_collapse(context.run.tags),
        parallelism=settings.parallelism,
        processes=choose_processes(settings),
        attempts=settings.attempts,
        backoff_seconds=settings.backoff_seconds,
        instance_seconds=settings.instance_seconds,
        lock_wait_seconds=settings.lock_wait_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        rulebook=rulebook,
        alerting=to_alerting(settings),
    )
    with _cancelling(context):
        outcomes = run_session(plan, run.instances, lambda outcome: log_outcome(context, outcome, selected, keys))
    if keys.permissions in selected:
        yield build_check(outcomes, ledger.read_gaps(), keys)
        yield from build_finding_checks(ledger.read_health(), keys)
    failed = {
        outcome.instance.name: (outcome.error.code, to_first_line(outcome.error))
        for outcome in outcomes
        if outcome.error
    }
    failed.update(run.refused)
    if failed:
        raise build_failure(failed, len(outcomes) + len(run.refused))


@contextmanager
def _cancelling(context: dg.AssetExecutionContext) -> Generator[None]:
    """Have Dagster end a run that a signal interrupts as cancelled, as its session is; else it calls it failed."""
    try:
        yield
    except dg.DagsterExecutionInterruptedError:
        run = context.instance.get_run_by_id(context.run.run_id)
        if run and run.status is dg.DagsterRunStatus.STARTED:
            context.instance.report_run_canceling(run, "the run was interrupted")
        raise
