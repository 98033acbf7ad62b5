"""Server programs out of Debian packages, unpacked into the user's cache beside the system: nothing is installed.

A package comes with all that it depends on, the C library too, and runs through its own loader; so a newer suite than
the machine's works. Needs `apt-get` and `dpkg-deb`, no rights. The mirror is the one that the machine uses.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.servers.cache import cache_folder, only_one

WRAPPER = '#!/bin/sh\nexec "{loader}" --library-path "{libraries}" "{program}" "$@"\n'
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class FetchError(Exception):
    """The packages could not be had; the text says why."""


def fetch_program(package: str, program: str, *, suite: str | None = None) -> Path:
    """Return a package's program, from the cache or, once, from the mirror; `suite` None: the machine's own.

    Raises FetchError when there is no apt, no mirror, or no such package.
    """
    kept = cache_folder() / f"{package}-{suite or 'own'}"
    with only_one(kept):
        if not kept.is_dir():
            _fetch(package, program, suite, kept)
    return kept / program


def fetch_package(package: str, *, suite: str | None = None) -> Path:
    """Return the folder that a package is unpacked in, without what it depends on: for a program's plugins.

    Raises FetchError as `fetch_program` does.
    """
    kept = cache_folder() / f"{package}-{suite or 'own'}-alone"
    with only_one(kept):
        if not kept.is_dir():
            with tempfile.TemporaryDirectory(dir=kept.parent, prefix="fetching-") as temporary:
                folder = Path(temporary)
                (archive,) = _download(package, suite, folder, alone=True)
                _run(["dpkg-deb", "-x", str(archive), str(folder / "root")])
                (folder / "root").chmod(0o755)
                (folder / "root").rename(kept)
    return kept


def _fetch(package: str, program: str, suite: str | None, kept: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise FetchError("no apt-get on this machine")
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="fetching-") as temporary:
        folder = Path(temporary)
        root = folder / "root"
        root.mkdir()
        for archive in _download(package, suite, folder):
            _run(["dpkg-deb", "-x", str(archive), str(root)])
        _wrap(root, root / program, kept)
        root.chmod(0o755)
        root.rename(kept)


def _download(package: str, suite: str | None, folder: Path, *, alone: bool = False) -> list[Path]:
    """Download a package with an apt configuration of its own.

    All that it depends on comes with it, as for an empty machine, unless it is wanted `alone`.
    """
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    options = {
        "Dir::State": str(folder),
        "Dir::State::Lists": str(folder / "lists"),
        "Dir::State::Status": str(folder / "status"),
        "Dir::Cache": str(folder),
        "Dir::Cache::Archives": str(folder / "archives"),
        "APT::Sandbox::User": "",
    }
    if suite:
        sources = folder / "sources.list"
        sources.write_text(_source(suite))
        options |= {"Dir::Etc::SourceList": str(sources), "Dir::Etc::SourceParts": "/dev/null"}
    flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    _run(["apt-get", *flags, "-qq", "update"])
    if alone:
        _run(["apt-get", *flags, "-qq", "download", package], folder / "archives")
    else:
        _run(["apt-get", *flags, "-qq", "-y", "--no-install-recommends", "--download-only", "install", package])
    return sorted((folder / "archives").glob("*.deb"))


def _source(suite: str) -> str:
    """Return the source line of another suite on the mirror that the machine takes its own packages from."""
    answer = _run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Identifier: Packages"])
    targets = [line.split() for line in answer.splitlines()]
    mirrors = [site for site, release, component in targets if component == "main" and "-" not in release]
    if not mirrors:
        raise FetchError("apt knows no Debian mirror on this machine")
    signed_by = f"[signed-by={KEYRING}] " if KEYRING.is_file() else ""
    return f"deb {signed_by}{mirrors[0]} {suite} main\n"


def _wrap(root: Path, program: Path, kept: Path) -> None:
    """Put a script in the program's place that runs it through its own loader, from where it will be kept."""
    loader = next(root.glob("**/*-linux-gnu*/ld-linux*.so.*"))
    libraries = [path for path in (root / base / loader.parent.name for base in ("usr/lib", "lib")) if path.is_dir()]
    binary = program.with_name(f"{program.name}.bin")
    program.rename(binary)
    program.write_text(
        WRAPPER.format(
            loader=kept / loader.relative_to(root),
            libraries=":".join(str(kept / path.relative_to(root)) for path in libraries),
            program=kept / binary.relative_to(root),
        )
    )
    program.chmod(0o755)


def _run(command: list[str], folder: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise FetchError(f"{command[0]} {command[-1]} failed: {' '.join(done.stderr.split())[-300:]}")
    return done.stdout
