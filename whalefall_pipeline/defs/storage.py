"""Dagster's PostgreSQL storage that keeps its connections, and writes at once what belongs together.

`dagster_postgres` logs in again for all that it reads and writes. Those logins are most of what an event of a run
costs, and most of what an idle home does: the daemon looks at its queue every second, and the code server opens the
storage again for each tick of a sensor. Each event takes it two transactions and a notification that nobody waits for;
here a run's plan, with one event for each partition and asset, is one statement, and so is how an instance ended.
"""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from dagster import DagsterInstance, EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from dagster_postgres.utils import create_pg_connection, create_pg_engine, pg_url_from_config, set_pg_statement_timeout
from sqlalchemy import Connection, Engine, event

KEPT = 2
"""Connections of a process: an event's row, and what is looked up while its asset is brought up to date."""
OLDEST_SECONDS = 300
"""After which a connection is replaced: firewalls forget those that were idle for longer."""
INSERT = SqlEventLogStorageTable.insert().returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
"""Returns the ids in the order of the rows, whatever their number."""


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


def open_for_webserver(postgres_url: str, statement_timeout: int, pool_recycle: int, max_overflow: int) -> Engine:
    """Return the connections of a webserver, as Dagster has them; but each is tried before it is used again.

    Else each that a restart of the server broke fails a page, or a launch.
    """
    engine = create_pg_engine(
        postgres_url,
        isolation_level="AUTOCOMMIT",
        pool_size=1,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        pool_recycle=pool_recycle,
    )

    def limit(connection: Any, _: object) -> None:
        set_pg_statement_timeout(connection, statement_timeout)

    event.listen(engine, "connect", limit)
    return engine


class Gathering(threading.local):
    """The events that a thread has logged and that are not stored yet; None: each is stored as it comes."""

    events: list[EventLogEntry] | None = None


class KeptRuns(PostgresRunStorage):
    """Runs, read and written over kept connections."""

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._engine = keep(postgres_url).engine

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Use connections with a deadline for each statement from now on."""
        self._engine = open_for_webserver(self.postgres_url, statement_timeout, pool_recycle, max_overflow)


class KeptSchedules(PostgresScheduleStorage):
    """Schedules and sensors with their ticks, read and written over kept connections."""

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._engine = keep(postgres_url).engine

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Use connections with a deadline for each statement from now on."""
        self._engine = open_for_webserver(self.postgres_url, statement_timeout, pool_recycle, max_overflow)


class KeptEventLog(PostgresEventLogStorage):
    """An event log over kept connections, which stores events that belong together by one statement."""

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._engine = keep(postgres_url).engine
        self._gathering = Gathering()

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Use connections with a deadline for each statement from now on."""
        self._engine = open_for_webserver(self.postgres_url, statement_timeout, pool_recycle, max_overflow)

    @contextmanager
    def gathering(self) -> Generator[None]:
        """Store what this thread logs within the block when the block ends, also when it raises: all of it or nothing.

        So a log line that can't be stored fails what else is logged there; Dagster lets such a line be lost.
        """
        if self._gathering.events is not None:  # a block within one: all of it ends with the outer one
            yield
            return
        gathered = self._gathering.events = list[EventLogEntry]()
        try:
            yield
        finally:
            self._gathering.events = None
            self.store_together(gathered)

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, now or when the block that gathers events ends."""
        self._store([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events together, as they come where DAGSTER_EVENT_BATCH_SIZE is set: what a run plans does."""
        self._store([entry for entry in events if not entry.get_dagster_event().is_asset_failed_to_materialize])

    def store_together(self, events: Sequence[EventLogEntry]) -> None:
        """Store events by one statement. Nobody is notified: Dagster's own storage does so for earlier versions.

        They are there at once, with their ids, as they are of Dagster's: who reads on from an id would else pass over
        events of another run, which has to wait for the rows of its assets.
        """
        if not events:
            return
        with self._connect() as connection:
            ids: Sequence[int] = (
                connection.execute(INSERT, [self._event_to_row(entry) for entry in events]).scalars().all()
            )
            connection.commit()
            of_assets = {number: entry for number, entry in zip(ids, events, strict=True) if _is_of_asset(entry)}
            if of_assets:
                self._store_of_assets(connection.execution_options(isolation_level="READ COMMITTED"), of_assets)
        for number, entry in zip(ids, events, strict=True):
            if entry.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(entry, number)

    def _store(self, events: Sequence[EventLogEntry]) -> None:
        if self._gathering.events is None:
            self.store_together(events)
        else:
            self._gathering.events += events

    def _store_of_assets(self, connection: Connection, events: Mapping[int, EventLogEntry]) -> None:
        """Bring what is kept of assets up to date, by the newest event of each type: each has columns of its own."""
        newest = {
            (entry.get_dagster_event().asset_key, entry.dagster_event_type): number for number, entry in events.items()
        }
        in_order = sorted((key, number) for (key, _), number in newest.items())
        with connection.begin():
            self._store_asset_event_tags(connection, list(events.values()), list(events))
            for _, number in in_order:  # as in each run, or two of them might wait for each other
                self._store_asset_event(connection, events[number], number)


def gathering(instance: DagsterInstance) -> AbstractContextManager[None]:
    """Store what this thread logs within the block at once, where an instance has the storage that can."""
    storage = instance.event_log_storage
    return storage.gathering() if isinstance(storage, KeptEventLog) else nullcontext()


def _is_of_asset(entry: EventLogEntry) -> bool:
    return entry.dagster_event_type in ASSET_EVENTS and entry.get_dagster_event().asset_key is not None


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
