"""A test run that is killed, or gives up, leaves no server and no folder behind."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.mysql import find_program
from tests.servers.postgresql_programs import find_programs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")

TOP = Path(__file__).parents[2]
TEST = """
import os
import signal
from pathlib import Path
import pytest
from tests.servers.{module} import {function}

@pytest.fixture
def server():
    with {function}({argument!r}) as server:
        yield server

@pytest.mark.timeout({seconds}, method="thread", func_only=True)
def test_that_waits(server):
    Path({told!r}).write_text(f"{{os.getpid()}} {{server.process.pid}}")
    signal.pause()
"""
SERVERS = {
    "postgresql": ("postgresql", "start_postgresql", 18),
    "mariadb": ("mysql", "start", "mariadb"),
    "mysql": ("mysql", "start", "mysql"),
}
ALONE, WORKER = "-pno:xdist", "-n1"


@pytest.mark.server
@pytest.mark.parametrize(
    ("kind", "option", "seconds"),
    [
        pytest.param("postgresql", ALONE, 0, id="PostgreSQL"),
        pytest.param("mariadb", ALONE, 0, id="MariaDB"),
        pytest.param("mysql", ALONE, 0, id="MySQL"),
        pytest.param("postgresql", WORKER, 0, id="a worker's"),
        pytest.param("postgresql", ALONE, 1, id="out of time"),
    ],
)
def test_a_run_that_ends_badly_leaves_no_server(kind: str, option: str, seconds: int, tmp_path: Path) -> None:
    module, function, argument = SERVERS[kind]
    find_programs(18) if kind == "postgresql" else find_program(kind)  # fetches it, or skips
    told, test = tmp_path / "told", tmp_path / "test_waiting.py"
    os.mkfifo(told)
    text = TEST.format(module=module, function=function, argument=argument, told=str(told), seconds=seconds)
    test.write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", f"--rootdir={tmp_path}", option, test]
    with subprocess.Popen(command, cwd=TOP, stdout=subprocess.DEVNULL, start_new_session=True) as run:
        tests, server = _read_when_told(told, run)
        folder = Path(f"/proc/{server}/cwd").readlink()
        assert folder.is_dir()
        ending = [os.pidfd_open(server), os.pidfd_open(_find_guard(tests))]
        if not seconds:
            os.kill(tests, signal.SIGKILL)
        for process in ending:
            select.select([process], [], [])
            os.close(process)
        run.kill()
    assert not folder.exists()


def _read_when_told(told: Path, run: "subprocess.Popen[bytes]") -> tuple[int, int]:
    """Return the ids of the process that runs the test and of its server, once that one has started."""
    ended = os.pidfd_open(run.pid)
    with os.fdopen(os.open(told, os.O_RDONLY | os.O_NONBLOCK)) as words:
        select.select([words, ended], [], [])
        os.close(ended)
        tests, server = (int(word) for word in words.read().split())
        return tests, server


def _find_guard(parent: int) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    (guard,) = [int(child) for child in children if b"guarding.py" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return guard
