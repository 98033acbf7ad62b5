"""What can't be meant is refused over GraphQL too: with words that name it, no traceback, nothing stored, no session.

What Dagster launches without looking (the name of a partition, the value of a tag) fails with its reason instead.
"""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.end_to_end.triggers.api import ASSETS, LOCATION, RANGE_END, RANGE_START, REPOSITORY
from tests.end_to_end.triggers.stage import Stage
from whalefall_pipeline.core.runs import INSTANCES_TAG, PARTITION_TAG
from whalefall_pipeline.core.sessions import ACCEPT_COLLAPSE_TAG, SYNC_TYPE_TAG

PLACE = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY}
SELECTOR = {**PLACE, "jobName": "sync_instances"}
WORDS = "{ __typename ... on Error { message } } }"
OF_CONFIG = "{ __typename ... on RunConfigValidationInvalid { errors { message } } ... on Error { message } } }"
LAUNCH = f"mutation($it: ExecutionParams!) {{ launchRun(executionParams: $it) {OF_CONFIG}"
AGAIN = f"mutation($it: ReexecutionParams!) {{ launchRunReexecution(reexecutionParams: $it) {WORDS}"
BACKFILL = f"mutation($it: LaunchBackfillParams!) {{ launchPartitionBackfill(backfillParams: $it) {WORDS}"
TERMINATE = f"mutation($it: String!) {{ terminateRun(runId: $it) {WORDS}"
SENSOR = f"mutation($it: SensorSelector!) {{ startSensor(sensorSelector: $it) {WORDS}"
SCHEDULE = f"mutation($it: ScheduleSelector!) {{ startSchedule(scheduleSelector: $it) {WORDS}"
ADD = f"""mutation($it: String!) {{ addDynamicPartition(partitionsDefName: $it, partitionKey: "x",
  repositorySelector: {{ repositoryLocationName: "{LOCATION}", repositoryName: "{REPOSITORY}" }}) {WORDS}"""


def select(**other: object) -> dict[str, Any]:
    return {"selector": {**SELECTOR, **other}}


def configure(config: object) -> dict[str, Any]:
    return {"selector": SELECTOR, "runConfigData": config}


def tag(tags: dict[str, object]) -> dict[str, Any]:
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    return {"selector": SELECTOR, "executionMetadata": {"tags": listed}}


