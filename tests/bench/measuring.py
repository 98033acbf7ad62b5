"""Measures the floor and a sync side by side, interleaved, each in a process of its own, on servers of our own."""

import json
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg
from psycopg import sql

from tests.bench import floor
from tests.bench.child import Measured
from tests.bench.contents import build_contents, choose_one_percent
from tests.bench.sources import SOURCES, Source
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from whalefall_pipeline.ledger.database import open_ledger, transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.ledger.secrets import SecretStore

LEDGER_VERSION = 18
PHASES = ("first", "unchanged", "1 % changed")
SIDES = ("floor", "ours")
ROWS_WRITTEN = "select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::int8 from pg_stat_user_tables where {}"
OF_SIDE = {"floor": sql.SQL("schemaname = 'floor'"), "ours": sql.SQL("schemaname = 'public'")}


class Sample(NamedTuple):
    """One measured sync."""

    engine: str
    accounts: int
    phase: str
    side: str
    measured: Measured
    rows_written: int


def measure(engine: str, accounts: int, rounds: int, kinds: int) -> Iterator[Sample]:
    """Fill one source, and sync it in each round into a new ledger: first, without change, with 1 % changed."""
    contents = build_contents(accounts, kinds)
    with SOURCES[engine]() as source, start_ledger() as ledger, TemporaryDirectory() as home:
        source.fill(contents)
        for turn in range(rounds):
            database = f"ledger_{turn}"
            create_ledger(ledger, database, source, Path(home))
            sides = SIDES if turn % 2 == 0 else SIDES[::-1]
            for phase in PHASES:
                if phase == PHASES[-1]:
                    source.change(choose_one_percent(contents, turn))
                for side in sides:
                    measured, rows = _run(ledger, database, source, home, side)
                    yield Sample(engine, accounts, phase, side, measured, rows)


@contextmanager
def start_ledger() -> Generator[PostgresqlServer]:
    """Start a server for ledgers, that does not vacuum by itself."""
    with start_postgresql(LEDGER_VERSION) as server:
        _stop_autovacuum(server)
        yield server


def sync_once(server: PostgresqlServer, database: str, source: Source, home: str) -> None:
    """Sync a source for the first time."""
    _run(server, database, source, home, "ours")


def _stop_autovacuum(server: PostgresqlServer) -> None:
    """Else what one round wrote is vacuumed in the middle of another, on the same cores: `_tidy` does it in between."""
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute("alter system set autovacuum = off")
        admin.execute("select pg_reload_conf()")


def _tidy(server: PostgresqlServer, database: str) -> None:
    with psycopg.connect(server.conninfo(database), autocommit=True) as admin:
        admin.execute("vacuum analyze")


def create_ledger(server: PostgresqlServer, database: str, source: Source, home: Path) -> None:
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
    floor.create_tables(server.conninfo(database))
    engine = open_ledger(to_url(server, database))
    upgrade_ledger(engine)
    secret = SecretStore(home).encrypt(source.login.password)
    with engine.connect() as connection, transaction(connection):
        write_instance(connection, source.instance, username=source.login.username, secret=secret)
    engine.dispose()


def _run(server: PostgresqlServer, database: str, source: Source, home: str, side: str) -> tuple[Measured, int]:
    before = _count_rows(server, database, side)
    ledger = server.conninfo(database) if side == "floor" else to_url(server, database)
    request = {"side": side, "ledger": ledger, "home": home, "login": asdict(source.login)}
    request["instance"] = {**asdict(source.instance)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.child"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the {side} failed: {done.stderr.strip()}")
    rows = _count_rows(server, database, side) - before
    _tidy(server, database)
    return Measured(*json.loads(done.stdout)), rows


def _count_rows(server: PostgresqlServer, database: str, side: str) -> int:
    """Count the rows written so far; the child has ended, so what it did has been counted."""
    with psycopg.connect(server.conninfo(database)) as connection:
        found = connection.execute(sql.SQL(ROWS_WRITTEN).format(OF_SIDE[side])).fetchone()
    return int(found[0]) if found else 0


def to_url(server: PostgresqlServer, database: str) -> str:
    return f"postgresql://{server.superuser}:{server.password}@{server.host}:{server.port}/{database}"


def list_engines(chosen: Sequence[str]) -> list[str]:
    return [engine for engine in SOURCES if not chosen or engine in chosen]
