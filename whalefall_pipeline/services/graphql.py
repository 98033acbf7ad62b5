"""The few questions that we put to a webserver to know how it is."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

_LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries {
    loadStatus locationOrLoadError { ... on PythonError { message } } } } } }
"""


def ask(address: str, query: str, *, timeout_seconds: float = 5.0) -> dict[str, Any]:
    """Give the `data` of a GraphQL answer; raises OSError when there is none."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_seconds)
    try:
        connection.request("POST", "/graphql", json.dumps({"query": query}), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        return answer["data"]
    except (http.client.HTTPException, ValueError, KeyError) as error:
        raise OSError(f"{address} does not answer as Dagster does: {error}") from None
    finally:
        connection.close()


def answers(address: str) -> bool:
    """Say whether a Dagster webserver answers there."""
    try:
        return bool(ask(address, "{ version }").get("version"))
    except OSError:
        return False


def find_obstacle(address: str) -> str | None:
    """Say in one line why the code location can't be used yet; None when it can."""
    try:
        entries = ask(address, _LOCATIONS)["workspaceOrError"].get("locationEntries", [])
    except OSError as error:
        return f"the webserver does not answer ({error})"
    if not entries or any(entry["loadStatus"] != "LOADED" for entry in entries):
        return "the definitions are being loaded"
    errors = [entry["locationOrLoadError"]["message"] for entry in entries if "message" in entry["locationOrLoadError"]]
    return errors[0].strip().partition("\n")[0] if errors else None
