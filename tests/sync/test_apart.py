"""A reading that does not end when its time is up is given up: its record fails, and the session goes on."""

import threading

import pytest

from tests.engines.scripted import Fleet, user
from tests.ledger.rows import read
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.errors import SyncCancelledError
from whalefall_pipeline.sync import apart
from whalefall_pipeline.sync.apart import run_apart
from whalefall_pipeline.sync.cancellation import Cancellation

WAIT_SECONDS = 30


def test_a_login_that_never_ends_fails_its_instance_alone(fleet: Fleet) -> None:
    fleet.register("two")
    fleet.adapter.accounts = [user("ana")]
    release, stuck = threading.Event(), threading.Event()

    def hang(step: str) -> None:
        if step == "open" and not stuck.is_set():
            stuck.set()
            release.wait(WAIT_SECONDS)

    fleet.adapter.hook = hang
    outcomes = fleet.sync(parallelism=1, instance_seconds=0.2, overrun_seconds=0.1, attempts=3)
    release.set()
    errors = {outcome.instance.name: outcome.error for outcome in outcomes}
    assert errors["two"] is None
    assert "was given up: its deadline of 0.2 s was over" in str(errors["one"])
    (session,) = read(fleet.engine, "select status, successful_instances, failed_instances from sync_sessions")
    assert tuple(session.values()) == ("failed", 1, 1)
    assert read(fleet.engine, "select from pg_locks where locktype = 'advisory'") == []


def test_a_cancel_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "AFTER_CANCEL_SECONDS", 0.1)
    release, cancellation = threading.Event(), Cancellation()
    threading.Timer(0.1, cancellation.cancel).start()
    with pytest.raises(SyncCancelledError), Deadline(WAIT_SECONDS) as deadline:
        run_apart(lambda: release.wait(WAIT_SECONDS), deadline, cancellation, overrun_seconds=WAIT_SECONDS)
    release.set()


def test_what_it_returns_or_raises_comes_through() -> None:
    with Deadline(WAIT_SECONDS) as deadline:
        assert run_apart(lambda: 7, deadline, Cancellation(), overrun_seconds=1) == 7
        with pytest.raises(ZeroDivisionError):
            run_apart(lambda: 1 // 0, deadline, Cancellation(), overrun_seconds=1)
