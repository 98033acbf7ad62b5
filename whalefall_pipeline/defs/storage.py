"""Dagster's PostgreSQL storage with an event log that keeps its connections, and writes a run's plan at once.

`dagster_postgres` opens two connections for every event of a run, and their logins are most of what an event costs;
what a run plans to materialize, one event for each partition and asset, it writes event by event.
"""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from collections.abc import Sequence
from typing import Any, Self

from dagster import DagsterEventType, EventLogEntry
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import create_pg_engine, pg_url_from_config
from sqlalchemy import column

KEPT = 2
"""Connections of a process: an event's row, and what is looked up while its asset is brought up to date."""
OLDEST_SECONDS = 300
"""After which a connection is replaced: firewalls forget those that were idle for longer."""


class KeptEventLog(PostgresEventLogStorage):
    """An event log whose connections stay open between events; each is tried before it is used again."""

    def __init__(self, postgres_url: str, **named: Any) -> None:
        super().__init__(postgres_url, **named)
        self._engine = create_pg_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            pool_size=KEPT,
            max_overflow=-1,
            pool_pre_ping=True,
            pool_recycle=OLDEST_SECONDS,
        )

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events; planned materializations in one statement, where DAGSTER_EVENT_BATCH_SIZE has them come so."""
        planned = [event for event in events if _is_planned(event)]
        others = [event for event in events if not _is_planned(event)]
        if planned:
            with self.index_transaction() as connection:
                statement = self.prepare_insert_event_batch(planned).returning(column("id"))
                ids = connection.execute(statement).scalars().all()
                newest = {pair[0].get_dagster_event().asset_key: pair for pair in zip(planned, ids, strict=True)}
                for event, event_id in newest.values():
                    self._store_asset_event(connection, event, event_id)
        if others:
            super().store_event_batch(others)


def _is_planned(event: EventLogEntry) -> bool:
    return event.get_dagster_event().event_type is DagsterEventType.ASSET_MATERIALIZATION_PLANNED


class KeptPostgresStorage(DagsterPostgresStorage):
    """Runs, schedules and events in PostgreSQL, as `storage.postgres` has them, with a `KeptEventLog`."""

    def __init__(
        self, postgres_url: str, should_autocreate_tables: bool = True, inst_data: ConfigurableClassData | None = None
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._event_log_storage = KeptEventLog(postgres_url, should_autocreate_tables=should_autocreate_tables)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Build it from `dagster.yaml`."""
        tables = config_value.get("should_autocreate_tables", True)
        return cls(pg_url_from_config(config_value), tables, inst_data)
