"""The few questions that we put to a webserver to know how it is."""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries {
    loadStatus displayMetadata { key value } locationOrLoadError { ... on PythonError { message } } } } } }
"""


def send_query(
    address: str, query: str, variables: Mapping[str, Any] | None = None, *, timeout_seconds: float = 5.0
) -> dict[str, Any]:
    """Return the `data` of a GraphQL answer. Raises OSError when there is none, with what the server said."""
    parts = urlsplit(address)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_seconds)
    try:
        body = json.dumps({"query": query, "variables": variables or {}})
        connection.request("POST", f"{parts.path.rstrip('/')}/graphql", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        if answer.get("errors"):
            raise OSError(f"{address} refused: {answer['errors'][0]['message']}")
        return answer["data"]
    except (http.client.HTTPException, ValueError, KeyError) as error:
        raise OSError(f"{address} does not answer as Dagster does: {error}") from None
    finally:
        connection.close()


def answers(address: str) -> bool:
    """Return whether a Dagster webserver answers there."""
    try:
        return bool(send_query(address, "{ version }").get("version"))
    except OSError:
        return False


def find_obstacle(address: str, socket: str | None = None) -> str | None:
    """Return in one line why the code location can't be used yet; None when it can.

    With `socket`, that code server's it must be: another program of the same kind may have taken the port meanwhile.
    """
    try:
        entries = send_query(address, _LOCATIONS)["workspaceOrError"].get("locationEntries", [])
    except OSError as error:
        return f"the webserver does not answer ({error})"
    metadata = [pair for entry in entries for pair in entry["displayMetadata"]]
    if entries and socket and {"key": "socket", "value": socket} not in metadata:
        return f"another webserver answers at {address}"
    if not entries or any(entry["loadStatus"] != "LOADED" for entry in entries):
        return "the definitions are being loaded"
    errors = [entry["locationOrLoadError"]["message"] for entry in entries if "message" in entry["locationOrLoadError"]]
    return errors[0].strip().partition("\n")[0] if errors else None
