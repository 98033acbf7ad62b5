"""What commands call: run the services, find their webserver, stop them."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from whalefall_pipeline.services.authority import HOSTS_VARIABLE, parse_names
from whalefall_pipeline.services.errors import ServicesError
from whalefall_pipeline.services.graphql import answers
from whalefall_pipeline.services.plan import FAILED, LOCK, READY, ServicePlan, read_state
from whalefall_pipeline.system import locked, try_lock

_MODULE = "whalefall_pipeline.definitions"


@dataclass(frozen=True, slots=True)
class Services:
    """Running services."""

    address: str
    """Of the webserver, as `http://127.0.0.1:3000`."""
    _words: IO[str]

    def watch(self) -> Iterator[str]:
        """Yield a line for each service that died and was started again; ends when `stop_services` ended them all.

        Raises ServicesError when one dies again and again.
        """
        for line in self._words:
            word, _, text = line.strip().partition(" ")
            if word == FAILED:
                raise ServicesError(text)
            yield text


@contextmanager
def run_services(
    environment: Mapping[str, str],
    host: str = "127.0.0.1",
    port: int = 3000,
    *,
    embedded: Path | None = None,
    read_only: bool = False,
    run_grace_seconds: float = 20.0,
    module: str = _MODULE,
) -> Generator[Services]:
    """Run code server, webserver and daemon in a `dagster_environment` until this is left or this process dies.

    The next free port is taken where `port` is not. `embedded` names the folder of the embedded server that they
    use, which then stays until they have ended. With `read_only` the UI starts and changes nothing. Runs that are
    active at the end may go on for `run_grace_seconds`, then they are interrupted. Raises ServicesError.
    """
    home = environment["WHALEFALL_HOME"]
    parse_names(environment.get(HOSTS_VARIABLE, ""))
    folder = str(embedded.absolute()) if embedded else None
    plan = ServicePlan(home, host, port, module, folder, read_only, run_grace_seconds)
    with subprocess.Popen(  # noqa: S603 - our own module, without a shell
        [sys.executable, "-P", "-m", "whalefall_pipeline.services", plan.to_json()],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as supervisor:
        assert supervisor.stdin and supervisor.stdout  # noqa: S101, PT018 - Popen makes the pipes that it is asked for
        try:
            word, _, text = supervisor.stdout.readline().strip().partition(" ")
            if word != READY:
                raise ServicesError(text or "the supervisor of Dagster's services ended without a word")
            yield Services(text, supervisor.stdout)
        finally:
            supervisor.stdin.close()
            supervisor.wait()


def find_webserver(home: Path) -> str | None:
    """Return the address of the webserver that `whalefall up` runs in this home, if it answers."""
    _, address = read_state(home)
    return address if address and answers(address) else None


def stop_services(home: Path) -> bool:
    """End the services of a home and wait for that; false when there are none."""
    pid, _ = read_state(home)
    if pid is None:
        return False
    free = try_lock(home / LOCK)
    if free:
        free.close()
        return False
    os.kill(pid, signal.SIGTERM)
    with locked(home / LOCK):
        return True
