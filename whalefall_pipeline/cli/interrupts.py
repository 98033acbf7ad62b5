"""Ctrl-C while something is begun that has to be known before it can be ended."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class Interrupts:
    """Whether somebody pressed Ctrl-C meanwhile."""

    heard: bool = False


@contextmanager
def held_back() -> Generator[Interrupts]:
    """Hear the first SIGINT or SIGTERM of the block without ending it; a second one ends it at once."""
    said = Interrupts()

    def hear(number: int, frame: FrameType | None) -> None:
        if said.heard:
            signal.default_int_handler(number, frame)
        said.heard = True

    former = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield said
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
