"""A cancel, however it comes and whatever it meets: what is done stays, what runs is rolled back, nothing is left."""

import signal
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

import pytest

from tests.end_to_end.triggers.stage import Stage, find_name
from tests.waiting import is_alive, wait_for

AT_MOST = timedelta(seconds=5)
READING, WRITING, WAITING = "while it reads", "while it writes", "while it waits for another session"
BLOCKED = "select pid from pg_locks where relation = 'account_holding'::regclass and not granted"


@contextmanager
def held(stage: Stage, place: str) -> Generator[list[str]]:
    """Yield the names of a run that does dogwood, if grants may be written, is held at oak, and has pine behind it."""
    # what was synced before has nothing to write
    names = [find_name("oak"), find_name("pine")]
    if place != WRITING:
        names.insert(0, "dogwood")
    *_, first, second = names
    with ExitStack() as held:
        held.enter_context(stage.stuck_instance(first) if place == READING else stage.instances(**{first: 0}))
        held.enter_context(stage.instances(**{second: 0}))
        if place == WRITING:
            held.enter_context(stage.holding_grants())
        if place == WAITING:
            held.enter_context(stage.holding_lock(first))
        yield names


def wait_until_held(stage: Stage, run_id: str, place: str, names: Sequence[str]) -> None:
    stage.wait_for_record(run_id, names[-2], "pending" if place == WAITING else "running")
    if place == WRITING:
        wait_for(lambda: stage.read(BLOCKED), "a write that waits")
    else:
        stage.wait_for_record(run_id, "dogwood", "completed")


def read_clock(stage: Stage) -> datetime:
    moment: datetime = stage.read("select clock_timestamp() as now")[0]["now"]
    return moment


def check_cancelled(stage: Stage, run_id: str, asked_at: datetime, names: Sequence[str]) -> None:
    """Check what is left; whatever held the run holds it still."""
    session = stage.wait_for_session(run_id)
    assert (session["status"], session["message"]) == ("cancelled", "the run was cancelled")
    assert session["ended_at"] - asked_at < AT_MOST
    states = stage.read_states(run_id)
    assert [states.pop(name) for name in names[-2:]] == ["cancelled", "cancelled"]
    assert set(states.values()) <= {"completed"}
    assert stage.api.read_status(run_id) == "CANCELED"
    # a server notices only when it next writes or looks that the collector has left
    wait_for(lambda: not stage.list_collectors(), "the end of the collector's connections")
    assert stage.read(BLOCKED) == []


@pytest.mark.parametrize("place", [READING, WRITING, WAITING])
def test_a_run_that_is_terminated(stage: Stage, place: str) -> None:
    with held(stage, place) as names:
        run_id = stage.api.launch_range(names[0], names[-1])
        wait_until_held(stage, run_id, place, names)
        if place == READING:
            session = stage.read_session(run_id)
            counts = (session["total_instances"], session["successful_instances"], session["failed_instances"])
            assert (session["status"], *counts) == ("running", 3, 1, 0)
            assert stage.read_states(run_id) == dict(zip(names, ("completed", "running", "pending"), strict=True))
        worker = wait_for(lambda: stage.api.find_worker(run_id), "the worker")
        asked_at = read_clock(stage)
        stage.api.terminate(run_id)
        check_cancelled(stage, run_id, asked_at, names)
        wait_for(lambda: not is_alive(worker), "the worker's end")
    assert stage.list_locks() == []


@pytest.mark.parametrize(("how", "place"), [((), READING), (("--local",), WRITING)])
def test_ctrl_c_in_a_sync(stage: Stage, how: tuple[str, ...], place: str) -> None:
    with held(stage, place) as names, stage.syncing(*how, "--wait", *names) as (command, run_id):
        wait_until_held(stage, run_id, place, names)
        asked_at = read_clock(stage)
        command.send_signal(signal.SIGINT)
        command.communicate()
        assert command.returncode == 130
        check_cancelled(stage, run_id, asked_at, names)
        assert stage.read_session(run_id)["created_by"]
    assert stage.list_locks() == []


def test_ctrl_c_while_the_run_is_starting(stage: Stage) -> None:
    """Dagster refuses to end a run whose process does not answer yet: it is asked again until that holds."""
    with stage.stuck_instance(find_name("oak")) as name, stage.syncing(name) as (command, run_id):
        begun = ("STARTING", "STARTED")
        wait_for(lambda: stage.api.read_status(run_id) in begun, "the begin of the run")
        command.send_signal(signal.SIGINT)
        _, said = command.communicate()
        assert (command.returncode, "cancelling" in said) == (130, True), said
        assert stage.api.read_status(run_id) == "CANCELED"
    assert stage.list_locks() == []
