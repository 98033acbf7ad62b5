"""Writes that an instance holds what its newest reading gave, and keeps by what a reading is known as the same."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.counts import InventoryCounts, PermissionCounts
from whalefall_pipeline.core.model import Observation, Seen
from whalefall_pipeline.core.rules import NOTHING_SET, Rules
from whalefall_pipeline.ledger.readings import forget_reading, is_as_written, mark_same_read, write_source
from whalefall_pipeline.ledger.sessions import complete_record
from whalefall_pipeline.ledger.target import check_order
from whalefall_pipeline.ledger.unseen import read_unseen
from whalefall_pipeline.sync.compare import ComparedPermissions
from whalefall_pipeline.sync.expect import digest_code, expect_same
from whalefall_pipeline.sync.plan import Plan
from whalefall_pipeline.sync.read import Collected
from whalefall_pipeline.sync.tell import Outcome

OBSERVED = Observation(Seen.OBSERVED)


class OtherLedgerError(Exception):
    """The ledger is not as it was when a reading was expected to give the same: the instance has to be read."""


def write_same(connection: Connection, plan: Plan, outcome: Outcome, collected: Collected, adapter: Adapter) -> Outcome:
    """Write that an instance was read and holds what it held, and complete its record, in the caller's transaction.

    Returns the outcome with what that says. Raises OtherLedgerError, for the transaction to be rolled back, where the
    ledger is not as expected any more.
    """
    target = collected.target
    before = check_order(connection, target, "inventory_read_at")  # what is expected has both of one moment
    expected = expect_same(connection, plan, target.instance, adapter, target.read_at)
    is_right = expected is not None and expected == collected.expected and before.future is None
    if not (expected and is_right and is_as_written(connection, target.instance.id)):
        raise OtherLedgerError
    kept = expected.kept
    unseen = read_unseen(connection, target.instance.id)
    mark_same_read(connection, target)
    missing = {scope: Observation(item.status, item.reason) for scope, item in unseen.items()}
    counts = PermissionCounts(kept.accounts, kept.grants, 0, without_account=kept.without_account)
    told = replace(
        outcome,
        inventory=InventoryCounts(kept.accounts, 0, 0, 0, 0),
        permissions=counts._replace(unseen=tuple(unseen.values())),
        coverage={**dict.fromkeys(kept.observed, OBSERVED), **missing},
        dangers=kept.dangers,
    )
    complete_record(connection, target, told.to_items())
    return told


def keep_source(
    connection: Connection, plan: Plan, collected: Collected, compared: ComparedPermissions, rules: Rules
) -> None:
    """Keep by what a reading that was just written is known, where it observed all that it has to; else forget."""
    reading, target = collected.reading, collected.target
    if not compared.whole or reading is None:
        forget_reading(connection, target.instance.id)
        return
    is_known = bool(reading.source) and plan.inventory
    source = digest_code(rules, target.instance.excluded) + reading.source if is_known else b""
    until = _find_until(compared, rules, target.read_at) if is_known else None
    without = compared.counts.without_account
    write_source(connection, target.instance.id, source, until=until, without_account=without)


def _find_until(compared: ComparedPermissions, rules: Rules, now: datetime) -> datetime | None:
    instance = NOTHING_SET if compared.attributes is None else compared.attributes
    moments = (rules.passes_at(state.account, now, instance) for state in compared.effective.values())
    return min((moment for moment in moments if moment is not None), default=None)
