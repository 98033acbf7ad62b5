"""A simulated fleet in one session: many instances that are one server, some of them dead, with and without Dagster."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from tests.bench.measuring import LEDGER_VERSION, to_url
from tests.bench.postgresql_source import PostgresqlSource, start_source
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import open_ledger, transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.services.environment import dagster_environment

ACCOUNTS = 100
DEAD_ONE_IN = 20
CONNECT_SECONDS = 2
DEAD = ("closed port", "black hole", "wrong password", "reset")
RESET = b"\x01\x00\x00\x00\x00\x00\x00\x00"


def measure_fleet(instances: int) -> dict[str, Any]:
    """Sync a fleet once as a bare session and once as a Dagster run, each in a process and a ledger of its own."""
    with start_source() as source, start_postgresql(LEDGER_VERSION) as server, _dead_ports() as ports:
        source.fill(ACCOUNTS)
        return {how: _run(how, server, source, ports, instances) for how in ("bare", "dagster")}


def _run(
    how: str, server: PostgresqlServer, source: PostgresqlSource, ports: dict[str, int], instances: int
) -> dict[str, Any]:
    with TemporaryDirectory() as home:
        for name in (f"{how}_ledger", f"{how}_dagster"):
            with psycopg.connect(server.conninfo(), autocommit=True) as admin:
                admin.execute(f"create database {name}".encode())
        ledger = to_url(server, f"{how}_ledger")
        _register(ledger, source, ports, instances, Path(home))
        environment = dagster_environment(
            Path(home), dagster_url=to_url(server, f"{how}_dagster"), ledger_url=ledger
        ) | {"WHALEFALL_CONNECT_SECONDS": str(CONNECT_SECONDS), "WHALEFALL_ATTEMPTS": "1"}
        command = [sys.executable, "-m", "tests.bench.fleet_child", how]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return json.loads(done.stdout.splitlines()[-1])


def _register(ledger: str, source: PostgresqlSource, ports: dict[str, int], instances: int, home: Path) -> None:
    engine = open_ledger(ledger)
    upgrade_ledger(engine)
    secrets = [SecretStore(home).encrypt(text) for text in (source.login.password, "wrong")]
    with engine.connect() as connection, transaction(connection):
        for number in range(instances):
            kind = DEAD[number // DEAD_ONE_IN % len(DEAD)] if number % DEAD_ONE_IN == 0 else ""
            instance = _to_instance(source.instance, number, ports.get(kind))
            secret = secrets[kind == "wrong password"]
            write_instance(connection, instance, username=source.login.username, secret=secret)
    engine.dispose()


def _to_instance(template: Instance, number: int, port: int | None) -> Instance:
    return replace(template, name=f"fleet-{number:05}", port=port or template.port)


@contextmanager
def _dead_ports() -> Generator[dict[str, int]]:
    """Give a port that nothing listens on, one that accepts and never answers, and one that resets."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as hole, socket.create_server(("127.0.0.1", 0)) as reset:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        threading.Thread(target=_reset_all, args=(reset,), daemon=True).start()
        yield {"closed port": port, "black hole": hole.getsockname()[1], "reset": reset.getsockname()[1]}


def _reset_all(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.close()
