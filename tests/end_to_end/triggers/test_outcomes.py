"""How runs end: what the tables say, what Dagster says, and that both say the same."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.error import HTTPError

import psycopg
import pytest

from tests.end_to_end.triggers.stage import LEDGER, Stage
from tests.waiting import wait_for

FAIL_GRANTS = """
create function refuse_grants() returns trigger language plpgsql as $$ begin raise exception 'disk full'; end $$;
create trigger refuse_grants before insert on account_holding for each statement execute function refuse_grants();
"""


class Partial(NamedTuple):
    """A run over six instances, of which the last two are bad."""

    run_id: str
    names: list[str]


@pytest.fixture(scope="module")
def partial(stage: Stage) -> Iterator[Partial]:
    """One instance that refuses connections and one that refuses the login; the sensor makes their partitions."""
    bad = [
        stage.register("elm", port=1, partition=False),
        stage.register("fir", password="wrong", partition=False),
    ]
    wait_for(lambda: stage.api.read_partitions()[-2:] == bad, "the partitions of new instances")
    run_id = stage.api.launch_range(stage.fleet[0], bad[1])
    stage.wait_for_session(run_id)
    yield Partial(run_id, [*stage.fleet, *bad])
    for name in bad:
        stage.remove(name)


def test_two_bad_of_six(stage: Stage, partial: Partial) -> None:
    session, records = stage.read_session(partial.run_id), stage.read_records(partial.run_id)
    assert (session["status"], session["sync_type"], session["batch_id"]) == ("failed", "manual_task", None)
    assert (session["total_instances"], session["successful_instances"], session["failed_instances"]) == (6, 4, 2)
    assert [row["status"] for row in records.values()] == ["completed"] * 4 + ["failed"] * 2
    assert {records[name]["error_code"] for name in ("elm", "fir")} == {"DATABASE_CONNECTION_ERROR"}
    assert "Connection refused" in records["elm"]["error_message"]
    assert "password authentication failed" in records["fir"]["error_message"]
    assert records["elm"]["sync_details"]["attempts"] == 2
    assert records["fir"]["sync_details"]["attempts"] == 1
    assert stage.api.read_status(partial.run_id) == "FAILURE"


def test_the_ui_names_the_failed_ones_in_the_failure_and_in_one_line_each(stage: Stage, partial: Partial) -> None:
    (failure,) = stage.api.read_events(partial.run_id, "ExecutionStepFailureEvent")
    assert "2 of 6 instances failed: elm, fir" in failure["error"]["message"]
    entries = {entry["label"]: entry for entry in failure["failureMetadata"]["metadataEntries"]}
    rows = [json.loads(record) for record in entries["failed"]["table"]["records"]]
    assert [(row["instance"], row["error_code"]) for row in rows] == [
        ("elm", "DATABASE_CONNECTION_ERROR"),
        ("fir", "DATABASE_CONNECTION_ERROR"),
    ]
    lines = [event["message"] for event in stage.api.read_events(partial.run_id, "LogMessageEvent")]
    assert sorted(line.partition(":")[0] for line in lines) == partial.names


def check_partitions(stage: Stage, expected: dict[str, str]) -> None:
    """Wait for Dagster's summary of the partitions: it may follow the end of a run by a moment."""
    wait_for(lambda: stage.api.read_partition_states() == expected, f"partitions that are {expected}")


def test_a_re_execution_syncs_only_what_is_left_and_leaves_the_rest_as_it_is(stage: Stage, partial: Partial) -> None:
    good = dict.fromkeys(stage.fleet, "materialized")
    check_partitions(stage, {**good, "elm": "failed", "fir": "failed"})
    with pytest.raises(HTTPError):  # it looks at assets, not at partitions, and both assets have some
        stage.api.reexecute(partial.run_id, "FROM_ASSET_FAILURE")
    assert next(iter(stage.api.read_runs())) == partial.run_id, "no run was left behind"
    stage.repair("elm")
    second = stage.api.reexecute(partial.run_id)
    session = stage.wait_for_session(second)
    assert (session["status"], session["sync_type"], session["total_instances"]) == ("failed", "manual_batch", 2)
    assert stage.read_states(second) == {"elm": "completed", "fir": "failed"}
    check_partitions(stage, {**good, "elm": "materialized", "fir": "failed"})
    carried = {
        event["partition"]: entry["runId"]
        for event in stage.api.read_events(second, "MaterializationEvent")
        for entry in event["metadataEntries"]
        if entry["label"] == "carried_over_from"
    }
    assert carried == dict.fromkeys(stage.fleet, partial.run_id)

    stage.repair("fir")
    third = stage.api.reexecute(second)
    assert stage.wait_for_session(third)["status"] == "completed"
    assert stage.read_states(third) == {"fir": "completed"}
    check_partitions(stage, dict.fromkeys(partial.names, "materialized"))

    fourth = stage.api.reexecute(third, "ALL_STEPS")
    assert stage.wait_for_session(fourth)["status"] == "completed"
    assert stage.read_states(fourth) == dict.fromkeys(partial.names, "completed"), "nothing was left: all again"


