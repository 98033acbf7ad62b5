"""What users of the embedded server call: hold it, ask whether it runs, stop it."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from whalefall_pipeline.embedded.cluster import (
    GUARD_LOCK,
    HOST,
    READY,
    START_LOCK,
    START_SECONDS,
    USERNAME,
    USERS_LOCK,
)
from whalefall_pipeline.embedded.errors import EmbeddedServerError, explain
from whalefall_pipeline.embedded.postmaster import interrupt, read_postmaster
from whalefall_pipeline.system import locked, make_private, try_lock

_STOP_SECONDS = 60.0
_NOTICE_SECONDS = 1.0
"""Within which a server's guard notices that nobody uses it: it waits for just that."""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """How to reach the server, as the superuser that owns all databases on it."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)

    def url(self, database: str, *, driver: str = "psycopg") -> str:
        """Return the SQLAlchemy URL of a database, password included; with `driver=""` a plain postgresql:// one."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        secret = quote(self.password, safe="")
        return f"{scheme}://{quote(self.username)}:{secret}@{self.host}:{self.port}/{quote(database, safe='')}"

    def ensure_database(self, name: str) -> None:
        """Create a database where it is missing."""
        import psycopg  # noqa: PLC0415 - the guard imports this package and should start without the driver
        from psycopg import errors, sql  # noqa: PLC0415

        try:
            with psycopg.connect(self.url("postgres", driver=""), autocommit=True) as connection:
                found = connection.execute("select from pg_database where datname = %s", [name])
                if not found.rowcount:
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        except (errors.DuplicateDatabase, errors.UniqueViolation):
            return  # another user created it at this very moment
        except psycopg.Error as error:
            reason = str(error).strip().partition("\n")[0]
            raise EmbeddedServerError(f"there is no database {name} and none can be created: {reason}") from None


@contextmanager
def embedded_server(folder: Path) -> Generator[EmbeddedServer]:
    """Hold the server of a folder, started first if nobody else uses it; the last user's end stops it.

    Raises EmbeddedServerError with one line that says what to do.
    """
    with ExitStack() as held:
        try:
            server = _join(folder.absolute(), held)
        except OSError as error:
            raise EmbeddedServerError(explain(folder, error)) from None
        yield server


def keep(folder: Path) -> AbstractContextManager[None]:
    """Keep a server that runs until this is left, as a user does; for a program that must outlive who started it."""
    return locked(folder / USERS_LOCK, shared=True)


def is_running(folder: Path) -> bool:
    """Return whether the server of a folder runs; false where there is none."""
    if not (folder / GUARD_LOCK).exists():
        return False
    with locked(folder / START_LOCK):
        free = try_lock(folder / GUARD_LOCK)
        if free:
            free.close()
        return free is None


def stop(folder: Path) -> bool:
    """Stop the server of a folder, also under those who use it; false when it did not run."""
    if not is_running(folder):
        return False
    with locked(folder / START_LOCK):
        ends_at = time.monotonic() + _STOP_SECONDS
        while (free := try_lock(folder / GUARD_LOCK)) is None:
            postmaster = interrupt(folder)
            if time.monotonic() > ends_at:
                raise EmbeddedServerError(
                    f"process {postmaster}, the server in {folder}, does not end"
                    if postmaster
                    else f"the server in {folder} does not end, and {folder}/data/postmaster.pid does not name it"
                )
            time.sleep(0.05)
        free.close()
    return True


def wait_for_end(folder: Path) -> None:
    """Wait until a server that nobody uses any more has stopped; return at once, or nearly, where others use it.

    For the last act of a process that is itself the end of all others, as in a container or a systemd unit.
    """
    begun = time.monotonic()
    while is_running(folder) and (waited := time.monotonic() - begun) < _STOP_SECONDS:
        if waited > _NOTICE_SECONDS and _is_used(folder):
            return
        time.sleep(0.02)


def _is_used(folder: Path) -> bool:
    """Whether the server stays: a guard that stops it holds the users' lock alone."""
    with (folder / USERS_LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _join(folder: Path, held: ExitStack) -> EmbeddedServer:
    make_private(folder)
    held.enter_context(locked(folder / USERS_LOCK, shared=True))
    with locked(folder / START_LOCK):
        return _find_or_start(folder)


def _find_or_start(folder: Path) -> EmbeddedServer:
    """Return a server that takes connections; one that is stopping, or starting after a crash, is waited for."""
    ends_at = time.monotonic() + START_SECONDS
    reason = "it is starting or stopping"
    while time.monotonic() < ends_at:
        lock = try_lock(folder / GUARD_LOCK)
        if lock is not None:
            with lock:
                _start_guard(folder, lock)
            return _read_server(folder)
        if read_postmaster(folder, ready=True):
            server = _read_server(folder)
            reason = _try_login(server)
            if reason is None:
                return server
        time.sleep(0.02)
    raise EmbeddedServerError(f"the server in {folder} does not answer: {reason}; see {folder / 'postgres.log'}")


def _read_server(folder: Path) -> EmbeddedServer:
    port = int((folder / "port").read_text(encoding="ascii"))
    return EmbeddedServer(HOST, port, USERNAME, (folder / "password").read_text(encoding="utf-8"))


def _try_login(server: EmbeddedServer) -> str | None:
    """Log in, since the server's lock file tells the truth only while the server can write it; why not, or None."""
    import psycopg  # noqa: PLC0415 - as above

    try:
        psycopg.connect(server.url("postgres", driver=""), connect_timeout=10).close()
    except psycopg.OperationalError as error:
        return str(error).strip().partition("\n")[0]
    return None


def _start_guard(folder: Path, lock: BinaryIO) -> None:
    """Start the guard, hand it the lock, and wait for its word."""
    reads, writes = os.pipe()
    guard = [sys.executable, "-P", "-m", "whalefall_pipeline.embedded"]
    with os.fdopen(reads, encoding="utf-8") as report:
        try:
            with (folder / "postgres.log").open("ab") as log:
                subprocess.run(  # noqa: S603 - our own module, without a shell
                    [*guard, str(folder), str(lock.fileno()), str(writes)],
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lock.fileno(), writes),
                    start_new_session=True,
                    check=False,
                )
        finally:
            os.close(writes)
        said = report.read()
    if said != READY:
        raise EmbeddedServerError(said or f"the server's guard ended without a word; see {folder / 'postgres.log'}")
