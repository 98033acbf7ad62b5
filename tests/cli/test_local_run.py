"""`whalefall sync --local` that is killed where no services run: the next one ends its session, at once."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.engines.proxy import open_black_hole
from tests.ledger.rows import read
from tests.servers.postgresql import PostgresqlServer
from tests.waiting import kill, wait_for
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.secrets import SecretStore

STATES = """select instance_name, status, error_message from sync_instance_records
            where sync_session_id = :session_id order by id"""


@pytest.fixture
def home(environment: dict[str, str], ledger: Engine, ledger_server: PostgresqlServer) -> Generator[Path]:
    """A home with one instance that is fine, and one that accepts connections and never answers."""
    home, server = Path(environment["WHALEFALL_HOME"]), ledger_server
    home.mkdir()
    secret = SecretStore(home).encrypt(server.password)
    with open_black_hole() as hole:
        with ledger.connect() as connection, transaction(connection):
            for name, port in (("fine", server.port), ("stuck", hole)):
                instance = Instance(0, name, "postgresql", server.host, port)
                write_instance(connection, instance, username=server.superuser, secret=secret)
        yield home


def find_children(parent: int) -> list[int]:
    """Return the processes that a process started."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found


def test_a_killed_one_is_ended_by_the_next(
    whalefall: Run, home: Path, ledger: Engine, environment: dict[str, str]
) -> None:
    if sys.platform != "linux":
        pytest.skip("finds processes in /proc")
    command = [sys.executable, "-m", "whalefall_pipeline.cli", "sync", "--local", "fine", "stuck"]
    with subprocess.Popen(command, env=os.environ | environment, text=True, stdout=subprocess.PIPE) as process:
        assert process.stdout
        session_id = process.stdout.readline().split()[1]

        def read_states() -> dict[str, str]:
            return {row["instance_name"]: row["status"] for row in read(ledger, STATES, session_id=session_id)}

        wait_for(lambda: read_states() == {"fine": "completed", "stuck": "running"}, "the second instance")
        for child in find_children(process.pid):
            kill(child)
        kill(process.pid)
    again = whalefall("sync", "--local", "fine")
    assert again.returncode == 0, again.stderr
    (session,) = read(ledger, "select * from sync_sessions where session_id = :id", id=session_id)
    counts = (session["successful_instances"], session["failed_instances"])
    assert (session["status"], *counts) == ("failed", 1, 1)
    (_, stuck) = read(ledger, STATES, session_id=session_id)
    assert (stuck["status"], stuck["error_message"]) == (
        "failed",
        "the run's process ended before its instances were done",
    )
    runs = read(ledger, "select status from runs where run_id = :id", id=session_id)
    assert [row["status"] for row in runs] == ["FAILURE"]
    assert list((home / "local-runs").iterdir()) == []
