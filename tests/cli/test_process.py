"""How a command begins and ends as a process: Ctrl-C, a full disk, a reader that has gone, any encoding, a terminal."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import pytest

COMMAND = (sys.executable, "-m", "whalefall_pipeline.cli")
UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}
"""Where coverage is measured it is loaded before the command, with some of what that would import."""
SECONDS = 120


def start(
    *words: str,
    environment: Mapping[str, str],
    stdout: int | TextIO = subprocess.PIPE,
    stdin: int = subprocess.DEVNULL,
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, *words],
        env={**os.environ, **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=stdin,
        text=True,
    )


def wait_for_import(pid: int, part: str) -> None:
    """Return when a process has mapped or opened a file of a package: it is in the middle of its imports."""
    while part not in Path(f"/proc/{pid}/maps").read_text():
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("part", ["_json", "psycopg_binary"])
def test_ctrl_c_while_it_imports_is_130_without_a_traceback(environment: dict[str, str], part: str) -> None:
    with start("accounts", environment=environment | UNMEASURED) as process:
        wait_for_import(process.pid, part)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (130, "")


@pytest.mark.parametrize("words", [("--help",), ("accounts", "--format", "json"), ("instances", "list")])
def test_a_full_disk_is_one_line(environment: dict[str, str], words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full, start(*words, environment=environment, stdout=full) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    (line,) = said.splitlines()
    assert "No space left on device" in line


def test_a_reader_that_has_gone_is_no_error(environment: dict[str, str]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with start("accounts", environment=environment, stdout=writes) as process:
        os.close(writes)
        _, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (141, "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_will_do(environment: dict[str, str], encoding: str) -> None:
    with start("accounts", "--instance", "王", environment={**environment, "PYTHONIOENCODING": encoding}) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert said.startswith("whalefall: no instance is named ")
    assert len(said.splitlines()) == 1


def test_a_prompt_without_a_terminal_is_one_line(environment: dict[str, str]) -> None:
    words = ("instances", "add", "shop", "--type", "mysql", "--host", "h", "--user", "u")
    with start(*words, environment=environment) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    (line,) = said.splitlines()
    assert "--password-env or --password-file" in line


def test_ctrl_c_at_the_prompt_is_130(environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    words = ("instances", "add", "shop", "--type", "mysql", "--host", "h", "--user", "u")
    with start(*words, environment=environment, stdin=theirs) as process:
        assert process.stderr
        assert process.stderr.read(len("Password: ")) == "Password: "
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 130
    assert "Traceback" not in said


def test_the_password_of_a_pipe_is_kept(environment: dict[str, str]) -> None:
    words = ("instances", "add", "shop", "--type", "mysql", "--host", "h", "--user", "u", "--password-stdin")
    with start(*words, environment=environment, stdin=subprocess.PIPE) as process:
        printed, said = process.communicate("S3cret\n", timeout=SECONDS)
    assert (process.returncode, said) == (0, "")
    assert "shop is registered" in printed