REFUSED: dict[str, tuple[str, object, str]] = {
    "unknown job": (LAUNCH, select(jobName="nothing"), "Could not find Pipeline whalefall.__repository__.nothing"),
    "no job": (LAUNCH, select(jobName=None), '"job_name" is not a str'),
    "unknown repository": (LAUNCH, select(repositoryName="nothing"), "whalefall.nothing.sync_instances"),
    "unknown location": (LAUNCH, select(repositoryLocationName="nothing"), "nothing.__repository__.sync_instances"),
    "unknown asset": (LAUNCH, select(assetSelection=[{"path": ["nothing"]}]), "AssetKey(s) ['nothing']"),
    "unknown check": (
        LAUNCH, select(assetCheckSelection=[{"assetKey": {"path": ["x"]}, "name": "nothing"}]), "['x:nothing']",
    ),
    "unknown op": (LAUNCH, select(solidSelection=["nothing"]), "op_selection=['nothing']"),
    "unknown step": (LAUNCH, {"selector": SELECTOR, "stepKeys": ["nothing"]}, "unknown step: nothing"),
    "unknown preset": (LAUNCH, {"selector": SELECTOR, "preset": "nothing"}, "Preset nothing not found"),
    "config that is no YAML": (LAUNCH, configure("{"), "while parsing a flow node"),
    "config that is a text": (LAUNCH, configure("text"), '"run_config" is not one of'),
    "config that is a number": (LAUNCH, configure(5), '"run_config" is not one of'),
    "config that is a list": (LAUNCH, configure([1]), '"run_config" is not one of'),
    "config of an op that is not there": (LAUNCH, configure({"ops": {"nothing": {}}}), 'config entry "nothing"'),
    "config of an op": (LAUNCH, configure({"ops": {"sync_accounts": {"config": {"x": 1}}}}), 'config entry "x"'),
    "config of nothing": (LAUNCH, configure({"nothing": {}}), 'config entry "nothing"'),
    "partition with a zero": (LAUNCH, tag({PARTITION_TAG: "a\0b"}), "NUL (0x00)"),
    "unknown metadata": (LAUNCH, {"selector": SELECTOR, "executionMetadata": {"nothing": 1}}, "'nothing' is not"),
    "tag that is no text": (LAUNCH, tag({"a": 5}), "value: 5"),
    "no selector": (LAUNCH, {"mode": "default"}, "'selector' of required type"),
    "nothing": (LAUNCH, None, "must not be null"),
    "a text": (LAUNCH, "text", "to be a mapping"),
    "backfill of an unknown partition": (BACKFILL, {"assetSelection": ASSETS, "partitionNames": ["nobody"]}, "nobody"),
    "backfill of an unknown asset": (
        BACKFILL, {"assetSelection": [{"path": ["nothing"]}], "partitionNames": ["amber"]}, "nothing",
    ),
    "backfill of nothing": (BACKFILL, {}, "without specifying partition set selector or asset selection"),
    "re-execution of no run": (AGAIN, {"parentRunId": "nothing", "strategy": "FROM_FAILURE"}, "run with id: nothing"),
    "re-execution of a kind": (AGAIN, {"parentRunId": "nothing", "strategy": "NOTHING"}, "'NOTHING' does not exist"),
    "end of no run": (TERMINATE, "nothing", "run nothing could not be found"),
    "sensor": (SENSOR, {**PLACE, "sensorName": "nothing"}, "nothing"),
    "schedule": (SCHEDULE, {**PLACE, "scheduleName": "nothing"}, "nothing"),
    "partition of nothing": (ADD, "nothing", "does not contain a dynamic partitions definition"),
}  # fmt: skip
NEVER_STARTED: dict[str, tuple[dict[str, object], str]] = {
    "a range from nowhere": ({RANGE_START: "nobody", RANGE_END: "birch"}, "Partition range nobody to birch"),
    "a range to nowhere": ({RANGE_START: "amber", RANGE_END: "nobody"}, "Partition range amber to nobody"),
    "half a range": ({RANGE_START: "amber"}, "set without the other"),
    "a tag with a zero": ({PARTITION_TAG: "amber", "a": "\0"}, "NUL (0x00)"),
    "a tag that is no Unicode": ({PARTITION_TAG: "amber", "a": "\udcff"}, "surrogates not allowed"),
}
"""Dagster has written a run before it notices; that stays, and is never started."""
BODIES: dict[str, tuple[str, bytes, int]] = {
    "nothing": ("POST", b"", 400),
    "no JSON": ("POST", b"{", 400),
    "a list": ("POST", b"[]", 500),
    "a number": ("POST", b"5", 500),
    "no UTF-8": ("POST", b"\xff", 500),
    "deep": ("POST", b"[" * 3000, 500),
    "no query": ("POST", b"{}", 400),
    "a query that is a number": ("POST", b'{"query": 5}', 500),
    "a syntax error": ("POST", b'{"query": "mutation {"}', 400),
    "an unknown query": ("POST", b'{"query": "{ nothing }"}', 400),
    "an unknown mutation": ("POST", b'{"query": "mutation { nothing }"}', 400),
    "another method": ("PUT", b'{"query": "{ version }"}', 405),
}
LAUNCHED: dict[str, tuple[dict[str, str], str]] = {
    "no partition": ({}, "the run names no partition"),
    "an empty partition": ({PARTITION_TAG: ""}, "no instance is named "),
    "an unknown partition": ({PARTITION_TAG: "nobody"}, "no instance is named nobody"),
    "a range backwards": ({RANGE_START: "cedar", RANGE_END: "amber"}, "the run names no partition"),
    "no type": ({PARTITION_TAG: "amber", SYNC_TYPE_TAG: "odd"}, f"the run's tag {SYNC_TYPE_TAG} is 'odd'"),
    "no list": ({INSTANCES_TAG: "amber, birch"}, f"the tag {INSTANCES_TAG} is no JSON list of names"),
    "a list with a zero": (
        {INSTANCES_TAG: r'["amber", "a\u0000b"]'},
        f"the tag {INSTANCES_TAG} is no JSON list of names",
    ),
    "a list with a gap": (
        {INSTANCES_TAG: '["amber"]', f"{INSTANCES_TAG}.3": "[]"},
        f"{INSTANCES_TAG}.3 does not continue",
    ),
    "no answer": ({PARTITION_TAG: "amber", ACCEPT_COLLAPSE_TAG: "yes\n"}, rf"{ACCEPT_COLLAPSE_TAG} is 'yes\n'"),
}


