"""PostgreSQL servers for tests: `start_postgresql(14)` gives a fresh one, on a loopback port of its own."""

import secrets
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

from tests.servers.cache import keep_folder
from tests.servers.ports import HOST, take_port
from tests.servers.postgresql_programs import find_programs
from tests.servers.unprivileged import RunAs, hand_over, make_folder, run, run_as

SUPERUSER = "postgres"
WAIT_SECONDS = 60
READY = "database system is ready to accept connections"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "50",
    "fsync": "off",
    "full_page_writes": "off",
    "lc_messages": "C",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, which is in memory, and goes with it
}
"""Quick, and what is committed is there after a crash of the server; after one of the machine nobody asks."""

INITDB = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--wal-segsize=1")


@dataclass
class PostgresqlServer:
    """A server that can be stopped, crashed and started again; `folder` is its data folder.

    `prefix` is what its command begins with, and then has to run it as somebody who may.
    """

    programs: Path
    folder: Path
    port: int
    password: str = field(repr=False)
    host: str = HOST
    superuser: str = SUPERUSER
    prefix: Sequence[str] = ()
    process: "subprocess.Popen[str] | None" = None
    log: deque[str] = field(default_factory=lambda: deque[str](maxlen=50), repr=False)

    def start(self) -> None:
        """Start on the same port with the same data, and return once connections are accepted."""
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [*self.prefix, self.programs / "postgres", "-D", self.folder, "-p", str(self.port), *settings]
        who = RunAs() if self.prefix else run_as()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/", **who
        )
        assert self.process.stderr is not None
        told = threading.Event()
        threading.Thread(target=self._follow, args=(self.process.stderr, told), daemon=True).start()
        told.wait(WAIT_SECONDS)
        if not any(READY in line for line in self.log):
            self.crash()
            raise RuntimeError(f"PostgreSQL did not start: {' '.join(self.log)}")

    def stop(self) -> None:
        """Stop, ending all connections; one that is stopped already stays so."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Stop as in a power cut: nothing is said to clients, and the next start recovers."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def conninfo(self, database: str = "postgres") -> str:
        """Return the superuser's libpq connection string, its password included."""
        parts = {"host": self.host, "port": self.port, "user": self.superuser, "password": self.password}
        return " ".join(f"{name}={value}" for name, value in parts.items()) + f" dbname={database}"

    def _follow(self, lines: IO[str], told: threading.Event) -> None:
        for line in lines:
            self.log.append(line)
            if READY in line:
                told.set()
        told.set()

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        self.log.clear()


@contextmanager
def start_postgresql(version: int, prefix: Sequence[str] = ()) -> Generator[PostgresqlServer]:
    """Run a fresh server of a major version (14 to 18) until the block ends, `prefix` before its command.

    Skips or fails the test through `required.missing` when the machine has none and can't fetch it.
    """
    programs = find_programs(version)
    template, password = _initialise(programs)
    home = make_folder(f"postgresql-{version}", in_memory=True)
    run(["cp", "-R", template, home / "pgdata"])
    with take_port() as port:
        server = PostgresqlServer(programs, home / "pgdata", port, password, prefix=prefix)
        try:
            server.start()
            yield server
        finally:
            server.stop()
            shutil.rmtree(home, ignore_errors=True)


@cache
def _initialise(programs: Path) -> tuple[Path, str]:
    """Return the data folder that servers of this process begin as copies of, and the superuser's password."""
    version = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True).stdout

    def make(folder: Path) -> None:
        home = make_folder("initialise", in_memory=True)
        secret = home / "password"
        secret.write_text(secrets.token_urlsafe(12))
        secret.chmod(0o644)
        run([programs / "initdb", *INITDB, f"--username={SUPERUSER}", f"--pwfile={secret}", "-D", home / "pgdata"])
        shutil.copytree(home, folder, dirs_exist_ok=True)
        shutil.rmtree(home)

    kept = keep_folder("postgresql-data", " ".join([version, *INITDB]), make)
    home = make_folder("template", in_memory=True)
    shutil.copytree(kept, home, dirs_exist_ok=True)
    hand_over(home)
    return home / "pgdata", (home / "password").read_text()
