"""Starts Dagster's services, starts one that died again, and ends them in the right order."""

import asyncio
import errno
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from whalefall_pipeline.core.runs import LOCATION
from whalefall_pipeline.core.text import make_visible
from whalefall_pipeline.embedded import EmbeddedServerError, embedded_server, is_running
from whalefall_pipeline.services.errors import ServicesError
from whalefall_pipeline.services.graphql import find_obstacle
from whalefall_pipeline.services.plan import NOTICE, ServicePlan
from whalefall_pipeline.services.service import Service, empty_large_log, turn_logs

_START_SECONDS = 180.0
_QUICK_SECONDS = 60.0
_QUICK_ENDS = 3
"""A service that ends this often, each time within _QUICK_SECONDS of its start, is given up."""
_LOG_SECONDS = 60.0
"""Between two looks at the logs' sizes."""
_SERVER_SECONDS = 5.0
"""Between two looks at whether the embedded server's guard lives."""
_PORTS = 100
_LAST_PORT = 65535
_TAKEN = (errno.EADDRINUSE, errno.EACCES)
"""By somebody else, or for the system's own programs."""
_BACKLOG = 128


class Supervisor:
    """The three services of one home: a code server, and webserver and daemon, which share it."""

    def __init__(self, plan: ServicePlan, socket_folder: Path, notify: Callable[[str, str], None]) -> None:
        self._home, self._folder = Path(plan.home), Path(plan.home) / "dagster"
        self._socket = socket_folder / "code.sock"
        self._embedded = Path(plan.embedded) if plan.embedded else None
        self._notify = notify
        self._listener = _listen(plan.host, plan.port)
        port = int(self._listener.getsockname()[1])
        self.address = f"http://{_to_reachable(plan.host)}:{port}"
        code = ["dagster", "api", "grpc", "--module-name", plan.module, "--location-name", LOCATION]
        workspace = ["--workspace", str(self._folder / "workspace.yaml")]
        handle = self._listener.fileno()
        listen = ["--host", plan.host, "--handle", str(handle), *(["--read-only"] if plan.read_only else [])]
        code += ["--socket", str(self._socket), "--use-python-environment-entry-point"]
        self._code = self._build("code-server", code, plan.run_grace_seconds)
        webserver = ["whalefall_pipeline.services.webserver", *workspace, *listen]
        self._webserver = self._build("webserver", webserver, 5.0, handles=(handle,))
        self._daemon = self._build("daemon", ["dagster._daemon", "run", *workspace], 10.0)

    async def start(self) -> None:
        """Return when the webserver answers and the definitions are loaded; raises ServicesError."""
        self._write_workspace()
        await self._start(self._code)
        await self._until(self._find_code_obstacle, self._code)
        await self._start(self._webserver)
        await self._start(self._daemon)
        await self._until(self._find_obstacle, self._code, self._webserver, self._daemon)

    async def keep(self) -> None:
        """Start again what ends, for ever; raises ServicesError when one ends again and again."""
        services = (self._code, self._webserver, self._daemon)
        kept = [self._keep(service) for service in services]
        await asyncio.gather(*kept, self._keep_logs_small(services), self._keep_server())

    async def stop(self) -> None:
        """End those that ask for runs first, the one that has them last."""
        await asyncio.gather(self._webserver.stop(), self._daemon.stop())
        await self._code.stop()

    async def _keep(self, service: Service) -> None:
        quick_ends = 0
        while True:
            began = time.monotonic()
            code = await service.wait()
            quick_ends = quick_ends + 1 if time.monotonic() - began < _QUICK_SECONDS else 1
            if quick_ends == _QUICK_ENDS:
                raise ServicesError(f"the {service.name} ended {quick_ends} times in a row; see {service.log}")
            self._notify(
                NOTICE, f"the {service.name} ended ({_to_words(code)}) and is started again; see {service.log}"
            )
            await self._start(service)

    async def _keep_logs_small(self, services: Iterable[Service]) -> None:
        while True:
            await asyncio.sleep(_LOG_SECONDS)
            for service in services:
                await asyncio.to_thread(empty_large_log, service.log)

    async def _keep_server(self) -> None:
        """Start the embedded server again where its guard is gone; what keeps it from that is said once."""
        last_said = ""
        while self._embedded:
            await asyncio.sleep(_SERVER_SECONDS)
            said = await asyncio.to_thread(_ensure_server, self._embedded)
            if said and said != last_said:
                self._notify(NOTICE, said)
            last_said = said

    async def _start(self, service: Service) -> None:
        if service is self._code:
            self._socket.unlink(missing_ok=True)
        await service.start(os.environ, self._folder)

    async def _until(self, find: Callable[[], Awaitable[str | None]], *services: Service) -> None:
        """Wait until there is no obstacle; a service that ends meanwhile is one for good."""
        ends_at = time.monotonic() + _START_SECONDS
        while (obstacle := await find()) is not None:
            for service in services:
                if service.exit_code is not None:
                    how = f"the {service.name} ended ({_to_words(service.exit_code)}) before it was ready"
                    raise ServicesError(f"{how}: {_read_reason(service.log)}; see {service.log}")
            if time.monotonic() > ends_at:
                raise ServicesError(f"not ready within {_START_SECONDS:g} s: {obstacle}; see {self._home / 'logs'}")
            await asyncio.sleep(0.05)

    async def _find_code_obstacle(self) -> str | None:
        return None if self._socket.exists() else "the definitions are being loaded"

    async def _find_obstacle(self) -> str | None:
        return await asyncio.to_thread(find_obstacle, self.address, str(self._socket))

    def _build(self, name: str, command: list[str], grace_seconds: float, handles: tuple[int, ...] = ()) -> Service:
        log = self._home / "logs" / f"{name}.log"
        turn_logs(log)
        return Service(name, [sys.executable, "-m", *command], log, grace_seconds, handles)

    def _write_workspace(self) -> None:
        """Name the code server that webserver and daemon share; else each would start, and load, its own."""
        location = {"grpc_server": {"socket": str(self._socket), "location_name": LOCATION}}
        (self._folder / "workspace.yaml").write_text(json.dumps({"load_from": [location]}), encoding="utf-8")


