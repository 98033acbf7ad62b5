"""A real browser: whatever a page of another origin tries, the UI starts and changes nothing; the UI itself works."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.triggers.stage import Stage
from tests.servers.browser import Browser, open_browser

EVIL = Path(__file__).with_name("evil.html").read_text(encoding="utf-8")
REBOUND = "rebound.example"
"""A name of somebody else's that leads to this machine."""
PLACE = '{repositoryLocationName: "whalefall", repositoryName: "__repository__"}'
MUTATION = f"""mutation {{
  addDynamicPartition(repositorySelector: {PLACE}, partitionsDefName: "instances", partitionKey: "evil-WAY") {{
    __typename }}
  launchRun(executionParams: {{
    selector: {{repositoryLocationName: "whalefall", repositoryName: "__repository__", jobName: "sync_instances"}},
    executionMetadata: {{tags: [{{key: "dagster/partition", value: "evil-WAY"}}]}}
  }}) {{ __typename }}
}}"""
LOGS = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
  ... on LogsCapturedEvent { fileKey } } } } }"""
POST = """(query) => fetch('/graphql', {method: 'POST', body: JSON.stringify({query}),
  headers: {'Content-Type': 'application/json'}}).then(async (answer) => [answer.status, await answer.text()])"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("browser"), f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1") as browser:
        yield browser


@contextmanager
def serving(page: str) -> Generator[str]:
    """Serve a page on a port of its own, which makes another origin, and give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class has it so
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def attack(browser: Browser, target: str, mutation: str = MUTATION) -> dict[str, str]:
    """Have a page of another origin try all it can, and give what its browser told it of each way."""
    with serving(EVIL.replace("TARGET", json.dumps(target)).replace("MUTATION", json.dumps(mutation))) as address:
        browser.go(address)
        browser.wait_until("window.said")
        return dict(browser.evaluate("window.said"))


def read_state(stage: Stage) -> tuple[list[str], set[str]]:
    """Return all partitions, and the ids of all runs."""
    return list(stage.api.read_partitions()), set(stage.api.read_runs())


def test_a_page_of_another_origin_changes_nothing(stage: Stage, browser: Browser) -> None:
    before = read_state(stage)
    said = attack(browser, stage.api.url)
    assert read_state(stage) == before
    assert said["websocket"] == "closed"
    assert said["fetch_json"].startswith("refused")
    assert said["fetch_graphql"].startswith("refused")
    assert {said[way] for way in ("image", "script", "line_break")} == {"error"}
    assert not [way for way, answer in said.items() if answer == "no answer"], said


def test_a_name_that_is_made_to_lead_here_changes_nothing(stage: Stage, browser: Browser) -> None:
    """To the browser the page and the UI are one origin then, so that only the webserver can tell."""
    before = read_state(stage)
    browser.go(f"http://{REBOUND}:{urlsplit(stage.api.url).port}/")
    browser.wait_for_text(f"refused: the host is '{REBOUND}:{urlsplit(stage.api.url).port}'")
    query = json.dumps(MUTATION.replace("WAY", "rebound"))
    status, _ = browser.evaluate(f"({POST})({query})")
    assert status == 403
    assert read_state(stage) == before


def test_the_ui_works(stage: Stage, browser: Browser, synced: str) -> None:
    browser.go(f"{stage.api.url}/assets")
    browser.wait_for_text("account_permissions")
    query = json.dumps("{ version }")
    assert browser.evaluate(f"({POST})({query})")[0] == 200
    browser.opened_sockets.clear()
    browser.go(f"{stage.api.url}/runs/{synced}")
    browser.wait_for_text("RUN_SUCCESS")
    assert browser.opened_sockets, "what a run says comes over a WebSocket"
    (key,) = [event["fileKey"] for event in stage.api.query(LOGS, id=synced)["events"] if event]
    path = f"/logs/{synced}/compute_logs/{key}/err"
    assert browser.evaluate(f"fetch({json.dumps(path)}).then((answer) => answer.status)") == 200
    browser.go(f"{stage.api.url}/graphql")
    browser.wait_until("document.querySelector('.graphiql-container')")
