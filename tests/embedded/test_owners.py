"""An embedded server of root's, of an ordinary user's, and in a folder of somebody else's."""

import os
import pwd
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.embedded.using import kill_and_wait, on_linux, parent_of, read_value, wait_until_gone
from whalefall_pipeline.embedded import embedded_server
from whalefall_pipeline.embedded.binaries import find_binaries
from whalefall_pipeline.embedded.postmaster import read_postmaster

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@needs_root
@on_linux
def test_root_runs_it_as_another_user_below_folders_that_only_root_may_enter(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also PostgreSQL's programs lie there, as in a clone below /root."""
    monkeypatch.setenv("TMPDIR", str(open_folder))
    monkeypatch.setenv("PG_BIN", str(copy_wheel(tmp_path / "clone")))
    folder = tmp_path / "clone" / "home" / "server"
    before = modes_of(tmp_path / "clone")
    with embedded_server(folder) as server:
        postmaster = read_postmaster(folder)
        assert postmaster
        assert Path(f"/proc/{postmaster}").stat().st_uid != 0
        assert Path(f"/proc/{postmaster}/exe").readlink().is_relative_to(open_folder)
        kill_and_wait(parent_of(postmaster), ends=postmaster)
        with embedded_server(folder) as again:
            assert read_value(again, "select 1") == 1
            assert again.password == server.password
    wait_until_gone(folder)
    assert list(open_folder.iterdir()) == []
    after = modes_of(tmp_path / "clone")
    assert {path: (mode, after.get(path)) for path, mode in before.items() if after.get(path) != mode} == {}


def copy_wheel(clone: Path) -> Path:
    """Copy the wheel with PostgreSQL's programs below a folder that only we may enter."""
    wheel = find_binaries(clone / "none").folder.parents[1]
    clone.mkdir(mode=0o700)
    shutil.copytree(wheel / "pginstall18", clone / wheel.name / "pginstall18")
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), clone / f"{wheel.name}.libs")
    return clone / wheel.name / "pginstall18" / "bin"


def modes_of(clone: Path) -> dict[Path, tuple[int, int]]:
    """The owner and mode of a folder, of those above it that are this test's, and of all in it but a server's."""
    inside = (path for path in clone.rglob("*") if "home" not in path.relative_to(clone).parts)
    return {path: (path.stat().st_uid, path.stat().st_mode) for path in (clone, clone.parent, *inside)}


def run_as_nobody(code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run Python code as user nobody; skips where no Python with our packages is within that user's reach."""
    packages = f"{Path(psycopg.__file__).parents[1]}:{Path(__file__).parents[2]}"
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        with suppress(OSError):
            done = subprocess.run(
                [python, "-c", f"import psycopg, whalefall_pipeline.embedded\nprint('imported')\n{code}", str(folder)],
                user="nobody",
                group=pwd.getpwnam("nobody").pw_gid,
                extra_groups=[],
                env={"PATH": os.defpath, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
            )
            if done.stdout.startswith("imported"):
                return done
    pytest.skip("user nobody can reach no Python with our packages")


@needs_root
def test_an_ordinary_user_runs_it_as_herself(open_folder: Path) -> None:
    home = open_folder / "home"
    home.mkdir()
    shutil.chown(home, "nobody")
    done = run_as_nobody(
        "import sys, pathlib\n"
        "with whalefall_pipeline.embedded.embedded_server(pathlib.Path(sys.argv[1])) as server:\n"
        "    server.ensure_database('mine')\n"
        "    print(psycopg.connect(server.url('mine', driver='')).execute('select 42').fetchone())",
        home / "server",
    )
    assert done.stdout == "imported\n(42,)\n", done.stderr
    wait_until_gone(home / "server")
    assert (home / "server" / "data").owner() == "nobody"


@needs_root
def test_a_folder_of_somebody_else_is_refused_in_one_line(open_folder: Path, template: Path) -> None:
    subprocess.run(["cp", "-a", template, open_folder / "server"], check=True)
    done = run_as_nobody(
        "import sys, pathlib\nwhalefall_pipeline.embedded.embedded_server(pathlib.Path(sys.argv[1])).__enter__()",
        open_folder / "server",
    )
    *_, last = done.stderr.splitlines()
    assert "belongs to root; run as that user, or set WHALEFALL_HOME to a folder of your own" in last
