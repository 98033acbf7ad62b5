"""A fleet that is cut into runs: each instance once, never by two, also when a worker is killed."""

from contextlib import ExitStack

from tests.end_to_end.fleet.conftest import PER_RUN, WORKERS, Machines
from tests.waiting import is_alive, kill, wait_for

COMPLETED = """
select instance_name, count(*) as times from sync_instance_records where status = 'completed' group by instance_name
"""
TWO_AT_ONCE = """
select a.instance_name from sync_instance_records a join sync_instance_records b
on b.instance_id = a.instance_id and b.id > a.id
and tstzrange(a.started_at, a.completed_at) && tstzrange(b.started_at, b.completed_at)
"""
ADDED_TWICE = """
select instance_id, username from account_change_log where change_type = 'add'
group by instance_id, username having count(*) > 1
"""


def test_two_workers_share_a_fleet_and_another_machine_takes_over_from_a_killed_one(machines: Machines) -> None:
    first, second, names = machines.first, machines.second, machines.names
    with ExitStack() as held:
        held.enter_context(first.holding_grants())
        launched = first.run("sync", "--all", "--no-wait")
        assert launched.returncode == 0, launched.stderr
        run_ids = [line.split()[1] for line in launched.stdout.splitlines()]
        assert len(run_ids) == len(names) / PER_RUN
        for run_id, name in zip(run_ids[:WORKERS], names[::PER_RUN], strict=False):
            first.wait_for_record(run_id, name, "running")
        workers = [wait_for(lambda run=run: first.api.find_worker(run), "a worker") for run in run_ids[:WORKERS]]
        assert len(set(workers)) == WORKERS
        assert all(map(is_alive, workers))
        assert [first.api.read_status(run_id) for run_id in run_ids[WORKERS:]] == ["QUEUED", "QUEUED"]

        kill(workers[0])
        assert first.wait_for_session(run_ids[0])["status"] == "failed"
        assert first.read_states(run_ids[0]) == dict.fromkeys(names[:PER_RUN], "failed")
        with second.command("sync", "--local", "--wait", "--retry", run_ids[0]) as command:
            assert command.stdout
            retried = command.stdout.readline().split()[1]
            wait_for(lambda: second.read_states(retried), "the retry to begin")
            assert first.read_session(run_ids[1])["status"] == "running", "both machines are at work"
            assert is_alive(workers[1])
            held.close()
            output, error = command.communicate()
            assert command.returncode == 0, output + error

    assert second.read_states(retried) == dict.fromkeys(names[:PER_RUN], "completed")
    for run_id in run_ids[1:]:
        assert first.wait_for_session(run_id)["status"] == "completed"
    assert {row["instance_name"]: row["times"] for row in first.read(COMPLETED)} == dict.fromkeys(names, 1)
    assert first.read(TWO_AT_ONCE) == []
    assert first.read(ADDED_TWICE) == []
    expected = dict.fromkeys(names, "materialized")
    wait_for(lambda: first.api.read_partition_states() == expected, "all partitions to be shown as materialized")
