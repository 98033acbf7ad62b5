"""MariaDB and MySQL servers for tests: a fresh one each time, from a data folder that is made once per version."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from tests.servers.debian import FetchError, cache_folder, fetch_program, only_one
from tests.servers.required import missing
from whalefall_pipeline.demo.mysql_server import (
    UNPRIVILEGED,
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
    with tempfile.TemporaryDirectory(prefix=f"{engine}-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        shutil.copytree(_template(program) / "data", folder / "data")
        _give_away(folder / "data")
        with start_server(program, folder, options=[*QUICK, *options]) as server:
            yield server


@cache
def find_program(engine: str) -> Path:
    """Give an engine's server program: the machine's own where it is the right one, else a fetched one."""
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
    version = subprocess.run([program, "--no-defaults", "--version"], capture_output=True, check=True).stdout
    kept = cache_folder() / f"data-{sha256(version).hexdigest()[:16]}"
    with only_one(kept):
        if not kept.is_dir():
            with tempfile.TemporaryDirectory(prefix="initialise-") as temporary:
                folder = Path(temporary)
                folder.chmod(0o755)
                initialise(program, folder)
                made = kept.with_name(f"{kept.name}.{os.getpid()}")
                shutil.copytree(folder, made)
                made.rename(kept)
    return kept


def _give_away(folder: Path) -> None:
    """Let a server that root starts own its data."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, UNPRIVILEGED)
