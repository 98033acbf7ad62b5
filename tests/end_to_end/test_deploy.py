"""What `deploy/` and a wheel promise: compose.yaml's services without Docker, the units' commands, a fresh install."""

import configparser
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from whalefall_pipeline.cli.commands import COMMANDS, GROUPS
from whalefall_pipeline.cli.workplace import find_servers

TOP = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((TOP / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
UNITS = sorted((TOP / "deploy" / "systemd").glob("*.service"))
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SECONDS = 240


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
            while not re.search(
                r"^daemon +ok", said := run(program, "doctor", environment=environment).stdout, re.MULTILINE
            ):
                assert services.poll() is None, "the services ended"
                assert time.monotonic() < ends_at, said
            assert "partitions  ok" in said
            assert run(program, *health[1:], environment=environment).returncode == 0
        finally:
            services.send_signal(signal.SIGTERM)
    assert not find_servers(home)[0].exists()


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_the_commands_of_the_units_are_there(unit: Path, tmp_path: Path) -> None:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[method-assign,assignment]
    parsed.read(unit)
    line = parsed["Service"]["ExecStart"].replace("%%", "%")
    words = shlex.split(line.partition("/opt/whalefall/bin/whalefall ")[2].rstrip("'"))
    assert words[0] in {*COMMANDS, *GROUPS}
    known = run(
        BIN / "whalefall", *[word for word in words[:2] if word.isalpha()], "--help", environment=dict(os.environ)
    )
    assert known.returncode == 0, known.stderr
    assert [option for option in words if option.startswith("--") and option not in known.stdout] == []


def test_a_wheel_in_a_fresh_environment_runs_the_demo_without_the_repository(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WHALEFALL_", "PYTHON"))}
    built = run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, TOP),
        environment=environment,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    fresh = tmp_path / "fresh"
    for command in (
        (BIN / "uv", "venv", "--python", sys.executable, fresh),
        (BIN / "uv", "pip", "install", "--python", fresh / "bin" / "python", "-c", TOP / "requirements.lock", wheel),
    ):
        done = run(*command, environment=environment)
        assert done.returncode == 0, done.stderr
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
