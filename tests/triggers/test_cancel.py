"""A cancel, however it comes: what is done stays, what runs is rolled back, nothing is left running."""

import signal

import pytest

from tests.triggers.stage import Stage, is_alive, wait_for

STATES = {"dogwood": "completed", "oak": "cancelled", "pine": "cancelled"}


def check_cancelled(stage: Stage, run_id: str) -> None:
    assert stage.wait_for_session(run_id)["status"] == "cancelled"
    assert stage.read_states(run_id) == STATES
    assert stage.api.read_status(run_id) == "CANCELED"
    assert stage.list_collectors() == []
    assert stage.list_locks() == []


def test_a_run_that_is_terminated(stage: Stage) -> None:
    with stage.stuck_instance("oak"), stage.instances(pine=0):
        run_id = stage.api.launch_range("dogwood", "pine")
        stage.wait_for_record(run_id, "oak", "running")
        session = stage.read_session(run_id)
        assert (session["status"], session["total_instances"], session["successful_instances"]) == ("running", 3, 1)
        assert stage.read_states(run_id) == {"dogwood": "completed", "oak": "running", "pine": "pending"}
        worker = wait_for(lambda: stage.api.find_worker(run_id), "the worker")
        stage.api.terminate(run_id)
        check_cancelled(stage, run_id)
        wait_for(lambda: not is_alive(worker), "the worker's end")


@pytest.mark.parametrize("how", [(), ("--local",)])
def test_ctrl_c_in_a_sync(stage: Stage, how: tuple[str, ...]) -> None:
    with stage.stuck_instance("oak"), stage.instances(pine=0):
        with stage.command("sync", *how, "--wait", "dogwood", "oak", "pine") as command:
            assert command.stdout
            run_id = command.stdout.readline().split()[1]
            stage.wait_for_record(run_id, "oak", "running")
            command.send_signal(signal.SIGINT)
            command.communicate()
            assert command.returncode == 130
        check_cancelled(stage, run_id)
        assert stage.read_session(run_id)["created_by"]