def post(url: str, body: bytes, method: str = "POST") -> tuple[int, str]:
    """Return the status and the text of the answer."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/graphql", body, headers, method=method)  # noqa: S310 - our own webserver
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def find_messages(answer: dict[str, Any]) -> list[str]:
    """Return what an answer says is wrong."""
    fields: list[dict[str, Any]] = [answer, *(answer["data"] or {}).values()]
    errors = [error for field in fields for error in (field, *field.get("errors", ()))]
    return [error["message"] for error in errors if "message" in error]


def count_sessions(stage: Stage) -> int:
    return int(stage.read("select count(*) from sync_sessions")[0]["count"])


def count_stored(stage: Stage) -> tuple[int, int]:
    return len(stage.api.read_runs()), count_sessions(stage)


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_launch_is_refused_and_nothing_is_stored(stage: Stage, case: str) -> None:
    query, given, words = REFUSED[case]
    before = count_stored(stage)
    _, text = post(stage.api.url, json.dumps({"query": query, "variables": {"it": given}}).encode())
    (message,) = find_messages(json.loads(text))
    assert words in message
    assert "Traceback" not in message
    assert 'File "' not in message
    assert count_stored(stage) == before


@pytest.mark.parametrize("case", NEVER_STARTED)
def test_a_run_that_dagster_can_not_finish_writing_never_starts(stage: Stage, case: str) -> None:
    tags, words = NEVER_STARTED[case]
    runs, sessions = stage.api.read_runs(), count_sessions(stage)
    _, text = post(stage.api.url, json.dumps({"query": LAUNCH, "variables": {"it": tag(tags)}}).encode())
    (message,) = find_messages(json.loads(text))
    assert words in message
    assert "Traceback" not in message
    left = {run_id: status for run_id, status in stage.api.read_runs().items() if run_id not in runs}
    assert set(left.values()) <= {"NOT_STARTED"}
    assert count_sessions(stage) == sessions
    for run_id in left:
        stage.api.query("mutation($id: String!) { deleteRun(runId: $id) { __typename } }", id=run_id)
    assert stage.api.read_runs() == runs


@pytest.mark.parametrize("case", BODIES)
def test_a_wrong_request_is_refused_and_nothing_is_stored(stage: Stage, case: str) -> None:
    method, body, status = BODIES[case]
    before = count_stored(stage)
    answered, text = post(stage.api.url, body, method)
    assert answered == status
    assert "Traceback" not in text
    assert count_stored(stage) == before


def test_what_is_launched_without_a_look_fails_with_its_reason(stage: Stage) -> None:
    runs = stage.run_in_one_process([tags for tags, _ in LAUNCHED.values()])
    for (case, (_, words)), run_id in zip(LAUNCHED.items(), runs, strict=True):
        session = stage.wait_for_session(run_id)
        records = stage.read_records(run_id).values()
        said = [text for text in (session["message"], *(row["error_message"] for row in records)) if text]
        assert session["status"] == "failed", case
        assert any(words in text for text in said), (case, said)
        assert all(len(text.splitlines()) == 1 for text in said), (case, said)
        assert {row["error_code"] for row in records} <= {"VALIDATION_ERROR"}, case
