"""Syncs one instance: lock it, read it whole, write what changed, and say how it ended."""

from dataclasses import replace

from sqlalchemy import Connection

from whalefall_pipeline.core.errors import InvalidInstanceError, SyncCancelledError, WhalefallError
from whalefall_pipeline.core.model import Instance, Reading
from whalefall_pipeline.ledger.database import connecting, find_cancel, transaction
from whalefall_pipeline.ledger.instances import read_login
from whalefall_pipeline.ledger.inventory import write_inventory
from whalefall_pipeline.ledger.permissions import write_permissions
from whalefall_pipeline.ledger.sessions import complete_record, fail_record, note_progress, start_record
from whalefall_pipeline.sync.lock import holding
from whalefall_pipeline.sync.plan import Collector, Outcome, Plan
from whalefall_pipeline.sync.reading import Read, Source


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
        _write_failure(plan, outcome, outcome.error)
    return outcome


def to_first_line(error: BaseException) -> str:
    """Give the first line of an error's text, for one-line messages."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _sync(plan: Plan, connection: Connection, outcome: Outcome) -> None:
    instance, cancellation = outcome.instance, plan.cancellation
    wait = plan.lock_wait_seconds
    with holding(connection, plan.session_id, instance, wait_seconds=wait, cancellation=cancellation):
        with transaction(connection):
            start_record(connection, plan.session_id, instance)
        collector = _find_collector(plan, instance)
        with transaction(connection):
            login = read_login(connection, instance, plan.store)
        with cancellation.deadline(plan.instance_seconds) as deadline:
            read = Source(plan, outcome, collector, login, deadline).read(connection)
        _write_inventory(plan, connection, outcome, read)
        if read.lost:
            raise read.lost
        if read.reading:
            _write_permissions(connection, outcome, read, read.reading, collector)


def _find_collector(plan: Plan, instance: Instance) -> Collector:
    collector = plan.collectors.get(instance.db_type)
    if collector is None:
        known = ", ".join(sorted(plan.collectors))
        raise InvalidInstanceError(f"{instance.name} has the unknown db_type {instance.db_type!r}; known are {known}")
    return collector


def _write_inventory(plan: Plan, connection: Connection, outcome: Outcome, read: Read) -> None:
    """Write the accounts, and what the record says of them; it is completed where no permissions follow."""
    if not plan.inventory:
        return
    with transaction(connection):
        counts = write_inventory(
            connection,
            read.target,
            read.accounts,
            version=outcome.version,
            may_hide=read.may_hide,
            accept_collapse=plan.accept_collapse,
        )
        write_record = note_progress if plan.permissions else complete_record
        write_record(connection, read.target, replace(outcome, inventory=counts).to_items())
    outcome.inventory = counts


def _write_permissions(
    connection: Connection, outcome: Outcome, read: Read, reading: Reading, collector: Collector
) -> None:
    """Write the grants and the record in one transaction: the data and the word that they are there."""
    outcome.coverage = reading.coverage
    rules = collector.adapter.rules
    with transaction(connection):
        counts = write_permissions(
            connection,
            read.target,
            read.accounts,
            reading,
            rules,
            version=outcome.version,
            may_hide=read.may_hide,
        )
        complete_record(connection, read.target, replace(outcome, permissions=counts).to_items())
    outcome.permissions = counts


def _write_failure(plan: Plan, outcome: Outcome, error: WhalefallError) -> None:
    """Write the failed record; where the ledger itself is lost, the reconciliation writes it later."""
    message = to_first_line(error)
    try:
        with connecting(plan.engine) as connection, transaction(connection):
            items = outcome.to_items()
            fail_record(connection, plan.session_id, outcome.instance, code=error.code, message=message, items=items)
    except WhalefallError as lost:
        error.add_note(f"the record could not be written: {to_first_line(lost)}")