def test_scattered_names_are_one_run_and_the_ui_tells_which_of_them_failed(stage: Stage) -> None:
    with stage.instances(yew=0, sorb=1):
        first, _, third, _ = stage.fleet
        chosen = [third, "sorb", first]
        done = stage.run("sync", *chosen)
        assert done.returncode == 1, done.stderr
        run_id = next(iter(stage.api.read_runs()))
        session = stage.read_session(run_id)
        assert (session["total_instances"], session["batch_id"]) == (3, None)
        assert stage.read_states(run_id) == {first: "completed", third: "completed", "sorb": "failed"}
        states = {first: "materialized", third: "materialized", "sorb": "failed", "yew": "unmaterialized"}
        wait_for(lambda: states.items() <= stage.api.read_partition_states().items(), f"partitions that are {states}")
        stage.repair("sorb")
        done = stage.run("sync", "--retry", run_id)
        assert done.returncode == 0, done.stderr
        wait_for(lambda: stage.api.read_partition_states()["sorb"] == "materialized", "the repaired one")
        again = stage.api.reexecute(run_id)
        assert stage.wait_for_session(again)["status"] == "completed"
        assert stage.read_states(again) == {"sorb": "completed"}


@contextmanager
def failing_grants(stage: Stage) -> Generator[None]:
    """Have the ledger refuse to store grants."""
    with psycopg.connect(stage.ledger.conninfo(LEDGER), autocommit=True) as connection:
        connection.execute(FAIL_GRANTS)
        try:
            yield
        finally:
            connection.execute("drop function refuse_grants cascade")


def test_an_inventory_without_permissions_shows_exactly_so_and_permissions_alone_are_made_up_for(stage: Stage) -> None:
    with stage.instances(hazel=0):
        with failing_grants(stage):
            run_id = stage.api.launch_one("hazel")
            stage.wait_for_session(run_id)
        assert stage.api.read_partition_states("instance_accounts")["hazel"] == "materialized"
        # Dagster's summary of partitions may follow the end of the run by a moment
        wait_for(
            lambda: stage.api.read_partition_states("account_permissions")["hazel"] == "failed", "the failed state"
        )
        again = stage.api.reexecute(run_id, "FROM_ASSET_FAILURE")
        assert stage.wait_for_session(again)["status"] == "completed"
        assert stage.api.read_partition_states("account_permissions")["hazel"] == "materialized"
    (record,) = stage.read_records(run_id).values()
    assert (record["status"], record["error_code"]) == ("failed", "DATABASE_QUERY_ERROR")
    assert "disk full" in record["error_message"]
    assert record["items_synced"] == record["items_created"] > 0
    assert (record["sync_details"]["inventory"] is None, record["sync_details"]["collection"] is None) == (False, True)
    (record,) = stage.read_records(again).values()
    assert (record["sync_details"]["inventory"] is None, record["sync_details"]["collection"] is None) == (True, False)


def test_names_that_are_no_instance_end_the_run_and_its_session_with_the_reason(stage: Stage) -> None:
    stage.register("rowan")
    with stage.holding_queue():
        unknown, removed = stage.api.launch_one("nobody"), stage.api.launch_one("rowan")
        stage.remove("rowan")
    for run_id, reason in ((unknown, "no instance is named nobody"), (removed, "rowan was removed")):
        session = stage.wait_for_session(run_id)
        assert (session["status"], session["sync_type"]) == ("failed", "manual_single")
        (failure,) = stage.api.read_events(run_id, "ExecutionStepFailureEvent")
        rows = failure["failureMetadata"]["metadataEntries"][1]["table"]["records"]
        assert [json.loads(row)["error_message"] for row in rows] == [reason]
        assert json.loads(rows[0])["error_code"] == "VALIDATION_ERROR"
    assert stage.read_session(unknown)["message"] == "no instance is named nobody"
    assert stage.read_records(removed)["rowan"]["error_message"] == "rowan was removed"
