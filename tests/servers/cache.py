"""What is fetched or made once and kept for all checkouts of this user: server programs, initialised data folders."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder in which all of it is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "whalefall-pipeline"


@contextmanager
def only_one(path: Path) -> Generator[None]:
    """Let one process at a time make what `path` names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def keep_folder(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return the kept folder of a kind and key; `make` fills a new, empty one where there is none.

    The key says all that the content depends on: the program's version and how it is called.
    """
    kept = cache_folder() / f"{kind}-{sha256(key.encode()).hexdigest()[:16]}"
    with only_one(kept):
        if not kept.is_dir():
            with tempfile.TemporaryDirectory(dir=kept.parent, prefix="making-") as temporary:
                made = Path(temporary) / kind
                made.mkdir(mode=0o700)
                make(made)
                shutil.move(made, kept)
    return kept
