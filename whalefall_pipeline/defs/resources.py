"""What a deployment sets and a test replaces: the engines' adapters with their limits, and the ledger.

All of it is fixed when the definitions are built. Whoever launches a run says which instances it is about, never where
its connections go or how they are secured: Dagster refuses a run config that tries, before there is a run.
"""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.errors import LedgerError
from whalefall_pipeline.ledger.database import connecting, open_ledger, transaction
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.ledger.unseen import Gap, read_gaps
from whalefall_pipeline.ledger.waivers import Health, read_health
from whalefall_pipeline.settings import get_settings
from whalefall_pipeline.sync.plan import Collector, build_limits

PREFIX = "whalefall_"
"""Of the resources' keys, so that they are no other's where the definitions are merged into a project's own."""
LEDGER = f"{PREFIX}ledger"
BESIDE_INSTANCES = 4
"""Ledger connections beside those of the instances worked on: heartbeat, failures, the session itself."""
NO_CONFIG: Mapping[str, Any] = {}
"""The schema of a run config that has no fields. Leaving the schema out would take, and ignore, any."""


@dataclass(frozen=True, slots=True)
class AdapterResource:
    """One engine's adapter, with its limits and the options that instances have where they set none (TLS)."""

    db_type: str
    limits: Limits

    def to_collector(self) -> Collector:
        """Return the adapter with its limits."""
        return Collector(ADAPTERS[self.db_type], self.limits)


class LedgerResource(dg.ConfigurableResource[Any]):
    """The ledger, and the store of the secrets in it. It has no fields: the environment says where both are."""

    def get_engine(self) -> Engine:
        """Return the process's engine. Raises LedgerError when the environment names no ledger."""
        settings = get_settings()
        if settings.database_url is None:
            raise LedgerError(
                "WHALEFALL_DATABASE_URL is not set: set it to postgresql://user:password@host:port/database, "
                "or start Dagster with `whalefall up`, which sets it for the embedded PostgreSQL"
            )
        return _open(settings.database_url.get_secret_value(), settings.parallelism + BESIDE_INSTANCES)

    def read_health(self) -> list[Health]:
        """Return how many findings the active instances have, by severity and status."""
        with connecting(self.get_engine()) as connection, transaction(connection):
            return read_health(connection)

    def read_gaps(self) -> list[Gap]:
        """Return what the newest syncs of the active instances did not observe."""
        with connecting(self.get_engine()) as connection, transaction(connection):
            return read_gaps(connection)

    def get_store(self) -> SecretStore:
        """Return the store that resolves credentials."""
        settings = get_settings()
        return SecretStore(settings.home, settings.secret_key.get_secret_value() if settings.secret_key else None)


@cache
def _open(url: str, pool_size: int) -> Engine:
    return open_ledger(url, pool_size=pool_size)


def to_key(db_type: str) -> str:
    """Return the key of an engine's resource."""
    return f"{PREFIX}{db_type}"


def build_resources() -> dict[str, Any]:
    """Return all resources: one per engine, by its `to_key`, and the ledger."""
    limits = build_limits(get_settings())
    adapters = {to_key(db_type): AdapterResource(db_type, limits) for db_type in ADAPTERS}
    return {**adapters, LEDGER: LedgerResource()}


def fix_resources(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Return resources for Definitions that no run config can change."""
    return {key: _fix(value) for key, value in resources.items()}


def fix_outputs() -> dg.IOManagerDefinition:
    """Return the place for outputs, of which there are none, with nothing to configure."""
    return dg.IOManagerDefinition(lambda _context: dg.InMemoryIOManager(), config_schema=NO_CONFIG)


def _fix(value: object) -> object:
    """Return a value as a resource that takes no run config; one of Dagster's own kind that has no fields does not."""
    if isinstance(value, LedgerResource):
        return value
    return dg.ResourceDefinition(lambda _context: value, config_schema=NO_CONFIG, description=type(value).__doc__)


def fix_executor() -> dg.ExecutorDefinition:
    """Return the executor of all runs: one process, with nothing to configure."""
    return dg.in_process_executor.configured(_ignore, config_schema=NO_CONFIG, name="in_process")


def fix_loggers() -> dict[str, dg.LoggerDefinition]:
    """Return Dagster's usual logger of a run, with nothing to configure."""
    return {"console": dg.colored_console_logger.configured(_ignore, config_schema=NO_CONFIG)}


def _ignore(_config: object) -> dict[str, Any]:
    return {}
