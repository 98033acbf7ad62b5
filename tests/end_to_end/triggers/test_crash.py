"""What died leaves no session open: worker, code server and ledger, killed in the middle of an instance and between."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import pytest

from tests.end_to_end.triggers.api import RefusedError
from tests.end_to_end.triggers.stage import Stage, find_name
from tests.waiting import is_alive, kill, wait_for

PLACES = ("in the middle", "between two")


@contextmanager
def held_run(stage: Stage, place: str, first: str = "dogwood", second: str = "") -> Generator[tuple[str, int]]:
    """Yield a run that has done its first instance and is held in the middle of the second, or before it.

    With it comes its worker's process id.
    """
    second = second or find_name("oak")
    in_the_middle = place == PLACES[0]
    with stage.stuck_instance(second) if in_the_middle else stage.instances(**{second: 0}), ExitStack() as held:
        if not in_the_middle:
            held.enter_context(stage.holding_lock(second))
        run_id = stage.api.launch_range(first, second)
        stage.wait_for_record(run_id, first, "completed")
        stage.wait_for_record(run_id, second, "running" if in_the_middle else "pending")
        yield run_id, wait_for(lambda: stage.api.find_worker(run_id), "the worker")


@contextmanager
def held_run_of_two_more(stage: Stage, place: str, first: str, second: str) -> Generator[tuple[str, int]]:
    """Yield the same of two new instances, so that such runs can be held side by side."""
    with stage.instances(**{first: 0}), held_run(stage, place, first, second) as run:
        yield run


def launch_when_back(stage: Stage, name: str) -> str:
    """Launch a run as soon as the code server is back."""

    def launch() -> str | None:
        try:
            return stage.api.launch_one(name)
        except RefusedError:
            return None

    return wait_for(launch, "the code server to be back")


def check_ended(stage: Stage, run_id: str) -> None:
    session = stage.wait_for_session(run_id)
    assert (session["status"], session["successful_instances"], session["failed_instances"]) == ("failed", 1, 1)
    done, held = stage.read_records(run_id).values()
    assert (done["status"], held["status"], held["error_code"]) == ("completed", "failed", "TASK_EXECUTION_FAILED")
    assert "the run's process" in held["error_message"]
    assert stage.api.read_status(run_id) == "FAILURE"
    # a server notices only when it next writes or looks that the collector has left
    wait_for(lambda: not stage.list_collectors(), "the end of the collector's connections")


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_worker(stage: Stage, place: str) -> None:
    with held_run(stage, place) as (run_id, worker):
        kill(worker)
        check_ended(stage, run_id)


def test_a_code_server_killed_with_some_of_its_workers_takes_the_others_along(stage: Stage) -> None:
    """At each place one worker is killed, and one is left to notice that what had started it died."""
    with ExitStack() as held:
        killed, left = [
            {
                held.enter_context(
                    held_run_of_two_more(stage, place, f"{place[:2]}-{which}-1", f"{place[:2]}-{which}-2")
                )
                for place in PLACES
            }
            for which in ("killed", "left")
        ]
        kill(stage.find_service("code.sock", "api grpc"))
        for _, worker in killed:
            kill(worker)
        wait_for(lambda: not any(is_alive(worker) for _, worker in left), "the other workers' end")
        for run_id, _ in left:
            check_ended(stage, run_id)
            assert "the one that had started it died" in stage.read_session(run_id)["message"]
        for run_id, _ in killed:
            check_ended(stage, run_id)
    assert stage.wait_for_session(launch_when_back(stage, "dogwood"))["status"] == "completed"


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_daemon_ends_no_run(stage: Stage, place: str) -> None:
    in_the_middle, oak = place == PLACES[0], find_name("oak")
    with stage.instances(**{oak: 0}):
        with stage.holding_grants() if in_the_middle else stage.holding_lock(oak):
            run_id = stage.api.launch_range(oak if in_the_middle else "dogwood", oak)
            stage.wait_for_record(run_id, oak, "running" if in_the_middle else "pending")
            daemon = stage.find_service("dagster._daemon", "run")
            kill(daemon)
            wait_for(lambda: not is_alive(daemon), "the daemon's end")
        assert stage.wait_for_session(run_id)["status"] == "completed"


def test_a_ledger_that_crashes(stage: Stage) -> None:
    """Between two instances, in the middle of one, and what ran without it: its session is written afterwards."""
    oak, yew = find_name("oak"), find_name("yew")
    with ExitStack() as held:
        held.enter_context(stage.instances(**{oak: 0}))
        held.enter_context(stage.holding_lock(oak))
        between = stage.api.launch_range("dogwood", oak)
        stage.wait_for_record(between, "dogwood", "completed")
        held.enter_context(stage.instances(**{yew: 0}))
        held.enter_context(stage.holding_grants())
        in_the_middle = stage.api.launch_one(yew)
        stage.wait_for_record(in_the_middle, yew, "running")
        stage.ledger.crash()
        try:
            without = stage.api.launch_one("amber")
            wait_for(lambda: all(map(stage.is_over, (between, in_the_middle, without))), "all runs' end")
        finally:
            stage.ledger.start()
        check_ended(stage, between)
        for run_id, name in ((in_the_middle, yew), (without, "amber")):
            assert stage.wait_for_session(run_id)["status"] == "failed"
            assert stage.read_states(run_id) == {name: "failed"}
            assert stage.api.read_status(run_id) == "FAILURE"
        written = "select from account_grant g join instances i on i.id = g.instance_id where i.name = %s"
        assert stage.read(written, yew) == []
        again = stage.api.launch_range(oak, yew)
        assert stage.wait_for_session(again)["status"] == "completed"
        assert stage.read_states(again) == {oak: "completed", yew: "completed"}
