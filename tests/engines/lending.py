"""Running servers that tests borrow: one that is given back is lent again, taken back to what it was after its start.

Starting a server is dear, so those of a process are shared by all of its tests.
"""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

IDLE = 3
"""How many servers a lender keeps running that nobody has."""


class Lendable(Protocol):
    """A server that can be lent."""

    def is_running(self) -> bool:
        """Whether it still answers its administrator."""
        ...

    def reset(self) -> None:
        """See `tests.engines.engine.Server`."""
        ...


T = TypeVar("T", bound=Lendable)


@dataclass
class _Started(Generic[T]):
    name: str
    server: T
    stack: ExitStack


class Lender(Generic[T]):
    """The servers of one kind; they are told apart by name, as `postgresql-18`."""

    all: ClassVar[list["Lender[Any]"]] = []

    def __init__(self) -> None:
        self._idle: list[_Started[T]] = []
        Lender.all.append(self)

    @contextmanager
    def lend(self, name: str, start: Callable[[], AbstractContextManager[T]]) -> Generator[T]:
        """Yield a server that nobody else has meanwhile: an idle one of this name, else one that `start` starts."""
        lent = self._take(name) or self._start(name, start)
        try:
            yield lent.server
        finally:
            self._idle.append(lent)
            if len(self._idle) > IDLE:
                self._idle.pop(0).stack.close()

    def end(self) -> None:
        """End all servers that nobody has."""
        while self._idle:
            self._idle.pop().stack.close()

    def _start(self, name: str, start: Callable[[], AbstractContextManager[T]]) -> _Started[T]:
        stack = ExitStack()
        return _Started(name, stack.enter_context(start()), stack)

    def _take(self, name: str) -> _Started[T] | None:
        for idle in [idle for idle in self._idle if idle.name == name]:
            self._idle.remove(idle)
            if idle.server.is_running():
                idle.server.reset()
                return idle
            idle.stack.close()
        return None
