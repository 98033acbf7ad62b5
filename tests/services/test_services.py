"""Dagster's services, run for real: asked over GraphQL, killed, and gone when they should be."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.embedded.using import kill_and_wait, parent_of
from whalefall_pipeline.embedded import embedded_server
from whalefall_pipeline.embedded.postmaster import read_postmaster
from whalefall_pipeline.services import (
    Services,
    ServicesError,
    dagster_environment,
    find_webserver,
    run_services,
    stop_services,
)
from whalefall_pipeline.services.graphql import find_obstacle, send_query
from whalefall_pipeline.services.plan import LOCK, read_state
from whalefall_pipeline.services.service import empty_large_log
from whalefall_pipeline.system import locked

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")

DEFINITIONS = """
import time
import dagster as dg

@dg.asset
def endless():
    time.sleep(600)

defs = dg.Definitions(assets=[endless])
"""

LAUNCH = """
mutation { launchRun(executionParams: {
    selector: {repositoryLocationName: "whalefall", repositoryName: "__repository__", jobName: "__ASSET_JOB"}
}) { ... on LaunchRunSuccess { run { runId } } } }
"""

STATUS = '{{ runOrError(runId: "{run}") {{ ... on Run {{ status }} }} }}'

UP = """
import os, sys
from pathlib import Path
from whalefall_pipeline.services import run_services
embedded = Path(sys.argv[1])
with run_services(os.environ, run_grace_seconds=1, module="definitions_of_the_tests", embedded=embedded) as services:
    print(services.address, flush=True)
    sys.stdin.read()
"""


@dataclass
class Workplace:
    """A home with an embedded server, and definitions of the tests' own."""

    home: Path
    environment: dict[str, str]

    @contextmanager
    def up(self, module: str = "definitions_of_the_tests", port: int = 3000) -> Generator[Services]:
        with run_services(self.environment, port=port, module=module, run_grace_seconds=1) as services:
            yield services


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    home = tmp_path_factory.mktemp("workplace") / "home"
    with embedded_server(home / "postgres") as server:
        server.ensure_database("dagster")
        environment = dagster_environment(home, dagster_url=server.url("dagster"), ledger_url=server.url("ledger"))
        (home / "definitions_of_the_tests.py").write_text(DEFINITIONS)
        (home / "broken_definitions.py").write_text("raise RuntimeError('broken on purpose')")
        yield Workplace(home, environment | {"PYTHONPATH": str(home)})


@pytest.fixture(scope="module")
def services(workplace: Workplace) -> Iterator[Services]:
    with take_port(3000), workplace.up(port=3000) as services:
        assert not services.address.endswith(":3000")
        yield services
        assert stop_services(workplace.home)
        assert list(services.watch()) == []
        assert find_webserver(workplace.home) is None
    assert find_left_processes(workplace.home) == {}


@contextmanager
def take_port(port: int) -> Generator[None]:
    """Listen on a port, unless somebody else does."""
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError:
        yield
        return
    with listener:
        yield


def copy_home(workplace: Workplace, home: Path) -> dict[str, str]:
    """Return the environment of another home on the same databases."""
    shutil.copytree(workplace.home / "dagster", home / "dagster")
    return workplace.environment | {"WHALEFALL_HOME": str(home), "DAGSTER_HOME": f"{home}/dagster"}


def processes_of(home: Path) -> dict[int, str]:
    """Return the commands of all processes that run in Dagster's environment of this home, by process id."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"DAGSTER_HOME={home}/dagster\0".encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def find_left_processes(home: Path) -> dict[int, str]:
    """Return what is left of a home that was stopped, once the kernel had time to clear the killed away."""
    ends_at = time.monotonic() + 30
    while (left := processes_of(home)) and time.monotonic() < ends_at:
        time.sleep(0.1)
    return left


def find_process(home: Path, name: str) -> int | None:
    return next((pid for pid, command in processes_of(home).items() if name in command), None)


def wait_until_ready(address: str) -> None:
    """Ask until the definitions can be used; the test's own time limit ends it."""
    while find_obstacle(address):
        time.sleep(0.1)


def test_the_environment_is_all_that_dagster_needs(tmp_path: Path) -> None:
    environment = dagster_environment(
        tmp_path / "home", dagster_url="postgresql+psycopg://u:p@h:1/d", ledger_url="postgresql+psycopg://u:p@h:1/l"
    )
    assert environment["WHALEFALL_DAGSTER_URL"] == "postgresql://u:p@h:1/d"
    assert environment["WHALEFALL_DATABASE_URL"] == "postgresql+psycopg://u:p@h:1/l"
    settings = yaml.safe_load((Path(environment["DAGSTER_HOME"]) / "dagster.yaml").read_text())
    assert settings.keys() >= {"storage", "compute_logs", "local_artifact_storage", "run_monitoring", "telemetry"}
    assert Path(environment["WHALEFALL_DAGSTER_FOLDER"]).is_relative_to(tmp_path / "home")


def test_the_webserver_answers_with_the_definitions(workplace: Workplace, services: Services) -> None:
    found = send_query(
        services.address, "{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }"
    )
    assert found["repositoriesOrError"]["nodes"] == [{"location": {"name": "whalefall"}}]
    assert find_webserver(workplace.home) == services.address
    assert (workplace.home / "logs" / "webserver.log").exists()


def test_the_webserver_of_another_home_is_not_taken_for_its_own(services: Services) -> None:
    assert (
        find_obstacle(services.address, "/another/home/code.sock") == f"another webserver answers at {services.address}"
    )


def test_a_second_supervisor_of_a_home_is_refused(workplace: Workplace, services: Services) -> None:
    with pytest.raises(ServicesError, match="run already"), workplace.up():
        pass
    assert find_webserver(workplace.home) == services.address


