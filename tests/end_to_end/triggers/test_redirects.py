"""Whoever can use Dagster's API, or write into the ledger's tables, can't have a stored password sent elsewhere.

The thief listens at another address of this machine, on the port of the server that the fleet is on, and on another.
"""

import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import pytest

from tests.end_to_end.triggers.api import ASSETS, LOCATION, REPOSITORY
from tests.end_to_end.triggers.conftest import ELSEWHERE, EVIL_CONFIG, EVIL_TAGS
from tests.end_to_end.triggers.stage import LEDGER, Stage, get_engine, to_url
from tests.waiting import wait_for

PLACE = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY}

CONFIGS: dict[str, dict[str, Any]] = {
    "another address": EVIL_CONFIG,
    "without encryption": {
        "resources": {"whalefall_postgresql": {"config": {"default_options": {"sslmode": "disable"}}}}
    },
    "another engine": {"resources": {"whalefall_postgresql": {"config": {"db_type": "mysql"}}}},
    "other limits": {"resources": {"whalefall_postgresql": {"config": {"connect_seconds": 1e9}}}},
    "another ledger": {"resources": {"whalefall_ledger": {"config": {"url": f"postgresql://{ELSEWHERE}/ledger"}}}},
    "a variable": {"resources": {"whalefall_ledger": {"config": {"env": "WHALEFALL_DATABASE_URL"}}}},
    "another place for outputs": {"resources": {"io_manager": {"config": {"base_dir": "/"}}}},
    "another executor": {"execution": {"multiprocess": {"config": {"max_concurrent": 1}}}},
    "the executor's config": {"execution": {"config": {"marker_to_close": "/"}}},
    "the step's config": {"ops": {"sync_accounts": {"config": {"hostaddr": ELSEWHERE}}}},
    "another log": {"loggers": {"console": {"config": {"log_level": "DEBUG"}}}},
}
LAUNCHED = """__typename ... on RunConfigValidationInvalid { errors { message } }
  ... on LaunchRunSuccess { run { runId } } ... on Error { message }"""
LAUNCHES = {
    "launchRun": f"mutation($params: ExecutionParams!) {{ launchRun(executionParams: $params) {{ {LAUNCHED} }} }}",
    "launchPipelineExecution": f"""mutation($params: ExecutionParams!) {{
      launchPipelineExecution(executionParams: $params) {{ {LAUNCHED} }} }}""",
    "launchMultipleRuns": f"""mutation($params: ExecutionParams!) {{
      launchMultipleRuns(executionParamsList: [$params]) {{
        ... on LaunchMultipleRunsResult {{ launchMultipleRunsResult {{ {LAUNCHED} }} }}
        ... on Error {{ message }} }} }}""",
    "launchRunReexecution": f"""mutation($params: ExecutionParams!) {{
      launchRunReexecution(executionParams: $params) {{ {LAUNCHED} }} }}""",
    "launchPipelineReexecution": f"""mutation($params: ExecutionParams!) {{
      launchPipelineReexecution(executionParams: $params) {{ {LAUNCHED} }} }}""",
}
BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on Error { message } } }"""

EDITS = {
    "ash": f"update instances set host = '{ELSEWHERE}' where name = %s",
    "elm": "update instances set port = port - 1 where name = %s",
    "fig": f"""update instances set options = '{{"hostaddr": "{ELSEWHERE}"}}' where name = %s""",
    "ivy": """update instances set options = '{"sslmode": "disable"}' where name = %s""",
    "hornbeam": "update instances set db_type = 'mysql' where name = %s",
}
"""What somebody writes into the row of each instance."""
NO_VALUES = "takes names of what is there, or numbers for Dagster itself"
MUTATIONS = {
    **dict.fromkeys(LAUNCHES, "takes run config and tags"),
    "launchPartitionBackfill": "takes run config and tags",
    **dict.fromkeys(("setSensorCursor", "sensorDryRun"), "takes a cursor"),
    "addDynamicPartition": "takes the name of a partition",
    **dict.fromkeys(("setAppManagedComponent", "deleteAppManagedComponent"), "would load code; Dagster refuses it"),
    **dict.fromkeys(
        ("reloadRepositoryLocation", "reloadWorkspace", "shutdownRepositoryLocation"), "loads the same again"
    ),
    **dict.fromkeys(
        (
            *(
                "resumePartitionBackfill",
                "reexecutePartitionBackfill",
                "cancelPartitionBackfill",
                "refreshComponentState",
            ),
            *("startSchedule", "stopRunningSchedule", "resetSchedule", "startSensor", "stopSensor", "resetSensor"),
            *("terminatePipelineExecution", "terminateRun", "terminateRuns", "deletePipelineRun", "deleteRun"),
            *("wipeAssets", "reportRunlessAssetEvents", "reportAssetCheckEvaluations", "deleteDynamicPartitions"),
            *("logTelemetry", "setNuxSeen", "setAutoMaterializePaused", "scheduleDryRun", "setConcurrencyLimit"),
            *("deleteConcurrencyLimit", "freeConcurrencySlotsForRun", "freeConcurrencySlots"),
        ),
        NO_VALUES,
    ),
}


@dataclass
class Thief:
    """Counts who connects."""

    port: int
    came: list[str] = field(default_factory=list[str])


@contextmanager
def listening(host: str, port: int = 0) -> Generator[Thief]:
    """Take connections, and end each at once."""
    with socket.create_server((host, port)) as server:
        thief = Thief(server.getsockname()[1])

        def take() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                thief.came.append(host)
                connection.close()

        thread = Thread(target=take)
        thread.start()
        try:
            yield thief
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture
def thief(stage: Stage) -> Iterator[Thief]:
    """A server at another address, on the fleet's port; nobody may come."""
    with listening(ELSEWHERE, stage.sources.port) as thief:
        yield thief
    assert thief.came == []


