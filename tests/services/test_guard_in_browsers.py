"""A page of another origin, in a real browser: what it can do to a webserver with the guard, and to one without."""

import os
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.triggers.test_browser import attack
from tests.servers.browser import open_browser
from tests.servers.ports import take_port
from tests.waiting import wait_for
from whalefall_pipeline.services.graphql import answers, send_query

LIMIT = 'mutation { setConcurrencyLimit(concurrencyKey: "WAY", limit: 1) }'
LIMITS = "{ instance { concurrencyLimits { concurrencyKey } } }"
WAYS = {"image", "script", "style", "line_break", "form_post", "fetch_get"}
"""What a page of another origin reaches Dagster's webserver by, where nothing is in front of it."""


@pytest.fixture(scope="module")
def webservers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of Dagster's own webserver and of ours; both show the same empty Dagster."""
    home = tmp_path_factory.mktemp("dagster")
    workspace = home / "workspace.yaml"
    workspace.write_text("load_from: []\n")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    with take_port() as port, socket.create_server(("127.0.0.1", 0)) as listener:
        handle, ours = listener.fileno(), listener.getsockname()[1]
        asked = ("--workspace", str(workspace), "--host", "127.0.0.1")
        plain = [str(Path(sys.executable).with_name("dagster-webserver")), *asked, "--port", str(port)]
        guarded = [sys.executable, "-m", "whalefall_pipeline.services.webserver", *asked, "--handle", str(handle)]
        addresses = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{ours}"
        # one after the other: each makes the storage where there is none
        with _running(plain, addresses[0], environment), _running(guarded, addresses[1], environment, handle):
            yield addresses


@contextmanager
def _running(command: list[str], address: str, environment: Mapping[str, str], *handles: int) -> Generator[None]:
    with subprocess.Popen(command, env=environment, pass_fds=handles, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: answers(address), f"an answer of {address}")
            yield
        finally:
            process.terminate()


def test_the_page_that_the_guard_refuses_does_all_of_it_where_there_is_none(
    webservers: tuple[str, str], tmp_path: Path
) -> None:
    plain, guarded = webservers
    with open_browser(tmp_path) as browser:
        assert attack(browser, guarded, LIMIT)["websocket"] == "closed"
        assert send_query(guarded, LIMITS)["instance"]["concurrencyLimits"] == []
        assert attack(browser, plain, LIMIT)["websocket"] == "opened"
    limits = send_query(plain, LIMITS)["instance"]["concurrencyLimits"]
    assert {limit["concurrencyKey"] for limit in limits} >= WAYS
