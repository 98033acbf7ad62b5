"""Dagster's PostgreSQL storage that keeps its connections, and writes a run's plan at once.

`dagster_postgres` logs in again for all that it reads and writes. Those logins are most of what an event of a run
costs, and most of what an idle home does: the daemon looks at its queue every second, and the code server opens the
storage again for each tick of a sensor. What a run plans to materialize, one event for each partition and asset, it
writes event by event.
"""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from dagster import DagsterEventType, EventLogEntry
from dagster._serdes import ConfigurableClassData
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from dagster_postgres.utils import create_pg_connection, create_pg_engine, pg_url_from_config
from sqlalchemy import Engine, column, event

KEPT = 2
"""Connections of a process: an event's row, and what is looked up while its asset is brought up to date."""
OLDEST_SECONDS = 300
"""After which a connection is replaced: firewalls forget those that were idle for longer."""


@dataclass
class Kept:
    """The connections of this process to one storage; each is tried before it is used again."""

    engine: Engine
    has_tables: bool = False
    """Whether Dagster's tables were seen there. Not for sure after another login: it may be another server by now."""


@cache
def keep(postgres_url: str) -> Kept:
    """Return the connections to a storage, which all that open it in this process share."""
    engine = create_pg_engine(
        postgres_url,
        isolation_level="AUTOCOMMIT",
        pool_size=KEPT,
        max_overflow=-1,
        pool_pre_ping=True,
        pool_recycle=OLDEST_SECONDS,
    )
    kept = Kept(engine)

    def note_login(*_: object) -> None:
        kept.has_tables = False

    event.listen(engine, "connect", note_login)
    return kept


class KeptRuns(PostgresRunStorage):
    """Runs, read and written over kept connections."""

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._engine = keep(postgres_url).engine


class KeptSchedules(PostgresScheduleStorage):
    """Schedules and sensors with their ticks, read and written over kept connections."""

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._engine = keep(postgres_url).engine


class KeptEventLog(PostgresEventLogStorage):
    """An event log over kept connections."""

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._engine = keep(postgres_url).engine

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events; planned materializations in one statement, where DAGSTER_EVENT_BATCH_SIZE has them come so."""
        planned = [entry for entry in events if _is_planned(entry)]
        others = [entry for entry in events if not _is_planned(entry)]
        if planned:
            with self.index_transaction() as connection:
                statement = self.prepare_insert_event_batch(planned).returning(column("id"))
                ids = connection.execute(statement).scalars().all()
                newest = {pair[0].get_dagster_event().asset_key: pair for pair in zip(planned, ids, strict=True)}
                for entry, event_id in newest.values():
                    self._store_asset_event(connection, entry, event_id)
        if others:
            super().store_event_batch(others)


def _is_planned(entry: EventLogEntry) -> bool:
    return entry.get_dagster_event().event_type is DagsterEventType.ASSET_MATERIALIZATION_PLANNED


class KeptPostgresStorage(DagsterPostgresStorage):
    """Runs, schedules and events in PostgreSQL, as `storage.postgres` has them, over kept connections."""

    def __init__(
        self, postgres_url: str, should_autocreate_tables: bool = True, inst_data: ConfigurableClassData | None = None
    ) -> None:
        kept = keep(postgres_url)
        if should_autocreate_tables:
            with create_pg_connection(kept.engine):
                pass  # a connection that has broken is replaced here, and the tables are looked for again
        super().__init__(postgres_url, should_autocreate_tables and not kept.has_tables, inst_data)
        kept.has_tables = kept.has_tables or should_autocreate_tables
        self._run_storage = KeptRuns(postgres_url)
        self._event_log_storage = KeptEventLog(postgres_url)
        self._schedule_storage = KeptSchedules(postgres_url)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Build it from `dagster.yaml`."""
        tables = config_value.get("should_autocreate_tables", True)
        return cls(pg_url_from_config(config_value), tables, inst_data)
