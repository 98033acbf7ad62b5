"""How a session works."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine

from whalefall_pipeline.adapters.engine import Adapter, Limits
from whalefall_pipeline.core import limits as defaults
from whalefall_pipeline.core.findings.model import Severity
from whalefall_pipeline.core.findings.rulebook import DEFAULT_RULEBOOK, Rulebook
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.settings import Settings
from whalefall_pipeline.sync.cancellation import Cancellation


@dataclass(frozen=True, slots=True)
class Collector:
    """An engine's adapter, with the limits that a deployment gives it."""

    adapter: Adapter
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Alerting:
    """That alerts are wanted, and from which severity on a new finding is one."""

    severity: Severity = Severity.HIGH


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
    parallelism: int = defaults.PARALLELISM
    """Instances worked on at once, in all processes together."""
    processes: int = 1
    attempts: int = defaults.ATTEMPTS
    backoff_seconds: float = defaults.BACKOFF_SECONDS
    instance_seconds: float = defaults.INSTANCE_SECONDS
    overrun_seconds: float = defaults.OVERRUN_SECONDS
    """How long after its deadline a reading that does not end is given up."""
    lock_wait_seconds: float = defaults.LOCK_WAIT_SECONDS
    heartbeat_seconds: float = defaults.HEARTBEAT_SECONDS
    rulebook: Rulebook = DEFAULT_RULEBOOK
    alerting: Alerting | None = None
    """What somebody is to be told of; None: nobody, and nothing is written for it."""


def choose_processes(settings: Settings) -> int:
    """Return over how many processes the instances of a run go, where they are enough."""
    if settings.processes is not None:
        return settings.processes
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return min(cores, defaults.MOST_PROCESSES)


def to_alerting(settings: Settings) -> Alerting | None:
    """Return what a deployment wants to be told; None where it names nobody to tell."""
    wanted = settings.alert_urls or settings.alert_urls_file
    return Alerting(settings.alert_severity) if wanted else None


def build_limits(settings: Settings) -> Limits:
    """Return the limits of a connection to an instance, by a deployment's settings: for a sync and for a check."""
    return Limits(
        connect_seconds=settings.connect_seconds,
        statement_seconds=settings.statement_seconds,
        answer_bytes=settings.answer_bytes,
    )
