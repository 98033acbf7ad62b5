"""A deadline ends what waits, from one thread of its own, which goes with it."""

import threading

import pytest

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncCancelledError

PATIENCE = 30.0
"""Seconds; what is waited for happens at once, or the test fails."""


def watch(deadline: Deadline) -> list[threading.Thread]:
    """Enter two blocks, and give the threads that came with them."""
    before = set(threading.enumerate())
    for _ in range(2):
        with deadline.aborting(lambda: None):
            pass
    return [thread for thread in threading.enumerate() if thread not in before]


def test_one_thread_watches_until_the_end_of_the_block() -> None:
    with Deadline(3600) as deadline:
        (thread,) = watch(deadline)
        assert thread.is_alive()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_deadline_that_nobody_closed_leaves_no_thread() -> None:
    (thread,) = watch(Deadline(3600))
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_one_that_is_not_watched_takes_no_thread_and_is_cancelled_all_the_same() -> None:
    deadline = Deadline(3600, is_watched=False)
    assert watch(deadline) == []
    ended = threading.Event()
    with deadline.aborting(ended.set):
        deadline.cancel()
    assert ended.is_set()
    with pytest.raises(SyncCancelledError):
        deadline.check()


def test_what_waits_when_time_is_up_is_ended() -> None:
    ended = threading.Event()
    entered: list[str] = []
    with Deadline(0.05) as deadline:
        with pytest.raises(DatabaseConnectionError, match=r"no answer within the deadline of 0\.05 s"):
            wait_for(ended, deadline)
        with pytest.raises(DatabaseConnectionError), deadline.aborting(lambda: None):
            entered.append("after the deadline")
    assert entered == []


def test_what_waits_when_it_is_cancelled_is_ended() -> None:
    ended = threading.Event()
    with Deadline(3600) as deadline:
        cancelling = threading.Timer(0.05, deadline.cancel)
        cancelling.start()
        with pytest.raises(SyncCancelledError):
            wait_for(ended, deadline)
        cancelling.join()


def wait_for(ended: threading.Event, deadline: Deadline) -> None:
    """Wait as a driver does that raises when its socket is shut down."""
    with deadline.aborting(ended.set):
        assert ended.wait(PATIENCE)
        raise ConnectionError
