"""Appends rows to several tables: of many, in a thread of its own, so that the server takes in some while the caller
makes the next.
"""

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from queue import Queue
from typing import NamedTuple, TypeAlias

from sqlalchemy import Connection

from whalefall_pipeline.ledger.database import copy_texts, join_lines

MANY = 1000
"""Accounts from which on a thread is worth its start."""
MOST_WAITING = 64
"""Texts that wait for the server, each some hundred kilobytes at most: memory is bounded by them."""


class _Table(NamedTuple):
    """That what follows goes into this table."""

    name: str
    columns: Sequence[str]


class _End:
    """That the rows of a table are complete. No text says so: one may be empty, as of accounts without grants."""


END_OF_TABLE = _End()
_Part: TypeAlias = "_Table | str | _End | threading.Event | None"
"""What goes to the thread: a table, its texts and their end; what is set when it comes there; None: no more."""


class _StoppedError(Exception):
    """The caller failed, so that what was begun is not to be completed."""


class Copier:
    """Appends rows; until `wait` or the end of its block nothing else may use the connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
        """Append rows that are lines of COPY's text format, each with its end; a text may hold any number."""
        copy_texts(self._connection, table, columns, join_lines(lines))

    def wait(self) -> None:
        """Return when all of it is with the server. Raises what went wrong there."""

    def take_connection(self) -> Connection:
        """Return the connection when it is free, to be used until the next rows are appended. Raises as `wait` does."""
        self.wait()
        return self._connection


class _ThreadedCopier(Copier):
    """Appends them in a thread; what goes wrong there is raised by the next call, or at the end of the block."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._parts: Queue[_Part] = Queue(MOST_WAITING)
        self._error: BaseException | None = None
        self._is_stopped = False
        self._is_within = False
        self._thread = threading.Thread(target=self._run, name="ledger copy", daemon=True)
        self._thread.start()

    def append(self, table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
        """See Copier."""
        self._put(_Table(table, columns))
        for text in join_lines(lines):
            self._put(text)
        self._put(END_OF_TABLE)

    def wait(self) -> None:
        """See Copier."""
        done = threading.Event()
        self._put(done)
        done.wait()
        self._raise()

    def end(self, *, stop: bool) -> None:
        """End the thread: when all is done, or without completing what is under way."""
        self._is_stopped = stop
        self._parts.put(END_OF_TABLE)
        self._parts.put(None)
        self._thread.join()

    def _put(self, part: "_Part") -> None:
        self._raise()
        self._parts.put(part)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        """Work through the parts; after an error they are thrown away, so that the caller never waits for ever."""
        while (part := self._parts.get()) is not None:
            if isinstance(part, threading.Event):
                part.set()
            elif isinstance(part, _Table) and self._error is None:
                self._copy(part)

    def _copy(self, table: _Table) -> None:
        self._is_within = True
        try:
            copy_texts(self._connection, table.name, table.columns, self._list_texts())
        except BaseException as error:  # noqa: BLE001 - raised again where the caller goes on
            self._error = error
            while self._is_within:
                self._is_within = self._parts.get() is not END_OF_TABLE

    def _list_texts(self) -> Iterator[str]:
        while isinstance(text := self._parts.get(), str):
            yield text
        self._is_within = False
        if self._is_stopped:
            raise _StoppedError


@contextmanager
def copying(connection: Connection, accounts: int) -> Generator[Copier]:
    """Yield what appends rows of so many accounts, in the connection's transaction. Raises what went wrong there."""
    if accounts < MANY:
        yield Copier(connection)
        return
    copier = _ThreadedCopier(connection)
    try:
        yield copier
        copier.wait()
    except BaseException:
        copier.end(stop=True)
        raise
    copier.end(stop=False)
