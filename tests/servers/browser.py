"""A real browser, Debian's Chromium without a window, driven over its DevTools protocol."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.servers.required import missing

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"),
    *("--no-first-run", "--remote-debugging-port=0", "--window-size=1400,900"),
)
WAIT_SECONDS = 120


@dataclass
class Browser:
    """One page of a browser."""

    _page: ClientConnection
    _calls: int = 0
    opened_sockets: list[str] = field(default_factory=list[str])
    """Addresses of the WebSockets whose handshake a server took."""

    def go(self, url: str) -> None:
        """Follow an address that a person typed."""
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page, awaited where it is a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Wait until an expression is true in the page; a generous limit turns a hang into a failure that says what."""
        ends_at = time.monotonic() + WAIT_SECONDS
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < ends_at, f"not within {WAIT_SECONDS} s: {expression}\n{self.read_text()[:2000]}"
            time.sleep(0.2)

    def wait_for_text(self, text: str) -> None:
        self.wait_until(f"document.body && document.body.innerText.includes({json.dumps(text)})")

    def read_text(self) -> str:
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call one of the protocol's methods, and note the events that come meanwhile."""
        self._calls += 1
        self._page.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while (message := json.loads(self._page.recv(WAIT_SECONDS))).get("id") != self._calls:
            if message.get("method") == "Network.webSocketHandshakeResponseReceived":
                self.opened_sockets.append(message["params"]["response"].get("statusText", ""))
        assert "error" not in message, message
        return dict(message["result"])


@contextmanager
def open_browser(folder: Path, *flags: str) -> Generator[Browser]:
    """Start the browser with a profile of its own, and end it with the block."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        missing("browser", f"none of {', '.join(PROGRAMS)} is installed")
    log = folder / "browser.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, "about:blank"],
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            port = _read_port(folder / "profile" / "DevToolsActivePort", process, log)
            with connect(_find_page(port), max_size=None, ping_interval=None) as page:
                browser = Browser(page)
                for domain in ("Page", "Runtime", "Network"):
                    browser.call(f"{domain}.enable")
                yield browser
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _read_port(path: Path, process: "subprocess.Popen[bytes]", log: Path) -> int:
    """Return the port of the protocol, which the browser writes into its profile when it listens."""
    ends_at = time.monotonic() + WAIT_SECONDS
    while not (path.exists() and (lines := path.read_text().splitlines())):
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < ends_at, f"no browser within {WAIT_SECONDS} s"
        time.sleep(0.1)
    return int(lines[0])


def _find_page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=WAIT_SECONDS) as response:
        (page,) = [target for target in json.load(response) if target["type"] == "page"]
    return str(page["webSocketDebuggerUrl"])