def launch(stage: Stage, mutation: str, config: dict[str, Any], job: str, parent: str | None = None) -> dict[str, Any]:
    """Launch a run of the first of the fleet with a run config, as a re-execution of `parent`, and give the answer."""
    metadata: dict[str, Any] = {"tags": [{"key": "dagster/partition", "value": stage.fleet[0]}]}
    if "Reexecution" in mutation:
        metadata |= {"rootRunId": parent, "parentRunId": parent}
    selector = {**PLACE, "jobName": job, "assetSelection": ASSETS if job == "__ASSET_JOB" else None}
    params = {"selector": selector, "runConfigData": config, "executionMetadata": metadata, "mode": "default"}
    answer = stage.api.query(LAUNCHES[mutation], params=params)
    (answer,) = answer.get("launchMultipleRunsResult", [answer])
    return dict(answer)


def test_every_mutation_has_been_looked_at(stage: Stage) -> None:
    """A later Dagster with another one fails here: somebody has to look what can be given to it."""
    schema = stage.api.query("{ __schema { mutationType { fields { name } } } }")
    assert {item["name"] for item in schema["mutationType"]["fields"]} == MUTATIONS.keys()


@pytest.mark.parametrize("job", ["sync_instances", "__ASSET_JOB"])
@pytest.mark.parametrize("config", CONFIGS)
def test_no_run_config_is_taken(stage: Stage, thief: Thief, config: str, job: str) -> None:
    before = stage.api.read_runs().keys()
    answer = launch(stage, "launchRun", CONFIGS[config], job)
    assert answer["__typename"] == "RunConfigValidationInvalid"
    assert "unexpected config entry" in answer["errors"][0]["message"]
    assert stage.api.read_runs().keys() == before


@pytest.mark.parametrize("mutation", LAUNCHES)
def test_no_way_to_launch_takes_it(stage: Stage, thief: Thief, synced: str, mutation: str) -> None:
    before = stage.api.read_runs().keys()
    answer = launch(stage, mutation, CONFIGS["another address"], "sync_instances", parent=synced)
    assert answer["__typename"] == "RunConfigValidationInvalid"
    assert stage.api.read_runs().keys() == before


def test_a_backfill_with_a_run_config_syncs_nothing(stage: Stage, thief: Thief) -> None:
    params = {"assetSelection": ASSETS, "partitionNames": [stage.fleet[0]], "runConfigData": CONFIGS["another address"]}
    backfill = stage.api.query(BACKFILL, params=params)["backfillId"]
    query = "query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
    going = ("REQUESTED", "FAILING")
    wait_for(lambda: stage.api.query(query, id=backfill)["status"] not in going, "the end of the backfill")
    assert stage.api.query(query, id=backfill)["status"] in ("FAILED", "COMPLETED_FAILED")
    for run_id, status in stage.api.read_runs(tags=[{"key": "dagster/backfill", "value": backfill}]).items():
        assert status == "FAILURE"
        assert stage.wait_for_session(run_id)["status"] == "failed"


