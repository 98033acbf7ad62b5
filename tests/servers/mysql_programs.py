"""What tests of MariaDB and MySQL need beside a server: its own command-line client, and its plugins for logins."""

import shutil
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.servers.debian import FetchError, fetch_package, fetch_program
from tests.servers.mysql import SOURCES, find_program, start
from tests.servers.required import missing
from whalefall_pipeline.demo.mysql_server import RunningServer

CLIENTS = {
    "mariadb": ("mariadb-client-core", "usr/bin/mariadb"),
    "mysql": ("mysql-client-core", "usr/bin/mysql"),
}
LOGIN_PLUGINS = {
    "mariadb": ("auth_ed25519", "auth_pam"),
    "mariadb-newest": ("auth_ed25519", "auth_parsec", "auth_mysql_sha2"),
    "mysql": ("auth_socket", "mysql_no_login"),
}


def _copy_tool(source: Path, target: Path) -> None:
    """Copy the program by which a server asks PAM, so that whoever the server runs as may start it."""
    shutil.copytree(source, target)
    for path in (target, *target.iterdir()):
        path.chmod(0o755)


@contextmanager
def start_with_plugins(
    engine: str, options: Sequence[str] = (), plugins: Sequence[str] | None = None
) -> Generator[RunningServer]:
    """Start a fresh server that has some of its plugins, by default those for logins; see `mysql.start`."""
    plugins = LOGIN_PLUGINS[engine] if plugins is None else plugins
    with tempfile.TemporaryDirectory(prefix="plugins-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        for name in plugins:
            shutil.copy(_find_plugins(engine) / f"{name}.so", folder)
        if "auth_pam" in plugins:
            _copy_tool(_find_plugins(engine) / "auth_pam_tool_dir", folder / "auth_pam_tool_dir")
        loaded = [f"--plugin-load-add={name}" for name in plugins]
        if SOURCES[engine].flavour == "mysql":
            loaded = [f"--plugin-load={';'.join(f'{name}.so' for name in plugins)}"]
        with start(engine, [f"--plugin-dir={folder}", *loaded, *options]) as server:
            yield server


def run_client(
    engine: str,
    server: RunningServer,
    script: str,
    folder: Path | None = None,
    login: tuple[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Feed a script to the server's own client, run in a folder, and return what it printed.

    `login` is a user's name and password; the administrator's by default.
    """
    user, password = login or (server.user, server.password)
    program = _find_client(engine)
    plugins = next(program.parent.parent.glob("lib/*/libmariadb3/plugin"), None)
    options = [f"--plugin-dir={plugins}"] if plugins else []
    command = [program, "--no-defaults", "--protocol=tcp", "--default-character-set=utf8mb4", *options]
    command += [f"--user={user}", f"--password={password}", f"--host={server.host}", f"--port={server.port}"]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=False, cwd=folder)


@cache
def _find_client(engine: str) -> Path:
    package, program = CLIENTS[SOURCES[engine].flavour]
    try:
        return fetch_program(package, program, suite=SOURCES[engine].suite)
    except FetchError as error:
        missing(engine, str(error))


@cache
def _find_plugins(engine: str) -> Path:
    source = SOURCES[engine]
    try:
        if source.flavour == "mysql":
            return find_program(engine).parent.parent / "lib/mysql/plugin"
        return fetch_package("mariadb-server", suite=source.suite) / "usr/lib/mysql/plugin"
    except FetchError as error:
        missing(engine, str(error))
