"""A thread of its own for a driver's blocking calls, so that the caller can leave when a call does not come back.

`mssql-python` offers nothing that ends a call which waits in another thread: closing its connection waits for the
call, and a query timeout asks the server to acknowledge the cancel first, so a server that never answers holds it for
as long as it likes. Here the caller goes at its deadline, and the call is left behind in a daemon thread, which closes
the connection and ends as soon as the driver's own timeouts or the network's keep-alive let it return.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

from whalefall_pipeline.adapters.deadline import Deadline

Result = TypeVar("Result")


class CallAbandonedError(Exception):
    """The call had not come back when its time was up."""


class Worker:
    """Runs calls one after the other in one daemon thread; a connection is made, used and closed in it."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for call in iter(self._calls.get, None):
            call()

    def call(self, function: Callable[[], Result], deadline: Deadline, seconds: float) -> Result:
        """Return what the function returns or raises; CallAbandonedError after `seconds`.

        When the deadline passes or is cancelled first, its error is raised instead.
        """
        future: Future[Result] = Future()
        self._calls.put(lambda: _settle(future, function))
        with deadline.aborting(lambda: _abandon(future)):
            try:
                return future.result(seconds)
            except TimeoutError:
                raise CallAbandonedError from None

    def finish(self, last: Callable[[], None], seconds: float) -> None:
        """Let the thread run one more call, when it is free, and end; wait for that for `seconds` at most."""
        self._calls.put(last)
        self._calls.put(None)
        self._thread.join(seconds)


def _settle(future: Future[Result], function: Callable[[], Result]) -> None:
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - it is raised again, in the caller's thread
        with suppress(InvalidStateError):
            future.set_exception(error)
    else:
        with suppress(InvalidStateError):
            future.set_result(result)


def _abandon(future: Future[Result]) -> None:
    with suppress(InvalidStateError):
        future.set_exception(CallAbandonedError())