def test_tags_change_nothing(stage: Stage, thief: Thief, synced: str) -> None:
    assert stage.api.read_tags(synced).items() >= EVIL_TAGS.items()
    assert stage.read_session(synced)["status"] == "completed"
    assert stage.read_states(synced) == {stage.fleet[0]: "completed"}


def test_the_name_of_a_partition_leads_nowhere(stage: Stage, thief: Thief) -> None:
    """One that names a host is launched, and goes the whole way; the others are read by the same job in one process."""
    launched = stage.api.launch_one(f"host={ELSEWHERE}")
    keys = (f"amber@{ELSEWHERE}", "../amber", "amber\x1b[2J", "x" * 10_000)
    runs = stage.run_in_one_process([{"dagster/partition": key} for key in keys])
    assert {stage.wait_for_session(run_id)["status"] for run_id in (launched, *runs)} == {"failed"}


def test_an_edited_instance_is_refused_in_one_line(stage: Stage, thief: Thief) -> None:
    with (
        listening("127.0.0.1", stage.sources.port - 1) as other,
        stage.instances(**dict.fromkeys(EDITS, stage.sources.port)) as names,
    ):
        assert stage.wait_for_session(stage.api.launch_range(names[0], names[-1]))["status"] == "completed"
        for name, edit in EDITS.items():
            execute(stage, edit, name)
        run_id = stage.api.launch_range(names[0], names[-1])
        assert stage.wait_for_session(run_id)["status"] == "failed"
        records = stage.read_records(run_id)
        assert {name: record["error_code"] for name, record in records.items()} == dict.fromkeys(
            EDITS, "VALIDATION_ERROR"
        )
        for record in records.values():
            assert " and is sent nowhere else: " in record["error_message"]
            assert "\n" not in record["error_message"]
        checked = stage.run("instances", "check", *names)
        assert (checked.returncode, other.came) == (1, [])


def test_a_database_leads_nowhere(stage: Stage, thief: Thief) -> None:
    edit = f"update instances set database_name = 'host={ELSEWHERE} dbname=postgres' where name = %s"
    with stage.instances(fir=stage.sources.port):
        execute(stage, edit, "fir")
        checked = stage.run("instances", "check", "fir")
        assert checked.returncode == 1
        assert "not exist" in " ".join(checked.stdout.split())


def test_a_person_moves_it_by_name(stage: Stage) -> None:
    with listening("127.0.0.1") as other, stage.instances(hazel=stage.sources.port):
        assert stage.run("instances", "check", "hazel").returncode == 0
        moved = stage.run("instances", "change", "hazel", "--port", str(other.port))
        assert f"its credential is now for {stage.sources.host}:{other.port}" in " ".join(moved.stdout.split())
        assert stage.run("instances", "check", "hazel").returncode == 1
        assert other.came


def test_code_is_loaded_from_nowhere_else(stage: Stage) -> None:
    query = """mutation($location: String!) { setAppManagedComponent(locationName: $location, componentId: "evil",
      componentType: "evil.Component", attributes: "{}") { __typename } }"""
    assert stage.api.query(query, location=LOCATION)["__typename"] in ("UnauthorizedError", "PythonError")
    stage.api.query("mutation { reloadWorkspace { __typename } }")
    wait_for(stage.is_loaded, "the definitions to be there again")


@pytest.mark.parametrize("sensor", ["instance_partitions", "changed_instances", "session_ends"])
def test_a_cursor_stops_no_sensor(stage: Stage, sensor: str) -> None:
    query = """mutation($selector: SensorSelector!, $cursor: String) {
      sensorDryRun(selectorData: $selector, cursor: $cursor) {
        ... on DryRunInstigationTick { evaluationResult { error { message } } } } }"""
    for cursor in ("x", f"postgresql://{ELSEWHERE}/", '{"seen_until": "9999-01-01", "silent": 1}'):
        ticked = stage.api.query(query, selector={**PLACE, "sensorName": sensor}, cursor=cursor)
        assert ticked["evaluationResult"]["error"] is None


def execute(stage: Stage, statement: str, *values: object) -> None:
    with get_engine(to_url(stage.ledger, LEDGER)).begin() as connection:
        connection.exec_driver_sql(statement, values)
