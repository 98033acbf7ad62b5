"""What of a sync people are called for, written into the outbox in the sync's own transaction."""

from collections.abc import Sequence

from sqlalchemy import Connection

from whalefall_pipeline.core.alerts import AlertKind, build_alerts, build_finding_alerts, choose_severe
from whalefall_pipeline.core.changes import AccountChange, Changes
from whalefall_pipeline.core.errors import CollapseRefusedError, WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.ledger.alerts import read_waived, write_alerts, write_failures
from whalefall_pipeline.ledger.target import Target
from whalefall_pipeline.sync.plan import Alerting

INVENTORY = "inventory"
"""What the keys of alerts of accounts end with: the permissions of the same session have alerts of their own."""


def find_recreated(changes: Sequence[AccountChange], rules: Rules) -> list[str]:
    """Return the accounts that were there in both readings, and are others by what the server gives a new one."""
    return [
        change.username
        for change in changes
        if change.change_type.startswith("modify")
        and any(
            item.field in rules.birth_attributes and item.before is not None and item.after is not None
            for item in change.difference.other
        )
    ]


def write_change_alerts(
    connection: Connection, target: Target, changes: Changes, alerting: Alerting, rules: Rules | None = None
) -> None:
    """Write the alerts of what a sync changed, in its transaction; `rules` tell accounts that are others now.

    Without `rules` it is the inventory's part of the sync. A finding that opens while it is waived is none, nor is one
    that opens because rules are asked for the first time, or are other rules.
    """
    name = target.instance.name
    alerts = build_alerts(name, changes, recreated=find_recreated(changes.accounts, rules) if rules else ())
    opened = choose_severe(changes.findings.news, alerting.severity)
    if opened:
        waived = read_waived(connection, target)
        alerts += build_finding_alerts(name, [item for item in opened if item.key not in waived])
    phase = "" if rules else INVENTORY
    write_alerts(connection, target.session_id, target.instance, alerts, phase=phase)


def write_failure_alert(connection: Connection, session_id: str, instance: Instance, error: WhalefallError) -> None:
    """Write the alert of an instance that failed, in the transaction of its record."""
    refused = isinstance(error, CollapseRefusedError)
    write_failures(
        connection, session_id, instance, AlertKind.COLLAPSE_REFUSED if refused else AlertKind.INSTANCE_FAILED
    )
