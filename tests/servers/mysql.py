"""MariaDB and MySQL servers for tests: a fresh one each time, from a data folder that is made once per version."""

import shutil
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.servers.cache import keep_folder
from tests.servers.debian import FetchError, fetch_program
from tests.servers.ports import take_port
from tests.servers.required import missing
from tests.servers.unprivileged import hand_over, make_folder
from whalefall_pipeline.demo.mysql_server import (
    Flavour,
    RunningServer,
    find_server_program,
    initialise,
    read_flavour,
    start_server,
)

QUICK = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=OFF",
    "--innodb-fast-shutdown=2",
)


class Source(NamedTuple):
    """Where an engine's program comes from: this machine (`local`), or a Debian package of a suite (None: its own)."""

    flavour: Flavour
    package: str
    program: str
    suite: str | None
    local: bool


SOURCES = {
    "mariadb": Source("mariadb", "mariadb-server-core", "usr/sbin/mariadbd", None, local=True),
    "mariadb-newest": Source("mariadb", "mariadb-server-core", "usr/sbin/mariadbd", "sid", local=False),
    "mysql": Source("mysql", "mysql-server-core", "usr/sbin/mysqld", "sid", local=True),
}


@contextmanager
def start(engine: str, options: Sequence[str] = ()) -> Generator[RunningServer]:
    """Start a fresh server of an engine; without a program, skips or fails the test (`required.missing`)."""
    program = find_program(engine)
    folder = make_folder(engine, in_memory=True)
    try:
        folder.chmod(0o755)
        subprocess.run(["cp", "-R", _template(program) / "data", folder / "data"], check=True)
        hand_over(folder / "data")
        (folder / "tmp").mkdir()  # of its own: a MariaDB that starts deletes the temporary tables that it finds
        hand_over(folder / "tmp")
        own = [f"--tmpdir={folder / 'tmp'}"]
        with take_port() as port, start_server(program, folder, port, [*QUICK, *own, *options]) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def find_program(engine: str) -> Path:
    """Return an engine's server program: the machine's own where it is the right one, else a fetched one."""
    source = SOURCES[engine]
    local = find_server_program() if source.local else None
    if local and read_flavour(local) == source.flavour:
        return local
    try:
        return fetch_program(source.package, source.program, suite=source.suite)
    except FetchError as error:
        missing(engine, str(error))


@cache
def _template(program: Path) -> Path:
    version = subprocess.run([program, "--no-defaults", "--version"], capture_output=True, text=True, check=True).stdout

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="initialise-") as temporary:
            Path(temporary).chmod(0o755)
            initialise(program, Path(temporary))
            shutil.copytree(temporary, folder, dirs_exist_ok=True)

    return keep_folder("data", version, make)
