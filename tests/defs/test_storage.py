"""Dagster's storage keeps its connections: one login serves many events, and a restart of the server loses none."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from tests.conftest import LEDGER_VERSION, to_url
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from tests.waiting import WAIT_SECONDS, wait_for
from whalefall_pipeline.defs.storage import gathering
from whalefall_pipeline.services import dagster_environment

DATABASE = "kept"
EVENTS = 20


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    with start_postgresql(LEDGER_VERSION) as server:
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute(f"create database {DATABASE}")
        yield server


@pytest.fixture
def instance(server: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    url = to_url(server, DATABASE)
    for name, value in dagster_environment(tmp_path, dagster_url=url, ledger_url=url).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        yield instance


def read_logins(server: PostgresqlServer) -> int:
    """Count the sessions that Dagster's database has had; the server counts one when it ends or has been idle."""
    with psycopg.connect(server.conninfo()) as connection:
        found = connection.execute("select sessions from pg_stat_database where datname = %s", [DATABASE]).fetchone()
    assert found
    return int(found[0])


def report(instance: dg.DagsterInstance, number: int) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("kept", partition=str(number)))


def count_events(instance: dg.DagsterInstance) -> int:
    return len(instance.get_materialized_partitions(dg.AssetKey("kept")))


def test_many_events_need_few_logins(instance: dg.DagsterInstance, server: PostgresqlServer) -> None:
    report(instance, 0)
    before = read_logins(server)
    for number in range(1, EVENTS):
        report(instance, number)
    assert count_events(instance) == EVENTS
    assert read_logins(server) - before < EVENTS


def test_a_storage_that_is_opened_for_each_tick_needs_few_logins(
    instance: dg.DagsterInstance, server: PostgresqlServer
) -> None:
    assert instance.get_runs() == []
    before = read_logins(server)
    for _ in range(EVENTS):
        with dg.DagsterInstance.get() as again:
            assert again.get_runs() == []
            assert again.all_instigator_state() == []
    assert read_logins(server) - before < EVENTS


def test_a_storage_that_was_made_anew_gets_its_tables(instance: dg.DagsterInstance, server: PostgresqlServer) -> None:
    report(instance, 0)
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(f"drop database {DATABASE} with (force)".encode())
        connection.execute(f"create database {DATABASE}".encode())
    with dg.DagsterInstance.get() as again:
        assert (again.get_runs(), again.all_instigator_state(), count_events(again)) == ([], [], 0)


def test_an_event_after_the_servers_restart_is_stored(instance: dg.DagsterInstance, server: PostgresqlServer) -> None:
    report(instance, 0)
    server.restart()
    report(instance, 1)
    assert count_events(instance) == 2


def test_a_webserver_answers_after_the_servers_restart_as_before(
    instance: dg.DagsterInstance, server: PostgresqlServer
) -> None:
    instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3_600, max_overflow=20)
    report(instance, 0)

    def look() -> tuple[int, int, int]:
        return len(instance.get_runs()), len(instance.all_instigator_state()), count_events(instance)

    assert look() == (0, 0, 1)
    server.restart()
    assert look() == (0, 0, 1)
    instance.optimize_for_webserver(statement_timeout=100, pool_recycle=3_600, max_overflow=20)
    with psycopg.connect(server.conninfo(DATABASE)) as other:
        other.execute("lock table runs in access exclusive mode")
        with pytest.raises(OperationalError, match="statement timeout"):
            instance.get_runs()


