"""A simulated fleet: many instances that are one server, some of them dead; and one session over it."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg import sql

from tests.bench.contents import build_contents
from tests.bench.fleet_dead import KINDS, REFUSING, open_dead_ports
from tests.bench.measuring import LEDGER_VERSION, to_url
from tests.bench.postgresql_source import PostgresqlSource, start_source
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from whalefall_pipeline.ledger.database import open_ledger, transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.services import dagster_environment

TOP = Path(__file__).parents[2]
ACCOUNTS = 100
PERCENT = 100
PARALLELISM, DEADLINE = "WHALEFALL_PARALLELISM", "WHALEFALL_INSTANCE_SECONDS"
SETTINGS = {
    PARALLELISM: "8",
    DEADLINE: "10",
    "WHALEFALL_CONNECT_SECONDS": "2",
    "WHALEFALL_PARTITIONS_PER_RUN": "100000",
}
"""Beside the defaults. The waits are short for the benchmark to end in time: black holes are what they are about."""
LIMIT_SECONDS = 1_200


@dataclass(frozen=True)
class Stand:
    """The servers: one that all instances are, and one for ledgers and Dagster's storages."""

    source: PostgresqlSource
    server: PostgresqlServer
    ports: Mapping[str, int]

    @property
    def ledger_pid(self) -> int:
        assert self.server.process
        return self.server.process.pid


@dataclass(frozen=True)
class Fleet:
    """One registered fleet, with a ledger and a storage of its own, and the environment that names them."""

    environment: Mapping[str, str]
    ledger_url: str


@contextmanager
def open_stand() -> Generator[Stand]:
    """Start the servers, and fill the source."""
    with start_source() as source, start_postgresql(LEDGER_VERSION) as server:
        source.fill(build_contents(ACCOUNTS))
        with open_dead_ports(source.instance.port or 0) as ports:
            yield Stand(source, server, ports)


@contextmanager
def open_fleet(stand: Stand, name: str, instances: int, percent_dead: int) -> Generator[Fleet]:
    """Register so many instances, spread among them the dead ones of each kind in turn."""
    with ExitStack() as held:
        home = Path(held.enter_context(TemporaryDirectory()))
        for database in (f"{name}_ledger", f"{name}_dagster"):
            create_database(stand.server, database)
        ledger_url = to_url(stand.server, f"{name}_ledger")
        environment = dagster_environment(
            home, dagster_url=to_url(stand.server, f"{name}_dagster"), ledger_url=ledger_url
        )
        engine = open_ledger(ledger_url)
        held.callback(engine.dispose)
        upgrade_ledger(engine)
        login, store = stand.source.login, SecretStore(home)
        with engine.connect() as connection, transaction(connection):
            for number, kind in enumerate(list_deaths(instances, percent_dead)):
                port = stand.ports[kind] if kind else stand.source.instance.port
                instance = replace(stand.source.instance, name=f"fleet-{number:05}", port=port)
                secret = store.encrypt("wrong" if kind == REFUSING else login.password)
                write_instance(connection, instance, username=login.username, secret=secret)
        yield Fleet(environment | SETTINGS | {"PYTHONPATH": str(TOP)}, ledger_url)


def run_session(fleet: Fleet, how: str) -> dict[str, Any]:
    """Run one session over the fleet in a process of its own, `bare` or `dagster`, and give what it measured."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.bench.fleet_child", how],
        env=fleet.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"the {how} session failed: {done.stderr[-2000:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "load": os.getloadavg()[0]}


def create_database(server: PostgresqlServer, name: str) -> None:
    with psycopg.connect(server.conninfo(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def list_deaths(instances: int, percent_dead: int) -> list[str]:
    """Return each instance's kind of death, or nothing."""
    every = PERCENT // percent_dead if percent_dead else instances + 1
    return [KINDS[number // every % len(KINDS)] if number % every == every - 1 else "" for number in range(instances)]