@on_linux
def test_it_listens_to_this_machine_only_unless_told(services: Services) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", urlsplit(services.address).port or 0))


@on_linux
def test_a_read_only_ui_on_every_address_shows_and_starts_nothing(tmp_path: Path, workplace: Workplace) -> None:
    environment = copy_home(workplace, tmp_path)
    with run_services(environment, host="0.0.0.0", module="definitions_of_the_tests", read_only=True) as services:  # noqa: S104 - what it is about
        assert services.address.startswith("http://127.0.0.1:")
        elsewhere = f"http://127.0.0.2:{urlsplit(services.address).port}"
        assert send_query(elsewhere, "{ version }")["version"]
        assert send_query(elsewhere, LAUNCH) == {"launchRun": {}}
        runs = send_query(elsewhere, "{ runsOrError(limit: 1) { ... on Runs { results { runId } } } }")
        assert set(runs["runsOrError"]) == {"results"}


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("", "is empty"),
        ("192.0.2.1", "can't listen on 192.0.2.1: "),
        ("a..b", r"can't listen on a\.\.b: [^(]*$"),
        ("\udcff", "it is no host"),
    ],
)
def test_a_host_that_is_not_this_machines_is_refused(
    tmp_path: Path, workplace: Workplace, host: str, said: str
) -> None:
    with pytest.raises(ServicesError, match=said), run_services(copy_home(workplace, tmp_path), host=host):
        pass


def test_after_the_last_port_there_is_none(tmp_path: Path, workplace: Workplace) -> None:
    said = "no free port on 127.0.0.1 from 65535 to 65535"
    with (
        take_port(65535),
        pytest.raises(ServicesError, match=said),
        run_services(copy_home(workplace, tmp_path), port=65535),
    ):
        pass


def test_a_setting_that_is_no_name_is_refused_before_anything_starts(workplace: Workplace) -> None:
    environment = workplace.environment | {"WHALEFALL_WEBSERVER_HOSTS": "https://ui.example"}
    with pytest.raises(ServicesError, match="is no host name"), run_services(environment):
        pass


@on_linux
@pytest.mark.parametrize("name", ["dagster._daemon", "api grpc", "services.webserver"])
def test_a_service_that_is_killed_is_started_again(workplace: Workplace, services: Services, name: str) -> None:
    killed = find_process(workplace.home, name)
    assert killed
    os.kill(killed, signal.SIGKILL)
    said = next(services.watch())
    assert "ended (SIGKILL) and is started again; see " in said
    while killed in processes_of(workplace.home) or not find_process(workplace.home, name):
        time.sleep(0.1)
    wait_until_ready(services.address)


@on_linux
def test_an_embedded_server_that_is_killed_with_its_guard_is_started_again(
    tmp_path: Path, workplace: Workplace
) -> None:
    folder = tmp_path / "postgres"
    with embedded_server(folder) as server:
        server.ensure_database("dagster")
        environment = copy_home(workplace, tmp_path)
        environment |= dagster_environment(tmp_path, dagster_url=server.url("dagster"), ledger_url=server.url("ledger"))
        module = "definitions_of_the_tests"
        with run_services(environment, embedded=folder, module=module, run_grace_seconds=1) as services:
            postmaster = read_postmaster(folder)
            assert postmaster
            kill_and_wait(parent_of(postmaster), ends=postmaster)
            said = "the embedded PostgreSQL was killed with its guard, and is started again"
            assert said in islice(services.watch(), 5), "before it, services may say that they lost it"
            wait_until_ready(services.address)
            runs = send_query(services.address, "{ runsOrError { __typename } }")
            assert runs == {"runsOrError": {"__typename": "Runs"}}


def test_definitions_that_do_not_load_are_said_with_the_log_to_read(tmp_path: Path, workplace: Workplace) -> None:
    environment = workplace.environment | {"WHALEFALL_HOME": str(tmp_path)}
    (tmp_path / "dagster").mkdir()
    with (
        pytest.raises(ServicesError, match=r"code-server ended .* before it was ready: .*code-server.log") as caught,
        run_services(environment, module="broken_definitions"),
    ):
        pass
    assert "broken on purpose" in str(caught.value)
    assert find_webserver(tmp_path) is None
    assert not stop_services(tmp_path)


@on_linux
def test_nothing_is_left_when_the_asking_process_is_killed(tmp_path: Path, workplace: Workplace) -> None:
    environment = copy_home(workplace, tmp_path)
    command = [sys.executable, "-c", UP, str(workplace.home / "postgres")]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout
        address = up.stdout.readline().strip()
        run = send_query(address, LAUNCH)["launchRun"]["run"]["runId"]
        while send_query(address, STATUS.format(run=run))["runOrError"]["status"] != "STARTED":
            time.sleep(0.1)
        assert len(processes_of(tmp_path)) > 4
        up.kill()
    with locked(tmp_path / LOCK):
        # The supervisor itself may be in its last moments.
        assert all("-m whalefall_pipeline.services" in command for command in processes_of(tmp_path).values())
    assert read_state(tmp_path) == (None, None)


def test_a_log_that_grew_large_is_put_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "daemon.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(6):
            writer.write(b"%d" % number * 100)
            assert empty_large_log(log, at_most=50)
            assert not empty_large_log(log, at_most=50)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    kept = {path.name: path.read_bytes()[:1] for path in tmp_path.glob("daemon.log.*")}
    assert kept == {"daemon.log.1": b"5", "daemon.log.2": b"4", "daemon.log.3": b"3"}
    assert not empty_large_log(tmp_path / "none.log")
