"""Syncs one instance: locks it, reads it whole, compares, writes what changed, and says how it ended."""

from dataclasses import replace

from sqlalchemy import Connection

from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.counts import count_inventory
from whalefall_pipeline.core.errors import InvalidInstanceError, SyncCancelledError, WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import connecting, find_cancel, transaction
from whalefall_pipeline.ledger.instances import read_login
from whalefall_pipeline.ledger.sessions import complete_record, fail_record, note_progress, start_record
from whalefall_pipeline.ledger.target import read_clock
from whalefall_pipeline.sync.alerting import write_change_alerts, write_failure_alert
from whalefall_pipeline.sync.compare import compare_accounts, compare_permissions
from whalefall_pipeline.sync.expect import expect_same
from whalefall_pipeline.sync.follow import Following
from whalefall_pipeline.sync.lock import holding
from whalefall_pipeline.sync.opening import to_first_line
from whalefall_pipeline.sync.plan import Collector, Plan
from whalefall_pipeline.sync.read import Attempts, Collected
from whalefall_pipeline.sync.same import OtherLedgerError, keep_source, write_same
from whalefall_pipeline.sync.tell import Outcome
from whalefall_pipeline.sync.write import write_accounts, write_permissions


def sync_instance(plan: Plan, instance: Instance) -> Outcome:
    """Sync one instance and write its record; whatever goes wrong is in the outcome."""
    outcome = Outcome(instance)
    try:
        with connecting(plan.engine) as connection, plan.cancellation.ending(find_cancel(connection)):
            _sync(plan, connection, outcome)
    except WhalefallError as error:
        outcome.error = error
    except Exception as error:  # noqa: BLE001 - one instance's failure, whatever it is, must not end the others
        outcome.error = WhalefallError(f"{type(error).__name__}: {to_first_line(error)}")
    if outcome.error and plan.cancellation.is_cancelled:
        outcome.error = SyncCancelledError("the session was cancelled")
    if outcome.error and not isinstance(outcome.error, SyncCancelledError):
        write_failure(plan, outcome, outcome.error)
    return outcome


def _sync(plan: Plan, connection: Connection, outcome: Outcome) -> None:
    instance, cancellation = outcome.instance, plan.cancellation
    wait = plan.lock_wait_seconds
    with holding(connection, plan.session_id, instance, wait_seconds=wait, cancellation=cancellation):
        with transaction(connection):
            start_record(connection, plan.session_id, instance)
        collector = _find_collector(plan, instance)
        with transaction(connection):
            login = read_login(connection, instance, plan.store)
            begun_at = read_clock(connection)
            expected = expect_same(connection, plan, instance, collector.adapter, begun_at)
        with cancellation.deadline(plan.instance_seconds) as deadline:
            attempts = Attempts(plan, outcome, collector, login, deadline, begun_at, expected)
            collected = attempts.read(connection)
            if collected.is_same:
                if _write_same(plan, connection, outcome, collected, collector.adapter):
                    return
                collected = replace(attempts, expected=None).read(connection)
        if plan.inventory:
            _write_accounts(plan, connection, outcome, collected)
        if collected.lost:
            raise collected.lost
        _write_permissions(plan, connection, outcome, collected, collector.adapter)


def _write_same(plan: Plan, connection: Connection, outcome: Outcome, collected: Collected, adapter: Adapter) -> bool:
    """Write that the instance holds what it held; False: it has to be read, since the ledger is another by now."""
    try:
        with transaction(connection):
            told = write_same(connection, plan, outcome, collected, adapter)
    except OtherLedgerError:
        return False
    outcome.inventory, outcome.permissions = told.inventory, told.permissions
    outcome.coverage, outcome.dangers = told.coverage, told.dangers
    return True


def _find_collector(plan: Plan, instance: Instance) -> Collector:
    collector = plan.collectors.get(instance.db_type)
    if collector is None:
        known = ", ".join(sorted(plan.collectors))
        raise InvalidInstanceError(f"{instance.name} has the unknown db_type {instance.db_type!r}; known are {known}")
    return replace(collector, limits=replace(collector.limits, digest_key=plan.store.digest_key))


def _write_accounts(plan: Plan, connection: Connection, outcome: Outcome, collected: Collected) -> None:
    """Write the accounts, and what the record says of them; it is completed where no permissions follow."""
    with transaction(connection):
        compared = compare_accounts(connection, collected, accept_collapse=plan.accept_collapse)
        changes = write_accounts(connection, collected, compared)
        counts = count_inventory(collected.accounts, compared.change)
        write_record = note_progress if plan.permissions else complete_record
        write_record(connection, collected.target, replace(outcome, inventory=counts, changes=changes).to_items())
        if plan.alerting and compared.before.read_at is not None:  # the first list is no news
            write_change_alerts(connection, collected.target, changes, plan.alerting)
    outcome.inventory, outcome.changes = counts, changes


def _write_permissions(
    plan: Plan, connection: Connection, outcome: Outcome, collected: Collected, adapter: Adapter
) -> None:
    """Write the grants, what follows from them, and the record in one transaction: the data and the word of it."""
    if collected.reading is None:
        return
    outcome.coverage = collected.reading.coverage
    with transaction(connection):
        compared = compare_permissions(connection, collected, collected.reading, adapter.rules)
        following = Following.read(connection, collected, collected.reading, compared, (adapter, plan.rulebook))
        written, dangers = write_permissions(connection, collected, compared, following.find)
        keep_source(connection, plan, collected, compared, adapter.rules)
        changes = outcome.changes.join(written)
        told = replace(outcome, permissions=compared.counts, changes=changes)
        complete_record(connection, collected.target, told.to_items())
        if plan.alerting and compared.before.read_at is not None:
            write_change_alerts(connection, collected.target, written, plan.alerting, adapter.rules)
    outcome.permissions, outcome.changes, outcome.dangers = compared.counts, changes, dangers
    outcome.opened, outcome.closed = len(changes.findings.opened), len(changes.findings.closed)


def write_failure(plan: Plan, outcome: Outcome, error: WhalefallError) -> None:
    """Write the failed record; where the ledger itself is lost, the reconciliation writes it later."""
    message = to_first_line(error)
    try:
        with connecting(plan.engine) as connection, transaction(connection):
            items = outcome.to_items()
            fail_record(connection, plan.session_id, outcome.instance, code=error.code, message=message, items=items)
            if plan.alerting:
                write_failure_alert(connection, plan.session_id, outcome.instance, error)
    except WhalefallError as lost:
        error.add_note(f"the record could not be written: {to_first_line(lost)}")
