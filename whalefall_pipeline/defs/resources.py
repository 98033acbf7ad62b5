"""What a deployment sets and a test replaces: the engines' adapters with their limits, and the ledger."""

from functools import cache
from typing import Any

import dagster as dg
from pydantic import Field
from sqlalchemy import Engine

from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.errors import LedgerError
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.settings import get_settings
from whalefall_pipeline.sync.plan import Collector

BESIDE_INSTANCES = 4
"""Ledger connections beside those of the instances worked on: heartbeat, failures, the session itself."""


class AdapterResource(dg.ConfigurableResource[Any]):
    """One engine's adapter: how long it may wait, and the options that instances have where they set none (TLS)."""

    db_type: str = Field(description="which engine; fixed by the resource's key")
    connect_seconds: float = Field(description="until a connection stands, handshake and login included")
    statement_seconds: float = Field(description="for one catalog statement")
    default_options: dict[str, str] = Field(default={}, description="instance options where an instance sets none")

    def to_collector(self) -> Collector:
        """Give the adapter with its limits."""
        limits = Limits(self.connect_seconds, self.statement_seconds, self.default_options)
        return Collector(ADAPTERS[self.db_type], limits)


class LedgerResource(dg.ConfigurableResource[Any]):
    """The ledger, and the store of the secrets in it; where both are is said by the environment (`settings.py`)."""

    def get_engine(self) -> Engine:
        """Give the process's engine. Raises LedgerError when the environment names no ledger."""
        settings = get_settings()
        if settings.database_url is None:
            raise LedgerError("WHALEFALL_DATABASE_URL is not set; `whalefall up` sets it for the embedded PostgreSQL")
        return _open(settings.database_url.get_secret_value(), settings.parallelism + BESIDE_INSTANCES)

    def get_store(self) -> SecretStore:
        """Give the store that resolves credentials."""
        settings = get_settings()
        return SecretStore(settings.home, settings.secret_key.get_secret_value() if settings.secret_key else None)


@cache
def _open(url: str, pool_size: int) -> Engine:
    return open_ledger(url, pool_size=pool_size)


def build_resources() -> dict[str, Any]:
    """Give all resources: one per engine, by its `db_type`, and the ledger."""
    adapters = {db_type: _build_adapter(db_type) for db_type in ADAPTERS}
    return {**adapters, "ledger": LedgerResource()}


def _build_adapter(db_type: str) -> AdapterResource:
    settings = get_settings()
    return AdapterResource(
        db_type=db_type, connect_seconds=settings.connect_seconds, statement_seconds=settings.statement_seconds
    )
