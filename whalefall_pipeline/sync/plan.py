"""How a session works, and how each of its instances ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine

from whalefall_pipeline.adapters.engine import Adapter, Limits
from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.model import Instance, Json, Observation
from whalefall_pipeline.ledger.inventory import InventoryCounts
from whalefall_pipeline.ledger.permissions import PermissionCounts
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.ledger.sessions import Items
from whalefall_pipeline.sync.cancellation import Cancellation


@dataclass(frozen=True, slots=True)
class Collector:
    """An engine's adapter, with the limits that a deployment gives it."""

    adapter: Adapter
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a session works: with what, on what, and how patiently; lengths of time in seconds."""

    session_id: str
    engine: Engine
    collectors: Mapping[str, Collector]
    store: SecretStore
    cancellation: Cancellation = field(default_factory=Cancellation)
    inventory: bool = True
    permissions: bool = True
    accept_collapse: bool = False
    parallelism: int = 8
    attempts: int = 3
    backoff_seconds: float = 1.0
    instance_seconds: float = 300.0
    lock_wait_seconds: float = 600.0
    heartbeat_seconds: float = 15.0


@dataclass
class Outcome:
    """How one instance ended: what was written of it, and the error, if any."""

    instance: Instance
    inventory: InventoryCounts | None = None
    permissions: PermissionCounts | None = None
    coverage: Mapping[str, Observation] = field(default_factory=dict[str, Observation])
    version: str = ""
    statements: int = 0
    attempts: int = 0
    error: WhalefallError | None = None

    def to_items(self) -> Items:
        """Give what the instance's record counts of it, and its details."""
        inventory, permissions = self.inventory, self.permissions
        synced = inventory.active if inventory else permissions.accounts if permissions else 0
        return Items(
            synced=synced,
            created=inventory.created + inventory.reactivated if inventory else 0,
            updated=permissions.changed if permissions else 0,
            deleted=inventory.deleted if inventory else 0,
            details=self._to_details(),
        )

    def _to_details(self) -> dict[str, Json]:
        permissions = self.permissions
        details: dict[str, Json] = {
            "version": self.version,
            "statements": self.statements,
            "attempts": self.attempts,
            "inventory": self.inventory is not None,
            "permissions": permissions is not None,
            "coverage": {scope: _to_json(seen) for scope, seen in sorted(self.coverage.items())},
        }
        if self.inventory:
            details["accounts_not_observed"] = self.inventory.hidden
        if permissions:
            details |= {
                "grants": permissions.grants,
                "grants_without_account": permissions.without_account,
                "accounts_not_in_inventory": permissions.not_in_inventory,
            }
        return details


def _to_json(seen: Observation) -> Json:
    return {"status": seen.status.value, **({"reason": seen.reason} if seen.reason else {})}
