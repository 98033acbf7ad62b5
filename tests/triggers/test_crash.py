"""What died leaves no session open: worker, code server and ledger, killed in the middle of an instance and between."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import pytest

from tests.triggers.stage import Stage, is_alive, kill, wait_for

PLACES = ("in the middle", "between two")


@contextmanager
def held_run(stage: Stage, place: str) -> Generator[tuple[str, int]]:
    """Give a run that has done dogwood and is held in the middle of oak, or before it, and its worker's process id."""
    in_the_middle = place == PLACES[0]
    with stage.stuck_instance("oak") if in_the_middle else stage.instances(oak=0), ExitStack() as held:
        if not in_the_middle:
            held.enter_context(stage.holding_lock("oak"))
        run_id = stage.api.launch_range("dogwood", "oak")
        stage.wait_for_record(run_id, "dogwood", "completed")
        stage.wait_for_record(run_id, "oak", "running" if in_the_middle else "pending")
        yield run_id, wait_for(lambda: stage.api.find_worker(run_id), "the worker")


def check_ended(stage: Stage, run_id: str) -> None:
    session = stage.wait_for_session(run_id)
    assert (session["status"], session["successful_instances"], session["failed_instances"]) == ("failed", 1, 1)
    records = stage.read_records(run_id)
    assert [row["status"] for row in records.values()] == ["completed", "failed"]
    assert records["oak"]["error_code"] == "TASK_EXECUTION_FAILED"
    assert "the run's process" in records["oak"]["error_message"]
    assert stage.api.read_status(run_id) == "FAILURE"
    assert stage.list_collectors() == []


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_worker(stage: Stage, place: str) -> None:
    with held_run(stage, place) as (run_id, worker):
        kill(worker)
        check_ended(stage, run_id)


@pytest.mark.parametrize("place", PLACES)
def test_a_worker_killed_with_its_code_server_and_the_next_sync(stage: Stage, place: str) -> None:
    with held_run(stage, place) as (run_id, worker):
        kill(stage.find_service("code.sock", "api grpc"))
        kill(worker)
        check_ended(stage, run_id)
    wait_for(stage.is_loaded, "the code server to be back")
    assert stage.wait_for_session(stage.api.launch_one("dogwood"))["status"] == "completed"


def test_a_killed_daemon_ends_no_run(stage: Stage) -> None:
    with stage.instances(oak=0):
        with stage.holding_lock("oak"):
            run_id = stage.api.launch_range("dogwood", "oak")
            stage.wait_for_record(run_id, "dogwood", "completed")
            daemon = stage.find_service("dagster._daemon", "run")
            kill(daemon)
            wait_for(lambda: not is_alive(daemon), "the daemon's end")
        assert stage.wait_for_session(run_id)["status"] == "completed"


def test_a_ledger_that_crashes_and_what_ran_without_it(stage: Stage) -> None:
    """The session in the middle is ended, and that of a run which never reached the ledger is written afterwards."""
    with stage.instances(yew=0), stage.holding_grants():
        first = stage.api.launch_one("yew")
        stage.wait_for_record(first, "yew", "running")
        stage.ledger.crash()
        try:
            second = stage.api.launch_one("amber")
            wait_for(lambda: stage.is_over(first) and stage.is_over(second), "both runs' end")
        finally:
            stage.ledger.start()
        for run_id, name in ((first, "yew"), (second, "amber")):
            assert stage.wait_for_session(run_id)["status"] == "failed"
            assert stage.read_states(run_id) == {name: "failed"}
            assert stage.api.read_status(run_id) == "FAILURE"
        written = "select from account_grant g join instances i on i.id = g.instance_id where i.name = 'yew'"
        assert stage.read(written) == []
        assert stage.wait_for_session(stage.api.launch_one("yew"))["status"] == "completed"
