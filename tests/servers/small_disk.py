"""A small file system that one program and its children see, at a folder; it is full soon, and goes with them.

It is a tmpfs in a mount namespace of the program's own, so nothing of the machine is touched. That takes root, or a
system that lets its users have namespaces.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.servers.unprivileged import run_as

SIZE = "64m"
_MOUNT = 'mount -t tmpfs -o "size=$1,mode=0700,uid=$2,gid=$3" none "$4" || exit; user=$5 group=$6; shift 6; '
_AS_ROOT = _MOUNT + 'exec setpriv --reuid "$user" --regid "$group" --clear-groups -- "$@"'
_AS_USER = _MOUNT + 'exec unshare --user --map-user="$user" --map-group="$group" -- "$@"'


def build_prefix(folder: Path) -> Sequence[str]:
    """Return what a command begins with that is to see it; the program runs as servers do, and owns it."""
    who = run_as()
    if "user" in who and "group" in who:
        ids = [str(who["user"]), str(who["group"])]
        return ["unshare", "--mount", "--", "sh", "-c", _AS_ROOT, "sh", SIZE, *ids, str(folder), *ids]
    ids = [str(os.geteuid()), str(os.getegid())]
    own = ["unshare", "--user", "--map-root-user", "--mount", "--"]
    return [*own, "sh", "-c", _AS_USER, "sh", SIZE, "0", "0", str(folder), *ids]


def find_obstacle(folder: Path) -> str | None:
    """Return why there can be none on this machine; None: there can."""
    try:
        tried = subprocess.run([*build_prefix(folder), "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        return f"there is no {missing.filename}"
    return tried.stderr.strip() or f"exit code {tried.returncode}" if tried.returncode else None
