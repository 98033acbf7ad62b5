"""How a session works."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine

from whalefall_pipeline.adapters.engine import Adapter, Limits
from whalefall_pipeline.ledger.secrets import SecretStore
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
