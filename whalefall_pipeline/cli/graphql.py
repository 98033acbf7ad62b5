"""Launches and ends runs through a webserver's GraphQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.runs import FAILURE, LOCATION, PARTITIONS_NAME, REPOSITORY, SYNC_JOB
from whalefall_pipeline.services.graphql import send_query

SELECTOR = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY}
SECONDS = 60

PARTITIONS = """query($selector: RepositorySelector!) { repositoryOrError(repositorySelector: $selector) {
  ... on Repository { assetNodes { partitionKeys } } } }"""
ADD_PARTITION = """mutation($selector: RepositorySelector!, $name: String!, $key: String!) {
  addDynamicPartition(repositorySelector: $selector, partitionsDefName: $name, partitionKey: $key) {
    __typename ... on PythonError { message } ... on UnauthorizedError { message } } }"""
LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } ... on Error { message } } }"""
TERMINATE = """mutation($id: String!) { terminateRun(runId: $id) { __typename ... on Error { message } } }"""
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
STATUS = """query($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }"""


class Webserver:
    """A Dagster webserver that has our code location."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def read_partitions(self) -> list[str]:
        """Return the partition keys in Dagster's order."""
        nodes = self._send_query(PARTITIONS, selector=SELECTOR)["repositoryOrError"].get("assetNodes", [])
        return list(nodes[0]["partitionKeys"]) if nodes else []

    def add_partition(self, key: str) -> None:
        """Add a partition; one that is there already is fine."""
        self._send_query(ADD_PARTITION, selector=SELECTOR, name=PARTITIONS_NAME, key=key)

    def launch(self, tags: Mapping[str, str]) -> str:
        """Launch a run of the sync job with these tags and return its id."""
        execution = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
        selector = {**SELECTOR, "jobName": SYNC_JOB}
        params = {"selector": selector, "runConfigData": {}, "executionMetadata": execution}
        answer = self._send_query(LAUNCH, params=params)["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise WhalefallError(f"the run could not be launched: {answer.get('message', answer['__typename'])}")
        return str(answer["run"]["runId"])

    def terminate(self, run_ids: Sequence[str]) -> None:
        """Ask runs to end; those that have ended stay as they are."""
        for run_id in run_ids:
            self._send_query(TERMINATE, id=run_id)

    def read_status(self, run_id: str) -> str:
        """Return a run's status as Dagster spells it."""
        return str(self._send_query(STATUS, id=run_id)["runOrError"].get("status", FAILURE))

    def read_daemons(self) -> list[dict[str, Any]]:
        """Return what Dagster knows of its daemon's parts: kind, whether one is required, whether it is healthy."""
        return list(self._send_query(DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"])

    def _send_query(self, query: str, **variables: Any) -> dict[str, Any]:
        try:
            return send_query(self.url, query, variables, timeout_seconds=SECONDS)
        except OSError as error:
            raise WhalefallError(f"the webserver does not answer as it should: {error}") from None
