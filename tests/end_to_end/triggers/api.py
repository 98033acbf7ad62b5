"""Dagster's GraphQL, as programs use it: launch, re-execute, end, look."""

import json
import re
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.error import HTTPError

LOCATION, REPOSITORY = "whalefall", "__repository__"
ASSETS = ({"path": ["instance_accounts"]}, {"path": ["account_permissions"]})
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_PLACE = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY}

_LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on Error { message } } }"""
_BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on Error { message } } }"""
_REEXECUTE = """mutation($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on Error { message } } }"""
_TERMINATE = """mutation($id: String!) { terminateRun(runId: $id) { __typename ... on Error { message } } }"""
_RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status parentRunId tags { key value } } } }"""
_RUNS = """query($filter: RunsFilter!) { runsOrError(filter: $filter) { ... on Runs { results { runId status } } } }"""
_EVENTS = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
  __typename
  ... on MessageEvent { message level }
  ... on ExecutionStepFailureEvent { error { message } failureMetadata { metadataEntries {
    label ... on TextMetadataEntry { text } ... on TableMetadataEntry { table { records } } } } }
  ... on MaterializationEvent { partition assetKey { path } metadataEntries {
    label ... on PipelineRunMetadataEntry { runId } } }
} } } }"""
_PARTITIONS = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  partitionKeys
  assetPartitionStatuses { ... on DefaultPartitionStatuses {
    materializedPartitions failedPartitions unmaterializedPartitions materializingPartitions } } } } }"""
_ADD = """mutation($place: RepositorySelector!, $key: String!) { addDynamicPartition(
  repositorySelector: $place, partitionsDefName: "instances", partitionKey: $key) { __typename } }"""
_DELETE = """mutation($place: RepositorySelector!, $keys: [String!]!) { deleteDynamicPartitions(
  repositorySelector: $place, partitionsDefName: "instances", partitionKeys: $keys) { __typename } }"""
_START_SENSOR = """mutation($selector: SensorSelector!) { startSensor(sensorSelector: $selector) {
  __typename ... on Sensor { sensorState { id } } ... on Error { message } } }"""
_STOP_SENSOR = """mutation($id: String!) { stopSensor(id: $id) { __typename ... on Error { message } } }"""
_STATE = """query($selector: InstigationSelector!) { instigationStateOrError(instigationSelector: $selector) {
  ... on InstigationState { status ticks(limit: 5) { id } } } }"""
_START_SCHEDULE = """mutation($selector: ScheduleSelector!) { startSchedule(scheduleSelector: $selector) {
  __typename ... on ScheduleStateResult { scheduleState { id } } ... on Error { message } } }"""
_STOP_SCHEDULE = """mutation($id: String!) { stopRunningSchedule(id: $id) { __typename ... on Error { message } } }"""


class Api:
    """A webserver with our code location."""

    def __init__(self, url: str) -> None:
        self.url = url

    def launch(self, *, job: str = "__ASSET_JOB", **tags: str) -> str:
        """Launch a run with tags, and give its id."""
        selector = {**_PLACE, "jobName": job, "assetSelection": ASSETS if job == "__ASSET_JOB" else None}
        params = {"selector": selector, "executionMetadata": {"tags": _to_tags(tags)}}
        return str(self._mutate(_LAUNCH, params=params)["run"]["runId"])

    def launch_one(self, key: str, **tags: str) -> str:
        return self.launch(**{"dagster/partition": key}, **tags)

    def launch_range(self, first: str, last: str, **tags: str) -> str:
        return self.launch(**{RANGE_START: first, RANGE_END: last}, **tags)

    def launch_backfill(self, keys: Sequence[str]) -> str:
        """Launch a backfill over both assets, and give its id."""
        return str(self._mutate(_BACKFILL, params={"assetSelection": ASSETS, "partitionNames": keys})["backfillId"])

    def reexecute(self, run_id: str, strategy: str = "FROM_FAILURE") -> str:
        """Re-execute a run as the UI's buttons do, and give the new run's id."""
        answer = self._mutate(_REEXECUTE, params={"parentRunId": run_id, "strategy": strategy})
        return str(answer["run"]["runId"])

    def terminate(self, run_id: str) -> None:
        self._mutate(_TERMINATE, id=run_id)

    def read_status(self, run_id: str) -> str:
        return str(self.query(_RUN, id=run_id)["status"])

    def read_tags(self, run_id: str) -> dict[str, str]:
        return {tag["key"]: tag["value"] for tag in self.query(_RUN, id=run_id)["tags"]}

    def read_runs(self, **filters: Any) -> dict[str, str]:
        """Return the runs of a filter, the newest first, with their states."""
        return {run["runId"]: run["status"] for run in self.query(_RUNS, filter=filters)["results"]}

    def read_events(self, run_id: str, kind: str = "") -> list[dict[str, Any]]:
        """Return the events of a run, all or of one type."""
        events = self.query(_EVENTS, id=run_id)["events"]
        return [event for event in events if kind in ("", event["__typename"])]

    def find_worker(self, run_id: str) -> int | None:
        """Return the process id of a run's worker, once its process has begun."""
        messages = [event.get("message", "") for event in self.read_events(run_id)]
        found = [match for text in messages if (match := re.search(r"Started process for run \(pid: (\d+)\)", text))]
        return int(found[0][1]) if found else None

    def read_partitions(self) -> list[str]:
        return list(self.query(_PARTITIONS, key=ASSETS[0])["partitionKeys"])

    def read_partition_states(self, asset: str = "account_permissions") -> dict[str, str]:
        """Return each partition's state in the UI: materialized, failed, unmaterialized, materializing."""
        states = self.query(_PARTITIONS, key={"path": [asset]})["assetPartitionStatuses"]
        order = ("unmaterialized", "materialized", "materializing", "failed")  # the last that names a key is shown
        return {key: state for state in order for key in states[f"{state}Partitions"] or ()}

    def add_partition(self, key: str) -> None:
        self.query(_ADD, place=_PLACE, key=key)

    def delete_partition(self, key: str) -> None:
        self.query(_DELETE, place=_PLACE, keys=[key])

    def start_sensor(self, name: str) -> str:
        """Turn a sensor on; what comes back turns it off."""
        return str(self._mutate(_START_SENSOR, selector={**_PLACE, "sensorName": name})["sensorState"]["id"])

    def stop_sensor(self, state_id: str) -> None:
        self._mutate(_STOP_SENSOR, id=state_id)

    def is_on(self, name: str) -> bool:
        """Whether a sensor or schedule is turned on."""
        return self.query(_STATE, selector={**_PLACE, "name": name})["status"] == "RUNNING"

    def read_ticks(self, name: str) -> set[str]:
        """Return the ids of the newest ticks of a sensor or schedule."""
        return {tick["id"] for tick in self.query(_STATE, selector={**_PLACE, "name": name})["ticks"]}

    def start_schedule(self, name: str) -> str:
        """Turn a schedule on; what comes back turns it off."""
        return str(self._mutate(_START_SCHEDULE, selector={**_PLACE, "scheduleName": name})["scheduleState"]["id"])

    def stop_schedule(self, state_id: str) -> None:
        self._mutate(_STOP_SCHEDULE, id=state_id)

    def query(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the answer's one field."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - our own webserver
                answer = json.load(response)
        except HTTPError as error:
            error.add_note(error.read().decode(errors="replace"))  # what Dagster says of it
            raise
        assert "errors" not in answer, answer["errors"]
        (field,) = answer["data"].values()
        return dict(field)

    def _mutate(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self.query(query, **variables)
        if "message" in answer:
            raise RefusedError(answer["message"])
        return answer


class RefusedError(Exception):
    """Dagster did not do what it was asked."""


def _to_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
