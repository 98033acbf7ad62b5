"""What the embedded server raises."""

import pwd
from pathlib import Path

from whalefall_pipeline.core.errors import WhalefallError


class EmbeddedServerError(WhalefallError):
    """The embedded server can't be had; one line that says why and what to do."""


def explain(folder: Path, error: OSError) -> str:
    """Return in one line what the operating system refused."""
    if isinstance(error, PermissionError):
        return (
            f"{error.filename} can't be used: {folder} belongs to {_owner(folder)}; run as that user, or set "
            "WHALEFALL_HOME to a folder of your own"
        )
    return f"the server in {folder} can't be used: {error.strerror} ({error.filename})"


def _owner(folder: Path) -> str:
    try:
        uid = folder.stat().st_uid
    except OSError:
        return "somebody else"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
