"""Runs a reading in a thread of its own, and gives it up when it does not end: a driver may be stuck for ever."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.sync.cancellation import Cancellation

POLL_SECONDS = 0.5
AFTER_CANCEL_SECONDS = 5.0
"""How long a reading may take to end once it was cancelled."""
Result = TypeVar("Result")


def run_apart(
    work: Callable[[], Result], deadline: Deadline, cancellation: Cancellation, *, overrun_seconds: float
) -> Result:
    """Run `work` in another thread, and return what it returns or raise what it raises.

    Raises DatabaseConnectionError when it goes on for `overrun_seconds` after its deadline, and SyncCancelledError when
    it does for some seconds after a cancel; its thread is then left to itself, and ends with the process at the latest.
    """
    future: Future[Result] = Future()
    threading.Thread(target=_run, args=(work, future), name="sync reading", daemon=True).start()
    ends_at = time.monotonic() + deadline.remaining + overrun_seconds
    cancelled = False
    while not wait([future], max(0.0, min(POLL_SECONDS, ends_at - time.monotonic()))).done:
        if cancellation.is_cancelled and not cancelled:
            cancelled = True
            ends_at = min(ends_at, time.monotonic() + AFTER_CANCEL_SECONDS)
        if time.monotonic() >= ends_at:
            cancellation.check()
            late = f"its deadline of {deadline.seconds:g} s was over for {overrun_seconds:g} s"
            raise DatabaseConnectionError(f"the reading was given up: {late}, and it did not end", transient=False)
    return future.result()


def _run(work: Callable[[], Result], future: Future[Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is waited for
        future.set_exception(error)
