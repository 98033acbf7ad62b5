"""Running services, a ledger on a server of its own, Dagster's storage on another, and instances to sync."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy import Connection, Engine

from tests.end_to_end.triggers.api import Api
from tests.engines.proxy import open_black_hole
from tests.servers.postgresql import PostgresqlServer
from tests.waiting import WAIT_SECONDS, wait_for
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import open_ledger, transaction
from whalefall_pipeline.ledger.instances import remove_instance, write_instance
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.services.graphql import find_obstacle
from whalefall_pipeline.sync.lock import SPACE

LEDGER, DAGSTER = "ledger", "dagster"
COLLECTOR, PASSWORD = "collector", "not-a-secret-but-long-enough"
ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
COMMAND = (sys.executable, "-c", "from whalefall_pipeline.cli.main import main; main()")

RUN_PARTITIONS = """
import json, sys
import dagster as dg
from whalefall_pipeline.definitions import defs
job = defs.resolve_job_def("sync_instances")
with dg.DagsterInstance.get() as instance:
    runs = [
        job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).run_id
        for tags in json.load(sys.stdin)
    ]
print(json.dumps(runs))
"""

_NUMBERS = count(1)

Row = dict[str, Any]
_connections: dict[str, psycopg.Connection] = {}


def find_name(tree: str) -> str:
    """Return a name for an instance that no other test has: the sensor may still be deleting the partition of one."""
    return f"{tree}-{next(_NUMBERS)}"


@dataclass
class Stage:
    """What the tests of triggers share; a test brings instances of its own, or uses the standing `fleet`."""

    home: Path
    environment: Mapping[str, str] = field(repr=False)
    api: Api
    ledger: PostgresqlServer
    sources: PostgresqlServer
    fleet: Sequence[str] = ()
    """Names of four instances that are fine; they stand in the order of the partitions."""

    def read(self, query: str, *values: object) -> list[Row]:
        return _read(self.ledger.conninfo(LEDGER), query, values)

    def read_session(self, session_id: str) -> Row:
        (row,) = self.read("select * from sync_sessions where session_id = %s", session_id)
        return row

    def read_records(self, session_id: str) -> dict[str, Row]:
        query = "select * from sync_instance_records where sync_session_id = %s order by id"
        return {row["instance_name"]: row for row in self.read(query, session_id)}

    def read_states(self, session_id: str) -> dict[str, str]:
        return {name: row["status"] for name, row in self.read_records(session_id).items()}

    def wait_for_session(self, session_id: str) -> Row:
        """Wait until a session and its run have ended, and give the session."""
        query = "select * from sync_sessions where session_id = %s and status <> 'running'"
        (row,) = wait_for(lambda: self.read(query, session_id), f"the end of session {session_id}")
        wait_for(lambda: self.is_over(session_id), f"the end of run {session_id}")
        return row

    def is_over(self, run_id: str) -> bool:
        return self.api.read_status(run_id) in ENDED

    def turn_off(self, name: str, stop: Callable[[], None]) -> None:
        """Turn a sensor or schedule off until it stays so, and wait for the end of all runs.

        At the end of a tick Dagster's daemon writes the state that it read at the tick's begin, and so turns on again
        what was turned off in between.
        """

        def stays_off() -> bool:
            stop()
            self._wait_for_rounds()
            return not self.api.is_on(name)

        wait_for(stays_off, f"{name} to stay off")
        wait_for(lambda: ENDED.issuperset(self.api.read_runs().values()), "the end of all runs")

    def _wait_for_rounds(self) -> None:
        """Wait until the daemon has begun two more rounds of its sensors: what it did before is over."""
        other = "session_ends"
        before = self.api.read_ticks(other)
        wait_for(lambda: len(self.api.read_ticks(other) - before) > 1, "two more rounds of the sensors")

    def wait_for_record(self, session_id: str, name: str, status: str) -> None:
        wait_for(
            lambda: (
                self.read("select from sync_sessions where session_id = %s", session_id)
                and self.read_states(session_id).get(name) == status
            ),
            f"{name} to be {status} in {session_id}",
        )

    @contextmanager
    def instances(self, **ports: int) -> Generator[list[str]]:
        """Register more instances, each with its port, with their partitions, until the block ends."""
        names = [self.register(name, port=port) for name, port in ports.items()]
        try:
            yield names
        finally:
            for name in names:
                self.remove(name)

    @contextmanager
    def stuck_instance(self, name: str) -> Generator[str]:
        """Register an instance that accepts connections and never answers."""
        with open_black_hole() as port, self.instances(**{name: port}):
            yield name

    def register(self, name: str, *, port: int = 0, password: str = PASSWORD, partition: bool = True) -> str:
        """Register an instance, by default of the server that is fine."""
        with self._open_ledger() as connection, transaction(connection):
            self._write_instance(connection, name, port or self.sources.port, password)
        if partition:
            self.api.add_partition(name)
        return name

    def remove(self, name: str) -> None:
        """Remove an instance and its partition."""
        with self._open_ledger() as connection, transaction(connection):
            remove_instance(connection, name)
        self.api.delete_partition(name)

    def repair(self, name: str) -> None:
        """Return an instance what it needs to be read.

        In one transaction: a sensor that saw it removed would delete its partition, and Dagster refuses a range that
        ends with it until the next tick.
        """
        with self._open_ledger() as connection, transaction(connection):
            remove_instance(connection, name)
            self._write_instance(connection, name, self.sources.port, PASSWORD)

    def _write_instance(self, connection: Connection, name: str, port: int, password: str) -> None:
        instance = Instance(0, name, "postgresql", self.sources.host, port)
        write_instance(connection, instance, username=COLLECTOR, secret=SecretStore(self.home).encrypt(password))

    @contextmanager
    def holding_lock(self, name: str) -> Generator[None]:
        """Hold an instance's lock, as another session does: its sync waits before it begins."""
        with self._holding(f"select pg_advisory_lock({SPACE}, id::int) from instances where name = %s", name):
            yield

    @contextmanager
    def holding_grants(self) -> Generator[None]:
        """Keep all others from writing grants: an instance's sync stops in the middle of its last transaction."""
        with self._holding("lock table account_holding in share mode"):
            yield

    @contextmanager
    def holding_queue(self) -> Generator[None]:
        """Keep the daemon from starting runs; what is launched waits in the queue."""
        daemon = self.find_service("dagster._daemon", "run")
        os.kill(daemon, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(daemon, signal.SIGCONT)

    @contextmanager
    def _holding(self, statement: str, *values: object) -> Generator[None]:
        connection = psycopg.connect(self.ledger.conninfo(LEDGER))
        try:
            connection.execute(statement.encode(), values)
            yield
        finally:
            connection.close()

    @contextmanager
    def _open_ledger(self) -> Generator[Any]:
        with get_engine(to_url(self.ledger, LEDGER)).connect() as connection:
            yield connection

    @contextmanager
    def command(self, *arguments: str) -> Generator["subprocess.Popen[str]"]:
        """Run `whalefall` with arguments beside the test; it does not outlive the block."""
        with subprocess.Popen(
            [*COMMAND, *arguments], env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def syncing(self, *arguments: str) -> Generator[tuple["subprocess.Popen[str]", str]]:
        """Run `whalefall sync` beside the test; give its process, and the id of its first session."""
        with self.command("sync", *arguments) as process:
            assert process.stdout
            assert process.stderr
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield process, line.split()[1]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `whalefall` with arguments to its end."""
        with self.command(*arguments) as process:
            output, error = process.communicate(timeout=WAIT_SECONDS)
            return subprocess.CompletedProcess(arguments, process.returncode, output, error)

    def run_in_one_process(self, runs: Sequence[Mapping[str, str]]) -> list[str]:
        """Run the job once with each set of tags, one after the other, and return the runs' ids."""
        command = [sys.executable, "-c", RUN_PARTITIONS]
        done = subprocess.run(
            command, env=self.environment, input=json.dumps(runs), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout.splitlines()[-1]))

    def find_service(self, *words: str) -> int:
        """Return the process id of the service whose command has these words."""
        home = f"DAGSTER_HOME={self.home}/dagster\0".encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if all(word in command for word in words) and home in (process / "environ").read_bytes():
                    return int(process.name)
            except OSError:
                continue
        raise LookupError(f"no process has {words} in its command")

    def is_loaded(self) -> bool:
        """Whether the code server answers."""
        return find_obstacle(self.api.url) is None

    def list_locks(self) -> list[Row]:
        """Return the locks that sessions hold on instances."""
        return self.read("select pid from pg_locks where locktype = 'advisory' and classid = %s", SPACE)

    def list_collectors(self) -> list[Row]:
        """Return the connections that collectors have at the sources."""
        query = "select pid, state, query from pg_stat_activity where usename = %s"
        return _read(self.sources.conninfo(), query, [COLLECTOR])


def _read(conninfo: str, query: str, values: Sequence[object]) -> list[Row]:
    """Read with one connection for all looks at a database: a login for each would cost more than the look."""
    if conninfo in _connections:
        with suppress(psycopg.OperationalError):  # the server was started again
            return _read_with(_connections[conninfo], query, values)
        _connections.pop(conninfo).close()
    _connections[conninfo] = psycopg.connect(conninfo, connect_timeout=WAIT_SECONDS, autocommit=True)
    return _read_with(_connections[conninfo], query, values)


def _read_with(connection: psycopg.Connection, query: str, values: Sequence[object]) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()


@cache
def get_engine(url: str) -> Engine:
    """Return the engine for all that tests write to a ledger."""
    return open_ledger(url)


def to_url(server: PostgresqlServer, database: str) -> str:
    return f"postgresql://{server.superuser}:{server.password}@{server.host}:{server.port}/{database}"


def prepare_sources(server: PostgresqlServer) -> None:
    """Make the collector's login, Dagster's database, and some accounts to find."""
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create role {} login password {}").format(sql.Identifier(COLLECTOR), sql.Literal(PASSWORD))
        )
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(DAGSTER)))
        connection.execute("create role ana login; create role boss superuser nologin; grant boss to ana")


def with_fleet(stage: Stage) -> Stage:
    """Register the standing fleet."""
    return replace(stage, fleet=[stage.register(name) for name in ("amber", "birch", "cedar", "dogwood")])
