"""What is told of how one instance ended: to its record, and, with what changed, to whoever is called at its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from whalefall_pipeline.core.access.danger_summary import DangerSummary
from whalefall_pipeline.core.changes import Changes
from whalefall_pipeline.core.counts import InventoryCounts, PermissionCounts
from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.model import Instance, Json, Observation, Security
from whalefall_pipeline.ledger.sessions import Items

DETAILS_VERSION = 1


@dataclass
class Outcome:
    """How one instance ended: what was written of it, what changed, and the error, if any.

    `changes` are there when a session tells of the outcome, and given up after that: they may be large. Where another
    process worked on the instance they stay there; the numbers of `opened` and `closed` findings come from it.
    """

    instance: Instance
    inventory: InventoryCounts | None = None
    permissions: PermissionCounts | None = None
    coverage: Mapping[str, Observation] = field(default_factory=dict[str, Observation])
    version: str = ""
    security: Security = field(default_factory=Security)
    statements: int = 0
    attempts: int = 0
    changes: Changes = field(default_factory=Changes)
    opened: int = 0
    closed: int = 0
    dangers: DangerSummary | None = None
    error: WhalefallError | None = None

    def to_items(self) -> Items:
        """Return what the instance's record counts of it, and its details."""
        inventory, permissions = self.inventory, self.permissions
        synced = inventory.active if inventory else permissions.accounts if permissions else 0
        return Items(
            synced=synced,
            created=inventory.created if inventory else 0,
            updated=permissions.changed if permissions else 0,
            deleted=inventory.deleted if inventory else 0,
            notice="; ".join(self.changes.notices) or None,
            details=self._to_details(),
        )

    def _to_details(self) -> dict[str, Json]:
        """Return the record's `sync_details`; what a reading that never came about would say is null."""
        return {
            "version": DETAILS_VERSION,
            "server_version": self.version or None,
            "statements": self.statements,
            "attempts": self.attempts,
            "encrypted": self.security.encrypted,
            "verified": self.security.verified,
            "inventory": _to_inventory(self.inventory) if self.inventory else None,
            "collection": _to_collection(self.permissions) if self.permissions else None,
            "coverage": {scope: _to_coverage(seen) for scope, seen in sorted(self.coverage.items())},
        }


def _to_inventory(counts: InventoryCounts) -> dict[str, Json]:
    return {
        "active": counts.active,
        "created": counts.created,
        "reactivated": counts.reactivated,
        "deactivated": counts.deleted,
        "hidden": counts.hidden,
    }


def _to_collection(counts: PermissionCounts) -> dict[str, Json]:
    return {
        "accounts": counts.accounts,
        "added": counts.added,
        "changed": counts.changed,
        "grants": counts.grants,
        "grants_without_account": counts.without_account,
    }


def _to_coverage(seen: Observation) -> dict[str, Json]:
    return {"status": seen.status.value, "reason": seen.reason}
