"""Every way to start a sync gives a session that says how, by whom, over how many, together with which."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from dagster_graphql import DagsterGraphQLClient

from tests.end_to_end.triggers.stage import Stage, find_name
from tests.waiting import wait_for

pytestmark = pytest.mark.filterwarnings("ignore:Using variable_values:DeprecationWarning")
"""What Dagster's client of GraphQL has from its own library."""


class Started(NamedTuple):
    """What the daemon was asked for, all at once, since each takes it a while."""

    backfill: str
    scheduled: str
    first_tick: str


@pytest.fixture(scope="module")
def started(stage: Stage) -> Iterator[Started]:
    """A backfill over scattered partitions, the schedule, and the first tick of the sensor of changes."""
    schedule = stage.api.start_schedule("daily_sync")
    sensor = stage.api.start_sensor("changed_instances")
    backfill = stage.api.launch_backfill([stage.fleet[0], stage.fleet[2]])
    first_tick = wait_for(lambda: find_run(stage, "dagster/sensor_name", "changed_instances"), "the sensor's run")
    scheduled = wait_for(lambda: find_run(stage, "dagster/schedule_name", "daily_sync"), "the schedule's run")
    stage.turn_off("daily_sync", lambda: stage.api.stop_schedule(schedule))
    yield Started(backfill, scheduled, first_tick)
    stage.turn_off("changed_instances", lambda: stage.api.stop_sensor(sensor))


def find_run(stage: Stage, tag: str, value: str) -> str | None:
    """Return the newest run with a tag."""
    return next(iter(stage.api.read_runs(tags=[{"key": tag, "value": value}])), None)


def test_a_backfill_over_scattered_partitions_is_one_batch(stage: Stage, started: Started) -> None:
    query = "select session_id from sync_sessions where batch_id = %s and status <> 'running'"
    sessions = wait_for(
        lambda: rows if len(rows := stage.read(query, started.backfill)) == 2 else None, "the backfill's two sessions"
    )
    for row in sessions:
        session = stage.wait_for_session(row["session_id"])
        assert (session["sync_type"], session["status"]) == ("manual_batch", "completed")
    shown = stage.run("sessions", started.backfill)
    assert all(row["session_id"] in shown.stdout for row in sessions)


def test_the_schedule_syncs_all_in_one_run(stage: Stage, started: Started) -> None:
    session = stage.wait_for_session(started.scheduled)
    assert (session["sync_type"], session["created_by"]) == ("scheduled_task", "schedule daily_sync")
    assert (session["status"], session["total_instances"]) == ("completed", len(stage.fleet))


def test_an_instance_is_synced_when_it_is_added_and_when_it_changes(stage: Stage, started: Started) -> None:
    stage.wait_for_session(started.first_tick)
    stage.register("willow", partition=False)
    try:
        run_id = wait_for(
            lambda: run if (run := find_run(stage, "dagster/partition", "willow")) else None, "the new instance's run"
        )
        session = stage.wait_for_session(run_id)
        assert (session["sync_type"], session["created_by"]) == ("scheduled_task", "sensor changed_instances")
        assert stage.read_states(run_id) == {"willow": "completed"}
        assert stage.run("instances", "change", "willow", "--option", "sslmode=prefer").returncode == 0
        again = wait_for(
            lambda: run if (run := find_run(stage, "dagster/partition", "willow")) != run_id else None,
            "the run of the changed one",
        )
        assert again
        assert stage.wait_for_session(again)["status"] == "completed"
        assert stage.run("instances", "remove", "willow").returncode == 0
        wait_for(lambda: "willow" not in stage.api.read_partitions(), "the partition's end")
        assert list(stage.api.read_runs(tags=[{"key": "dagster/partition", "value": "willow"}])) == [again, run_id]
    finally:
        stage.remove("willow")


def test_one_partition_by_graphql_and_by_python(stage: Stage, synced: str) -> None:
    client = DagsterGraphQLClient("127.0.0.1", port_number=urlsplit(stage.api.url).port)
    by_python = client.submit_job_execution("sync_instances", tags={"dagster/partition": stage.fleet[1]})
    for run_id, name in ((by_python, stage.fleet[1]), (synced, stage.fleet[0])):
        session = stage.wait_for_session(run_id)
        assert (session["sync_type"], session["total_instances"]) == ("manual_single", 1)
        assert stage.read_states(run_id) == {name: "completed"}


def test_all_of_a_large_fleet_is_one_batch_and_does_not_wait_for_its_start(stage: Stage) -> None:
    narrow = replace(stage, environment={**stage.environment, "WHALEFALL_PARTITIONS_PER_RUN": "2"})
    with stage.holding_queue():
        done = narrow.run("sync", "--all", "--no-wait")
    assert done.returncode == 0, done.stderr
    ids = [line.split()[1] for line in done.stdout.splitlines()]
    sessions = [stage.wait_for_session(session_id) for session_id in ids]
    assert [(row["sync_type"], row["total_instances"]) for row in sessions] == [("manual_task", 2)] * 2
    (batch_id,) = {row["batch_id"] for row in sessions}
    shown = stage.run("sessions", batch_id)
    assert all(session_id in shown.stdout for session_id in ids), shown.stderr


def test_the_command_waits_unless_it_is_told_not_to(stage: Stage) -> None:
    done = stage.run("sync", stage.fleet[0], stage.fleet[2])
    assert done.returncode == 0, done.stderr
    sessions = [stage.read_session(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("session ")]
    assert [(row["sync_type"], row["total_instances"]) for row in sessions] == [("manual_batch", 2)], "one run of both"
    done = stage.run("sync", "--all", "--no-wait")
    assert done.returncode == 0, done.stderr
    (word, session_id) = done.stdout.split()
    session = stage.wait_for_session(session_id)
    assert (word, session["sync_type"], session["total_instances"]) == ("session", "manual_task", len(stage.fleet))
    assert session["created_by"]


def test_the_command_retries_what_a_session_did_not_complete(stage: Stage) -> None:
    oak = find_name("oak")
    with stage.instances(**{oak: 1}):
        failed = stage.run("sync", "--wait", "dogwood", oak)
        assert failed.returncode == 1
        assert f"{oak}: DATABASE_CONNECTION_ERROR" in failed.stderr
        session_id = failed.stdout.split()[1]
        stage.repair(oak)
        retried = stage.run("sync", "--local", "--retry", session_id)
        assert retried.returncode == 0, retried.stderr
        assert stage.read_states(retried.stdout.split()[1]) == {oak: "completed"}
