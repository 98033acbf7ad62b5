"""A PostgreSQL data folder: made, started, asked whether it is ready, and stopped. Its users are not known here."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from whalefall_pipeline.embedded.binaries import Binaries, Owner, program_environment
from whalefall_pipeline.embedded.errors import EmbeddedServerError
from whalefall_pipeline.embedded.postmaster import read_postmaster
from whalefall_pipeline.system import on_parent_death, write_private

HOST = "127.0.0.1"
USERNAME = "whalefall"
USERS_LOCK = "users.lock"
"""Shared by all users of the server; the guard waits for it to be free."""
START_LOCK = "start.lock"
"""Held while somebody looks whether the server runs, starts it or stops it."""
GUARD_LOCK = "guard.lock"
"""Held by the guard and by every process of the server."""
READY = "ready"
"""What the guard says when the server takes connections; anything else says why it does not."""
START_SECONDS = 120.0
"""Until a server answers, recovery after a crash included."""

_STOP_SIGNALS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
_LOG_BYTES = 10_000_000
_PORTS = range(20_000, 32_000)
"""Below those that clients' connections are given: one of these could sit on the port while the server restarts."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The files of one server below a folder of ours, and the user who runs it (None: ourselves)."""

    folder: Path
    owner: Owner | None

    @property
    def data(self) -> Path:
        """The data folder, which belongs to `owner`; the folder around it does not."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "postgres.log"


def read_port(folder: Path) -> int | None:
    """Read the port that the server in this folder has, or had last."""
    try:
        return int((folder / "port").read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


def initialise(cluster: Cluster, binaries: Binaries) -> None:
    """Make the data folder with a password of its own where there is none; a half-made one is made again."""
    if cluster.data.exists():
        return
    half_made = cluster.folder / "data.new"
    shutil.rmtree(half_made, ignore_errors=True)
    half_made.mkdir(mode=0o700)
    if cluster.owner:
        os.chown(half_made, *cluster.owner)
    password = secrets.token_urlsafe(32)
    write_private(cluster.folder / "password", password)
    with tempfile.TemporaryFile() as passed_on:
        # A pipe would not do: root's can't be opened again by the user who runs initdb.
        passed_on.write(password.encode())
        passed_on.seek(0)
        if cluster.owner:
            os.fchown(passed_on.fileno(), *cluster.owner)
        _run_initdb(cluster, binaries, half_made, passed_on.fileno())
    half_made.rename(cluster.data)


def _run_initdb(cluster: Cluster, binaries: Binaries, data: Path, password_fd: int) -> None:
    command: list[str | Path] = [
        binaries.folder / "initdb",
        *("-D", _data_argument(cluster, data), "-U", USERNAME, f"--pwfile=/dev/fd/{password_fd}"),
        *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - a program that we found, without a shell
            command,
            cwd=data,
            env=program_environment(),
            user=cluster.owner.uid if cluster.owner else None,
            group=cluster.owner.gid if cluster.owner else None,
            extra_groups=[] if cluster.owner else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            pass_fds=(password_fd,),
            text=True,
            timeout=300,
        )
    except subprocess.TimeoutExpired:
        raise EmbeddedServerError(f"initdb made no database in {cluster.folder} within 300 s") from None
    if done.returncode:
        shutil.rmtree(data, ignore_errors=True)
        raise EmbeddedServerError(f"initdb made no database in {cluster.folder}: {_reason(done.stderr)}")


def start(cluster: Cluster, binaries: Binaries, keep_open: int) -> "subprocess.Popen[bytes]":
    """Start the server on its former port, or a free one if that is taken, and wait until it takes connections.

    The server and its children inherit `keep_open`, a lock that so lasts as long as the last of them. The caller
    holds that lock, so a lock file in the data folder is of a server that is gone.
    """
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    _turn_log(cluster.log)
    former = read_port(cluster.folder)
    port = _choose_port(former)
    with cluster.log.open("ab") as log:
        began = log.tell()
        server = _spawn(cluster, binaries, port, log.fileno(), keep_open)
    ends_at = time.monotonic() + START_SECONDS
    while server.poll() is None:
        if read_postmaster(cluster.folder, ready=True) == server.pid:
            if port != former:
                write_private(cluster.folder / "port", str(port))
            return server
        if time.monotonic() > ends_at:
            stop_server(server)
            raise EmbeddedServerError(f"PostgreSQL was not ready within {START_SECONDS:g} s; see {cluster.log}")
        time.sleep(0.01)
    with cluster.log.open("rb") as log:
        log.seek(began)
        said = log.read().decode(errors="replace")
    raise EmbeddedServerError(f"PostgreSQL did not start: {_reason(said)}; see {cluster.log}")


def _spawn(cluster: Cluster, binaries: Binaries, port: int, log: int, keep_open: int) -> "subprocess.Popen[bytes]":
    settings = {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "on",
        "max_connections": "200",
        "cluster_name": "whalefall",
    }
    command: list[str | Path] = [binaries.folder / "postgres", "-D", _data_argument(cluster, cluster.data)]
    return subprocess.Popen(  # noqa: S603 - a program that we found, without a shell
        [*command, *(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))],
        cwd=cluster.data,
        env=program_environment(),
        user=cluster.owner.uid if cluster.owner else None,
        group=cluster.owner.gid if cluster.owner else None,
        extra_groups=[] if cluster.owner else None,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(keep_open,),
        preexec_fn=on_parent_death(signal.SIGINT),  # noqa: PLW1509 - see there
    )


def stop_server(server: "subprocess.Popen[bytes]") -> None:
    """Stop the server: first so that it need not recover, then with less and less patience."""
    for stop_signal, seconds in _STOP_SIGNALS:
        server.send_signal(stop_signal)
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


def _data_argument(cluster: Cluster, data: Path) -> Path:
    """Name the data folder for its owner, who may not be allowed to walk the path to it (a clone below /root).

    Programs start in the folder, since root may enter it; /proc/self/cwd is then a path to it without that walk.
    """
    here = Path("/proc/self/cwd")
    return here if cluster.owner and here.exists() else data


def _choose_port(former: int | None) -> int:
    others = secrets.SystemRandom().sample(_PORTS, 100)
    for port in [former, *others] if former else others:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
            with suppress(OSError):
                probe.bind((HOST, port))
                return port
    raise EmbeddedServerError(f"no free port on {HOST} from {_PORTS.start} to {_PORTS.stop - 1}")


def _turn_log(log: Path) -> None:
    """Keep one old log, so that the two never take more than twice the limit."""
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _reason(said: str) -> str:
    """Pick the line in which a program of PostgreSQL says why it ended."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line for line in lines if any(mark in line.lower() for mark in ("fatal:", "panic:", "error:"))]
    return (marked or lines or ["it said nothing"])[0]
