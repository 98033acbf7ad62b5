"""`stop` ends the server and nothing else, whatever the server's user has written into its data folder."""

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.embedded.using import on_linux
from whalefall_pipeline.embedded import embedded_server, is_running, stop
from whalefall_pipeline.embedded.postmaster import find_server, is_server, read_postmaster

pytestmark = on_linux


@pytest.fixture
def bystander() -> Generator["subprocess.Popen[bytes]"]:
    """A process that has nothing to do with the server, and ends on the first SIGINT."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def forge(path: Path, content: str) -> None:
    """Put something in the place of the server's lock file, which the server keeps open nowhere."""
    path.unlink(missing_ok=True)
    match content:
        case "a pipe":
            os.mkfifo(path)
        case "a link":
            path.symlink_to("/proc/self/status")
        case "an endless device":
            path.symlink_to("/dev/zero")
        case _:
            path.write_text(content)


@pytest.mark.parametrize(
    "content",
    [
        "another process",
        "-1\n",
        "0\n",
        "1\n",
        "x\n",
        "",
        "99999999999\n",
        "٣\n",
        "a pipe",
        "a link",
        "an endless device",
    ],
)
def test_a_forged_lock_file_gets_nobody_a_signal(
    folder: Path, bystander: "subprocess.Popen[bytes]", content: str
) -> None:
    with embedded_server(folder):
        server = read_postmaster(folder)
        assert server
        lock_file = folder / "data" / "postmaster.pid"
        lines = lock_file.read_text().splitlines()
        forged = "\n".join([str(bystander.pid), *lines[1:]]) if content == "another process" else content
        forge(lock_file, forged)
        assert find_server(folder / "data", read_postmaster(folder)) == server
        assert stop(folder)
        assert not is_running(folder)
    assert bystander.poll() is None


def test_a_process_is_the_server_only_if_all_of_it_is(folder: Path, bystander: "subprocess.Popen[bytes]") -> None:
    with embedded_server(folder) as server:
        postmaster = read_postmaster(folder)
        assert postmaster
        assert is_server(postmaster, folder / "data")
        assert not is_server(postmaster, folder)
        assert not is_server(bystander.pid, folder / "data")
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        assert children
        assert not any(is_server(int(child), folder / "data") for child in children)
        assert server.port


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_server_is_closed_to_others_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    former = os.umask(umask)
    try:
        with embedded_server(tmp_path / "new" / "home" / "server"):
            pass
    finally:
        os.umask(former)
    folders = [tmp_path / "new", tmp_path / "new" / "home", tmp_path / "new" / "home" / "server"]
    assert {oct(folder.stat().st_mode & 0o777) for folder in folders} == {"0o700"}
    assert (folders[-1] / "password").stat().st_mode & 0o777 == 0o600
