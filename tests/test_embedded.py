"""The embedded PostgreSQL, with real servers, users that are killed, and folders that only root may enter."""

import os
import pwd
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from whalefall_pipeline.embedded import EmbeddedServer, EmbeddedServerError, embedded_server, is_running, stop
from whalefall_pipeline.embedded.binaries import find_binaries
from whalefall_pipeline.embedded.cluster import GUARD_LOCK, read_postmaster
from whalefall_pipeline.system import locked

AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, or relies on Linux ending orphans")

USER = """
import sys
from pathlib import Path
from whalefall_pipeline.embedded import embedded_server
with embedded_server(Path(sys.argv[1])) as server:
    print(server.port, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "server"
    with embedded_server(folder):
        pass
    wait_until_gone(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path, template: Path) -> Iterator[Path]:
    """A server's folder, initialised and not running, below folders that only their owner may enter."""
    copy = tmp_path / "home" / "server"
    copy.parent.mkdir(mode=0o700)
    subprocess.run(["cp", "-a", template, copy], check=True)
    yield copy
    stop(copy)


def wait_until_gone(folder: Path) -> None:
    """Wait for the lock that the guard and all processes of the server hold."""
    with locked(folder / GUARD_LOCK):
        pass


def connect(server: EmbeddedServer, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(server.url(database, driver=""), autocommit=True)


def ask(server: EmbeddedServer, query: str) -> object:
    with connect(server) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row
    return row[0]


@contextmanager
def user(folder: Path) -> Generator["subprocess.Popen[str]"]:
    """Another program that uses the server, in a process group of its own; ready when this returns."""
    command = [sys.executable, "-c", USER, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stdout
        assert running.stdout.readline().strip().isdigit()
        try:
            yield running
        finally:
            running.kill()


def kill_and_wait(pid: int, ends: int) -> None:
    """Kill one process and wait until another one, or the same, has ended by that."""
    ending = os.pidfd_open(ends)
    try:
        os.kill(pid, signal.SIGKILL)
        select.select([ending], [], [])
    finally:
        os.close(ending)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_new_server_takes_connections_with_the_password_only(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with embedded_server(folder) as server:
        assert ask(server, "select rolpassword ~ '^SCRAM-SHA-256' from pg_authid where rolname = 'whalefall'") is True
        assert ask(server, "select string_agg(distinct auth_method, ',') from pg_hba_file_rules") == "scram-sha-256"
        assert ask(server, "show fsync") == "on"
        assert ask(server, "show server_encoding") == "UTF8"
        assert ask(server, "select datcollate from pg_database where datname = 'template1'") == "C"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(replace(server, password="wrong"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    assert server.password not in repr(server)


def test_it_listens_on_loopback_and_on_no_socket_file(folder: Path) -> None:
    with embedded_server(folder) as server:
        assert ask(server, "show listen_addresses") == "127.0.0.1"
        assert ask(server, "show unix_socket_directories") == ""
        if sys.platform == "linux":
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", server.port))


def test_urls_name_the_driver_that_is_asked_for() -> None:
    server = EmbeddedServer("127.0.0.1", 5432, "whalefall", "a/b@c")
    assert server.url("ledger") == "postgresql+psycopg://whalefall:a%2Fb%40c@127.0.0.1:5432/ledger"
    assert server.url("d x", driver="psycopg2") == "postgresql+psycopg2://whalefall:a%2Fb%40c@127.0.0.1:5432/d%20x"
    assert server.url("ledger", driver="") == "postgresql://whalefall:a%2Fb%40c@127.0.0.1:5432/ledger"


def test_a_restart_keeps_port_and_data(folder: Path) -> None:
    with embedded_server(folder) as first:
        first.ensure_database("kept")
        first.ensure_database("kept")
        with connect(first, "kept") as connection:
            connection.execute("create table t as select 42 as answer")
    wait_until_gone(folder)
    assert not is_running(folder)
    with embedded_server(folder) as second, connect(second, "kept") as connection:
        assert connection.execute("select answer from t").fetchone() == (42,)
        assert second == first


def test_a_taken_port_makes_it_choose_another(folder: Path) -> None:
    with embedded_server(folder) as first:
        pass
    wait_until_gone(folder)
    with socket.create_server(("127.0.0.1", first.port)), embedded_server(folder) as second:
        assert second.port != first.port
        assert ask(second, "select 1") == 1


def test_many_who_come_at_once_share_one_server(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    command = [sys.executable, "-c", USER, str(folder)]
    users = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        ports = {running.stdout.readline() for running in users if running.stdout}
        assert len(ports) == 1
        assert is_running(folder)
    finally:
        for running in users:
            running.communicate()
    assert [running.returncode for running in users] == [0] * 4
    wait_until_gone(folder)
    assert read_postmaster(folder) is None


def test_one_who_comes_while_it_stops_gets_a_new_one(folder: Path) -> None:
    for _ in range(5):
        with embedded_server(folder) as server:
            assert ask(server, "select 1") == 1


def test_a_killed_user_leaves_no_server_behind(folder: Path) -> None:
    with user(folder) as running:
        postmaster = read_postmaster(folder)
        assert postmaster
        running.kill()
        wait_until_gone(folder)
    with pytest.raises(ProcessLookupError):
        os.kill(postmaster, 0)
    assert "database system is shut down" in (folder / "postgres.log").read_text()


def test_ctrl_c_in_one_terminal_leaves_the_server_to_the_others(folder: Path) -> None:
    with user(folder) as first, embedded_server(folder) as server:
        os.killpg(first.pid, signal.SIGINT)
        first.wait()
        assert ask(server, "select 1") == 1


@on_linux
def test_a_crashed_server_comes_back_with_its_data_on_the_same_port(folder: Path) -> None:
    with embedded_server(folder) as server:
        with connect(server) as connection:
            connection.execute("create table t as select 42 as answer")
        postmaster = read_postmaster(folder)
        assert postmaster
        kill_and_wait(postmaster, ends=postmaster)
        with embedded_server(folder) as again:
            assert again == server
            assert ask(server, "select answer from t") == 42
            assert read_postmaster(folder) != postmaster


@on_linux
def test_a_killed_guard_takes_the_server_with_it(folder: Path) -> None:
    with embedded_server(folder) as server:
        with connect(server) as connection:
            connection.execute("create table t as select 42 as answer")
        postmaster = read_postmaster(folder)
        assert postmaster
        kill_and_wait(parent_of(postmaster), ends=postmaster)
        with embedded_server(folder) as again:
            assert ask(again, "select answer from t") == 42
            assert read_postmaster(folder) != postmaster


def test_a_lock_file_left_by_a_crash_is_no_obstacle_though_its_process_id_lives(folder: Path) -> None:
    with embedded_server(folder):
        pass
    wait_until_gone(folder)
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n")
    with embedded_server(folder) as server:
        assert ask(server, "select 1") == 1


def test_a_half_made_data_folder_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18\n")
    with embedded_server(folder) as server:
        assert ask(server, "select 1") == 1


def test_stop_ends_it_under_its_users(folder: Path) -> None:
    assert not stop(folder)
    with embedded_server(folder) as server:
        assert is_running(folder)
        assert stop(folder)
        assert not is_running(folder)
        with pytest.raises(psycopg.OperationalError):
            ask(server, "select 1")


def test_data_of_another_version_is_not_opened(folder: Path) -> None:
    (folder / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedServerError, match=r"made by PostgreSQL 12, which is not here .*PG_BIN") as caught:
        embedded_server(folder).__enter__()
    assert "\n" not in str(caught.value)


def test_without_programs_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(EmbeddedServerError, match=r"no PostgreSQL 14 or later found; install .* or set WHALEFALL_DATA"):
        embedded_server(tmp_path / "new").__enter__()
    wait_until_gone(tmp_path / "new")


def test_the_server_knows_no_secret_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALEFALL_SECRET_KEY", "hush")
    with embedded_server(folder):
        environment = Path(f"/proc/{read_postmaster(folder)}/environ")
        if not environment.exists():
            pytest.skip("there is no /proc here")
        assert b"hush" not in environment.read_bytes()


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
            assert ask(again, "select 1") == 1
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
    packages = f"{Path(psycopg.__file__).parents[1]}:{Path(__file__).parents[1]}"
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


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


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
