"""A MariaDB or MySQL server of our own: initialised in a given folder, on a loopback port, from a server program.

The demo starts one when the machine has a program; the tests start theirs from the same code. As root, the server
itself changes to an unprivileged user, who is given the data folder and nothing else.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from whalefall_pipeline.system import on_parent_death

Flavour = Literal["mariadb", "mysql"]

HOST = "127.0.0.1"
ADMIN = "root"
UNPRIVILEGED = "nobody"
PROGRAMS = ("mariadbd", "mysqld")
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")
START_SECONDS = 60
STOP_SECONDS = 30

FIRST_WORDS = """\
ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';
DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1';
"""

SMALL = (
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=64M",
    f"--bind-address={HOST}",
    "--socket=server.sock",
    "--pid-file=server.pid",
)
FLAVOUR_OPTIONS: dict[Flavour, tuple[str, ...]] = {
    "mariadb": (),
    "mysql": ("--mysqlx=OFF", "--secure-file-priv=NULL"),
}


@dataclass
class RunningServer:
    """A server that accepts connections on loopback, and its administrator's login."""

    flavour: Flavour
    port: int
    password: str = field(repr=False)
    process: subprocess.Popen[bytes] = field(repr=False)
    host: str = HOST
    user: str = ADMIN

    def stop(self) -> None:
        """Ask the server to shut down and wait for it; end it when it does not."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def find_server_program() -> Path | None:
    """Find `mariadbd` or `mysqld` on PATH or where systems keep their daemons; None: there is none."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *SYSTEM_FOLDERS))
    found = (shutil.which(name, path=path) for name in PROGRAMS)
    return next((Path(program) for program in found if program), None)


@cache
def read_flavour(program: Path) -> Flavour:
    """Ask a server program whose it is: a `mysqld` may be MariaDB's."""
    answer = subprocess.run([program, "--no-defaults", "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - the program that the caller chose
    return "mariadb" if "MariaDB" in answer.stdout else "mysql"


def initialise(program: Path, folder: Path) -> None:
    """Make a data folder `folder`/data with the system tables and an administrator without a password.

    Raises RuntimeError with the server's own last words when it refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(mode=0o700)
    _change_owner(folder / "data")
    if read_flavour(program) == "mysql":
        _run(program, folder, ["--initialize-insecure"])
    else:
        _run(program, folder, ["--bootstrap"], _system_tables(program))


@contextmanager
def start_server(program: Path, folder: Path, port: int = 0, options: Sequence[str] = ()) -> Generator[RunningServer]:
    """Run a server on `folder`/data, which is initialised if it is not there, until the block ends.

    Port 0 takes a free one. Each start gives the administrator a new random password. Raises RuntimeError when the
    server does not come up within START_SECONDS.
    """
    if not (folder / "data").exists():
        initialise(program, folder)
    server = _launch(program, folder, port or find_free_port(), options)
    try:
        _wait_until_ready(server, folder)
        yield server
    finally:
        server.stop()


def find_free_port() -> int:
    """Return a loopback port that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _launch(program: Path, folder: Path, port: int, options: Sequence[str]) -> RunningServer:
    flavour = read_flavour(program)
    password = secrets.token_urlsafe(18)
    first_words = folder / "data" / "first_words.sql"
    first_words.touch(mode=0o600)
    first_words.write_text(FIRST_WORDS.format(password=password))
    _change_owner(first_words)
    command = [*_command(program, folder), *SMALL, *FLAVOUR_OPTIONS[flavour], f"--port={port}", *options]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - the program that the caller chose
            [*command, f"--init-file={first_words}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=on_parent_death(signal.SIGTERM),  # noqa: PLW1509 - it takes no lock of ours
        )
    return RunningServer(flavour, port, password, process)


def _wait_until_ready(server: RunningServer, folder: Path) -> None:
    """Wait for the server's greeting: it accepts connections a moment before it answers them."""
    give_up_at = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < give_up_at:
        with suppress(OSError), socket.create_connection((server.host, server.port), timeout=1) as connection:
            if connection.recv(1):
                (folder / "data" / "first_words.sql").unlink()
                return
        time.sleep(0.02)
    raise RuntimeError(f"the {server.flavour} server did not start: {_last_words(folder / 'server.log')}")


def _command(program: Path, folder: Path) -> list[str | Path]:
    user = [f"--user={UNPRIVILEGED}"] if os.geteuid() == 0 else []
    base = _base_folder(program)
    return [program, "--no-defaults", f"--basedir={base}", f"--datadir={folder / 'data'}", *user]


def _base_folder(program: Path) -> Path:
    return program.resolve().parent.parent


def _run(program: Path, folder: Path, options: list[str], statements: bytes = b"") -> None:
    log = folder / "initialise.log"
    with log.open("wb") as output:
        command = [*_command(program, folder), *options]
        done = subprocess.run(command, input=statements, stdout=output, stderr=subprocess.STDOUT, check=False)  # noqa: S603 - see above
    if done.returncode:
        shutil.rmtree(folder / "data")
        raise RuntimeError(f"{program.name} could not make a data folder: {_last_words(log)}")


def _system_tables(program: Path) -> bytes:
    """Return what `mariadb-install-db` would feed the server, which needs programs of other packages to do so."""
    share = _base_folder(program) / "share"
    shared = next((share / name for name in ("mariadb", "mysql") if (share / name / "charsets").is_dir()), share)
    parts = ("system_tables", "performance_tables", "system_tables_data")
    files = [next(iter(sorted(shared.glob(f"m*_{part}.sql")))) for part in parts]
    first = b"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\nSET @skip_auth_anonymous=1;\n"
    lines = b"\n".join(file.read_bytes() for file in files).splitlines(keepends=True)
    return first + b"".join(line for line in lines if b"@current_hostname" not in line)


def _change_owner(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, UNPRIVILEGED)


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return " | ".join(lines[-3:])