def test_a_runs_plan_is_stored_whole(instance: dg.DagsterInstance, server: PostgresqlServer) -> None:
    keys = [str(number) for number in range(EVENTS)]
    partitions = dg.DynamicPartitionsDefinition(name="kept")

    @dg.multi_asset(specs=[dg.AssetSpec("kept"), dg.AssetSpec("other")], partitions_def=partitions)
    def both() -> Generator[Any]:
        yield from ()
        raise dg.Failure("as the test wants it", allow_retries=False)

    instance.add_dynamic_partitions("kept", keys)
    ends = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
    result = dg.materialize([both], instance=instance, tags=ends, raise_on_error=False)
    planned = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    stored = instance.get_records_for_run(result.run_id, of_type=planned).records
    assert sorted((str(event.asset_key), event.partition_key or "") for event in stored) == sorted(
        (str(dg.AssetKey(name)), key) for name in ("kept", "other") for key in keys
    )
    states = instance.get_status_by_partition(dg.AssetKey("other"), keys, partitions)
    assert states
    assert {str(state) for state in states.values()} == {"AssetPartitionStatus.FAILED"}
    with psycopg.connect(server.conninfo(DATABASE)) as connection:
        transactions = "select count(distinct xmin::text) from event_logs where dagster_event_type = %s"
        assert connection.execute(transactions, [planned.value]).fetchone() == (1,)


def test_it_takes_a_schema_of_its_own_in_a_database_that_others_use(
    server: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/running.md has it: by the URL alone."""
    with psycopg.connect(server.conninfo(DATABASE), autocommit=True) as connection:
        connection.execute("create schema dagster")
    url = to_url(server, DATABASE)
    own = f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Ddagster"
    for name, value in dagster_environment(tmp_path, dagster_url=own, ledger_url=url).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        report(instance, 0)
        assert count_events(instance) == 1
    with psycopg.connect(server.conninfo(DATABASE)) as connection:
        found = connection.execute(
            "select distinct schemaname from pg_tables where tablename in ('runs', 'event_logs')"
        )
        assert found.fetchall() == [("dagster",)]


def test_what_is_gathered_is_stored_together_when_the_block_ends(
    instance: dg.DagsterInstance, server: PostgresqlServer
) -> None:
    with suppress(LookupError), gathering(instance):
        report(instance, 0)
        report(instance, 1)
        assert count_events(instance) == 0
        raise LookupError
    report(instance, 2)
    assert count_events(instance) == 3
    latest = instance.get_latest_materialization_event(dg.AssetKey("kept"))
    assert latest
    assert latest.asset_materialization
    assert latest.asset_materialization.partition == "2"
    with psycopg.connect(server.conninfo(DATABASE)) as connection:
        transactions = connection.execute("select partition, xmin::text from event_logs order by id").fetchall()
    assert [partition for partition, _ in transactions] == ["0", "1", "2"]
    assert len({transaction for _, transaction in transactions}) == 2


def test_a_block_within_a_block_ends_with_the_outer_one(instance: dg.DagsterInstance) -> None:
    with gathering(instance):
        report(instance, 0)
        with gathering(instance):
            report(instance, 1)
        report(instance, 2)
        assert count_events(instance) == 0
    records = instance.fetch_materializations(dg.AssetKey("kept"), limit=EVENTS, ascending=True).records
    assert [record.partition_key for record in records] == ["0", "1", "2"]


def test_an_asset_that_is_observed_after_it_was_materialized_is_still_materialized(
    instance: dg.DagsterInstance,
) -> None:
    with gathering(instance):
        report(instance, 0)
        instance.report_runless_asset_event(dg.AssetObservation("kept", partition="0"))
    latest = instance.get_latest_materialization_event(dg.AssetKey("kept"))
    assert latest
    assert latest.asset_materialization


def test_an_event_is_there_before_another_run_is_done_with_its_asset(
    instance: dg.DagsterInstance, server: PostgresqlServer
) -> None:
    """Who reads on from the newest id would else never see it."""
    report(instance, 0)
    with psycopg.connect(server.conninfo(DATABASE)) as other, ThreadPoolExecutor() as pool:
        other.execute("select from asset_keys for update")
        done = pool.submit(report, instance, 1)
        wait_for(lambda: count_events(instance) == 2, "the event")
        assert not done.done()
        other.rollback()
        done.result(WAIT_SECONDS)
