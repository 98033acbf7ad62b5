"""What a command tells the supervisor, what that says in return, and the files by which others find it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from whalefall_pipeline.system import write_private

READY, NOTICE, FAILED = "ready", "notice", "failed"
"""The first word of each line that the supervisor prints."""

LOCK = "up.lock"
"""Held by the supervisor of a home."""
STATE = "up.json"
"""The supervisor's process id and, once it answers, the webserver's address."""


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """What to run and where."""

    home: str
    host: str
    port: int
    module: str
    embedded: str | None
    """Folder of the embedded server that has to stay until the services have ended."""
    read_only: bool
    """Whether the UI starts and changes nothing."""
    run_grace_seconds: float
    """How long active runs may go on when the services are told to end; then they are interrupted."""

    def to_json(self) -> str:
        """Return the plan as one argument of a command."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "ServicePlan":
        """Return the plan that `to_json` made."""
        return ServicePlan(**json.loads(text))


def write_state(home: Path, address: str | None) -> None:
    """Write for others that this process supervises a home."""
    write_private(home / STATE, json.dumps({"pid": os.getpid(), "address": address}))


def read_state(home: Path) -> tuple[int | None, str | None]:
    """Read the process id and the address; None for what is not there."""
    try:
        state = json.loads((home / STATE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None, None
    return state["pid"], state["address"]
