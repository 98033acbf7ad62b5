"""What `deploy/` and a wheel promise: compose.yaml's services without Docker, the units' commands, a fresh install."""

import configparser
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from whalefall_pipeline.cli.commands import COMMANDS, GROUPS
from whalefall_pipeline.cli.workplace import find_servers
from whalefall_pipeline.embedded import is_running

TOP = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((TOP / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
UNITS = sorted((TOP / "deploy" / "systemd").glob("*.service"))
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SECONDS = 240
INSTALLING_SECONDS = 900
"""How long a test may take that fetches packages which the machine does not have yet."""


def run(*command: str | Path, environment: dict[str, str], cwd: Path = TOP) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def build_environment(service: str, ledger_url: str, home: Path) -> dict[str, str]:
    """Return a service's environment, with the test's ledger for the one of compose."""
    wanted = COMPOSE[service]["environment"]
    assert wanted.keys() == {"WHALEFALL_DATABASE_URL", "WHALEFALL_SECRET_KEY"}
    assert wanted["WHALEFALL_DATABASE_URL"].endswith("@ledger:5432/whalefall")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "WHALEFALL_DATABASE_URL": ledger_url, "WHALEFALL_SECRET_KEY": KEY, "WHALEFALL_HOME": str(home)}


def read_service(unit: Path) -> Mapping[str, str]:
    """Return what a unit says of its service."""
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[method-assign,assignment]
    parsed.read(unit)
    return parsed["Service"]


def is_alive(said: str) -> bool:
    """Return whether the doctor saw a sign of life of every part of the daemon."""
    return bool(re.search(r"^daemon +ok", said, re.MULTILINE))


def test_the_services_of_compose_come_up_are_healthy_and_end(ledger_url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    upgrade = build_environment("upgrade", ledger_url, home)
    done = run(BIN / "whalefall", *COMPOSE["upgrade"]["command"], environment=upgrade)
    assert done.returncode == 0, done.stderr
    environment = build_environment("whalefall", ledger_url, home)
    health, program = COMPOSE["whalefall"]["healthcheck"]["test"][1:], BIN / "whalefall"
    assert health == ["whalefall", "doctor"]
    words = [word for word in COMPOSE["whalefall"]["command"] if word != "0.0.0.0"]  # noqa: S104 - compared
    words.remove("--host")
    with subprocess.Popen([program, *words], env=environment, cwd=tmp_path, stdout=subprocess.PIPE) as services:
        try:
            ends_at = time.monotonic() + SECONDS
            while not is_alive(said := run(program, "doctor", environment=environment).stdout):
                assert services.poll() is None, "the services ended"
                assert time.monotonic() < ends_at, said
            assert "partitions  ok" in said
            assert run(program, *health[1:], environment=environment).returncode == 0
        finally:
            services.send_signal(signal.SIGTERM)
    assert not find_servers(home)[0].exists()


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_the_commands_of_the_units_are_there(unit: Path, tmp_path: Path) -> None:
    line = read_service(unit)["ExecStart"].replace("%%", "%")
    words = shlex.split(line.partition("/opt/whalefall/bin/whalefall ")[2].rstrip("'"))
    assert words[0] in {*COMMANDS, *GROUPS}
    known = run(
        BIN / "whalefall", *[word for word in words[:2] if word.isalpha()], "--help", environment=dict(os.environ)
    )
    assert known.returncode == 0, known.stderr
    assert [option for option in words if option.startswith("--") and option not in known.stdout] == []


@pytest.mark.parametrize("how", ["ExecStop", "SIGTERM"])
def test_what_a_unit_or_a_container_ends_leaves_nothing_to_kill(how: str, tmp_path: Path) -> None:
    """Both kill what is left as soon as the first process ends; only a stop by word counts as a success for systemd."""
    service = read_service(next(unit for unit in UNITS if unit.stem == "whalefall"))
    start, end = (service[name].split()[1:] for name in ("ExecStart", "ExecStop"))
    environment = {**ENVIRONMENT, "WHALEFALL_HOME": str(tmp_path / "home")}
    command, server = (BIN / "whalefall", *start), tmp_path / "home" / "postgres"
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as services:
        assert services.stdout
        assert any("The Dagster UI is at" in line for line in services.stdout)
        if how == "ExecStop":
            assert run(BIN / "whalefall", *end, environment=environment).returncode == 0
        else:
            services.send_signal(signal.SIGTERM)
    assert services.returncode == (0 if how == "ExecStop" else 130)
    assert not is_running(server)
    assert (server / "postgres.log").read_text(encoding="utf-8").rstrip().endswith("database system is shut down")


ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("WHALEFALL_", "PYTHON"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, TOP)
    built = run(*build, environment=ENVIRONMENT)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


def install(wheel: Path, python: str, fresh: Path) -> None:
    """Make an environment of this Python, with the wheel and what it needs."""
    for command in (
        (BIN / "uv", "venv", "--python", python, fresh),
        (BIN / "uv", "pip", "install", "--python", fresh / "bin" / "python", "-c", TOP / "requirements.lock", wheel),
    ):
        done = run(*command, environment=ENVIRONMENT)
        assert done.returncode == 0, done.stderr


def find_python(version: str) -> str | None:
    """Return a Python of this version that runs: one on PATH, or of pyenv's."""
    of_pyenv = sorted(map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))
    for program in filter(None, (shutil.which(f"python{version}"), *of_pyenv)):
        if run(program, "-c", "import venv", environment=ENVIRONMENT).returncode == 0:
            return program
    return None


def find_ours(said: str) -> list[str]:
    """Return the warnings that lines of ours bring about."""
    return [line for line in said.splitlines() if "DeprecationWarning" in line and "/whalefall_pipeline/" in line]


@pytest.mark.timeout(INSTALLING_SECONDS)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_another_python_of_the_machine_makes_a_home_and_warns_of_nothing(
    version: str, wheel: Path, tmp_path: Path
) -> None:
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        pytest.skip("the demo runs by this one")
    python = find_python(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    fresh = tmp_path / "fresh"
    install(wheel, python, fresh)
    environment = {**ENVIRONMENT, "WHALEFALL_HOME": str(tmp_path / "home"), "PYTHONWARNINGS": "always"}
    for command in (
        (fresh / "bin" / "whalefall", "init"),
        (fresh / "bin" / "whalefall", "doctor"),
        (fresh / "bin" / "python", "-c", "import whalefall_pipeline.definitions"),
    ):
        done = run(*command, environment=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert find_ours(done.stderr) == []


@pytest.mark.timeout(INSTALLING_SECONDS)
def test_a_wheel_in_a_fresh_environment_runs_the_demo_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    fresh, environment = tmp_path / "fresh", dict(ENVIRONMENT)
    install(wheel, sys.executable, fresh)
    where = run(
        *(fresh / "bin" / "python", "-c", "import whalefall_pipeline as w; print(w.__file__)"),
        environment=environment,
        cwd=tmp_path,
    )
    assert where.stdout.startswith(str(fresh))
    environment["WHALEFALL_HOME"] = str(tmp_path / "home")
    demo = run(fresh / "bin" / "whalefall", "demo", "--once", environment=environment, cwd=tmp_path)
    assert demo.returncode == 0, demo.stderr
    assert "summer_intern" in demo.stdout.partition("3. The second sync")[2]
