"""What goes wrong on the stand-in because a test wants it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Before:
    """What is done when a statement with this text comes, before it is answered."""

    text: str
    do: Callable[[], object]


@dataclass
class Faults:
    """What goes wrong on purpose, by database name; `release` ends all that hangs.

    `refusing` and `refusing_text` refuse statements that name a database's views, or the database in a literal (where
    functions open it). `login` is the error that answers every login, `attempts` counts them.
    """

    hanging: set[str] = field(default_factory=set[str])
    locked: set[str] = field(default_factory=set[str])
    refusing: dict[str, str] = field(default_factory=dict[str, str])
    refusing_text: dict[str, str] = field(default_factory=dict[str, str])
    login: tuple[int, str] | None = None
    before: Before | None = None
    attempts: int = 0
    release: threading.Event = field(default_factory=threading.Event)
