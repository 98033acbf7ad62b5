"""What the Dagster UI is told: one line and one event per asset as each instance ends, the failures at the end."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventBatchMetadata,
    generate_event_batch_id,
)

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.access.danger_summary import DangerSummary
from whalefall_pipeline.core.model import Seen, Unseen
from whalefall_pipeline.core.text import make_visible
from whalefall_pipeline.defs.keys import KEYS, AssetKeys
from whalefall_pipeline.defs.storage import gathering
from whalefall_pipeline.ledger.unseen import Gap
from whalefall_pipeline.sync.instance import to_first_line
from whalefall_pipeline.sync.tell import Outcome

OBSERVED_CHECK = "every_scope_observed"
STEP = "sync_accounts"
"""The step that makes both assets."""


def log_outcome(
    context: dg.AssetExecutionContext, outcome: Outcome, selected: Collection[dg.AssetKey], keys: AssetKeys = KEYS
) -> None:
    """Log how an instance ended: materializations of what was written, an observation of what failed, one line.

    All text of a server is made visible: it reaches the UI, and terminals that show the log.
    """
    with gathering(context.instance):
        _log_outcome(context, outcome, selected, keys)


def _log_outcome(
    context: dg.AssetExecutionContext, outcome: Outcome, selected: Collection[dg.AssetKey], keys: AssetKeys
) -> None:
    name = outcome.instance.name
    written = build_written(outcome, keys)
    for key, metadata in written.items():
        if key in selected:
            context.log_event(dg.AssetMaterialization(key, partition=name, metadata=metadata))
    if outcome.error is None:
        context.log.info("%s: %s", make_visible(name), _format_counts(outcome))
        return
    message = make_visible(to_first_line(outcome.error))
    failed = {"error_code": outcome.error.code, "error_message": message}
    for key in selected - written.keys():
        context.log_event(dg.AssetObservation(key, partition=name, metadata=failed))
    context.log.error("%s: %s: %s", make_visible(name), outcome.error.code, message)


def log_planned(context: dg.AssetExecutionContext, names: Sequence[str], selected: Collection[dg.AssetKey]) -> None:
    """Log which partitions a run will make that lists its instances by itself.

    Dagster logs so of the partitions that it chose; what was planned and not made shows as failed, or as going on.
    """
    keys = sorted(selected) if names else []
    planned = [AssetMaterializationPlannedData(key, partition=name) for key in keys for name in names]
    batch = generate_event_batch_id()
    for number, data in enumerate(planned, 1):
        event = DagsterEvent.build_asset_materialization_planned_event(context.job_name, STEP, data)
        context.instance.report_dagster_event(
            event,
            context.run.run_id,
            logging.DEBUG,
            batch_metadata=DagsterEventBatchMetadata(batch, is_end=number == len(planned)),
        )


def log_carried_over(
    context: dg.AssetExecutionContext, carried_over: Mapping[str, str], selected: Collection[dg.AssetKey]
) -> None:
    """Log a materialization of each partition that an earlier run completed, with that run.

    Without one, Dagster shows it as failed when this run fails, since the run was to make it.
    """
    for name, run_id in carried_over.items():
        for key in selected:
            metadata = {"carried_over_from": dg.MetadataValue.dagster_run(run_id)}
            context.log_event(dg.AssetMaterialization(key, partition=name, metadata=metadata))
    if carried_over:
        context.log.info("%d instances were completed by earlier runs and are left out", len(carried_over))


def build_written(outcome: Outcome, keys: AssetKeys = KEYS) -> dict[dg.AssetKey, dict[str, Any]]:
    """Return the metadata of each asset that was written."""
    written: dict[dg.AssetKey, dict[str, Any]] = {}
    if outcome.inventory:
        written[keys.inventory] = {**outcome.inventory._asdict(), "server_version": make_visible(outcome.version)}
    if outcome.permissions:
        counts = outcome.permissions
        written[keys.permissions] = {
            "accounts": counts.accounts,
            "added": counts.added,
            "changed": counts.changed,
            "grants": counts.grants,
            "statements": outcome.statements,
            "not_observed": _join_scopes(counts.unseen, excluded=False) or "nothing",
            "excluded": _join_scopes(counts.unseen, excluded=True) or "nothing",
            "findings_opened": outcome.opened,
            "findings_closed": outcome.closed,
            **(_to_dangers(outcome.dangers) if outcome.dangers else {}),
        }
    return written


def _to_dangers(dangers: DangerSummary) -> dict[str, Any]:
    """Return the numbers that Dagster plots, and who it is, as far as the summary lists them."""
    rows = [
        dg.TableRecord(
            {
                "account": make_visible(risk.username),
                "superuser": "yes" if risk.is_superuser else "could become one",
                "how": make_visible(risk.how),
            }
        )
        for risk in dangers.listed
    ]
    numbers = {"superusers": dangers.superusers, "could_become_superuser": dangers.could_become}
    columns = [dg.TableColumn(name) for name in ("account", "superuser", "how")]
    return {**numbers, "who": dg.MetadataValue.table(rows, dg.TableSchema(columns))}


def _format_counts(outcome: Outcome) -> str:
    parts: list[str] = []
    if outcome.inventory:
        counts = outcome.inventory
        back = f", {counts.reactivated} back" if counts.reactivated else ""
        parts.append(f"{counts.active} accounts ({counts.created} new{back}, {counts.deleted} gone)")
    if outcome.permissions:
        parts.append(f"{outcome.permissions.grants} grants ({outcome.permissions.changed} accounts changed)")
        for what, excluded in (("not observed", False), ("excluded", True)):
            if scopes := _join_scopes(outcome.permissions.unseen, excluded=excluded):
                parts.append(f"{what}: {scopes}")
    return ", ".join(parts)


def _join_scopes(unseen: Sequence[Unseen], *, excluded: bool) -> str:
    return ", ".join(make_visible(item.scope) for item in unseen if (item.status is Seen.EXCLUDED) is excluded)


def build_check(outcomes: Sequence[Outcome], gaps: Sequence[Gap], keys: AssetKeys = KEYS) -> dg.AssetCheckResult:
    """Check that every scope of every active instance was observed; the metadata names those that were not.

    `gaps` are the fleet's, by the ledger: a run of one instance turns nothing green that others have.
    """
    unseen: dict[str, dict[str, str]] = {}
    for gap in gaps:
        if gap.scope not in _find_optional(gap.db_type):
            unseen.setdefault(make_visible(gap.instance), {})[make_visible(gap.scope)] = make_visible(gap.reason)
    of_run = {make_visible(outcome.instance.name): _list_unseen(outcome) for outcome in outcomes}
    unseen |= {name: scopes for name, scopes in of_run.items() if scopes}
    return dg.AssetCheckResult(
        passed=not unseen,
        check_name=OBSERVED_CHECK,
        asset_key=keys.permissions,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"instances": len(outcomes), "not_observed": dg.MetadataValue.json(unseen)},
    )


def _list_unseen(outcome: Outcome) -> dict[str, str]:
    if outcome.permissions is None:
        return {"everything": make_visible(to_first_line(outcome.error)) if outcome.error else "not read"}
    optional = _find_optional(outcome.instance.db_type)
    missed = [item for item in outcome.permissions.unseen if item.status is not Seen.EXCLUDED]
    unseen = [item for item in missed if item.scope not in optional]
    return {make_visible(item.scope): make_visible(f"{item.status}: {item.reason}") for item in unseen}


def _find_optional(db_type: str) -> Collection[str]:
    """Return the scopes that a careful collector need not see."""
    adapter = ADAPTERS.get(db_type)
    return adapter.rules.optional_scopes if adapter else ()


def build_failure(failed: Mapping[str, tuple[str, str]], total: int) -> dg.Failure:
    """Build the run's failure: instance to error code and message."""
    names = ", ".join(map(make_visible, sorted(failed)[:10])) + (", …" if len(failed) > 10 else "")
    rows = [
        dg.TableRecord({"instance": make_visible(name), "error_code": code, "error_message": make_visible(message)})
        for name, (code, message) in sorted(failed.items())
    ]
    codes = ", ".join(sorted({code for code, _ in failed.values()}))
    return dg.Failure(
        f"{len(failed)} of {total} instances failed: {names}",
        metadata={"error_code": codes, "failed": dg.MetadataValue.table(rows)},
        allow_retries=False,
    )