def _ensure_server(folder: Path) -> str:
    """Start an embedded server that somebody uses, this process too, where it is gone; return what is to be said."""
    try:
        if is_running(folder):
            return ""
        with embedded_server(folder):
            return "the embedded PostgreSQL was killed with its guard, and is started again"
    except (EmbeddedServerError, OSError) as error:
        return f"the embedded PostgreSQL was killed with its guard, and can't be started: {make_visible(str(error))}"


def _to_reachable(host: str) -> str:
    """Return a host as an address names it; for all addresses of the machine, the loopback one among them."""
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    return f"[{loopback}]" if ":" in loopback else loopback


def _listen(host: str, first: int) -> socket.socket:
    """Return a socket that listens on the first free port; it is held for the webserver, also while that starts."""
    if not host:  # a socket takes that for every address
        raise ServicesError("the host that the UI is to listen on is empty; leave it out for this machine alone")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = min(first + _PORTS - 1, _LAST_PORT)
    for port in range(first, last + 1):
        try:
            return socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            if error.errno not in _TAKEN:
                reason = str(error.strerror).partition(" (while")[0]  # Python adds the address
                raise ServicesError(f"the UI can't listen on {make_visible(host)}: {reason}") from None
        except (UnicodeError, TypeError):  # what can't be encoded as a name
            raise ServicesError(f"the UI can't listen on {make_visible(host)}: it is no host") from None
    raise ServicesError(f"no free port on {host} from {first} to {last}")


def _to_words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _read_reason(log: Path) -> str:
    """Return the line in which a program of Dagster's says why it ended: a chain's first exception, or the end."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()]
    causes = (line for line in lines if re.match(r"[\w.]+(Error|Exception): ", line))
    return next(causes, lines[-1] if lines else "it said nothing")
