"""`make demo ARGS=--once`: the whole way, on servers and in a home of the demo's own."""

import os
import subprocess
import sys
from pathlib import Path

from whalefall_pipeline.embedded.cluster import GUARD_LOCK
from whalefall_pipeline.system import locked

SECONDS = 280


def _demo(home: Path) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WHALEFALL_")}
    return subprocess.run(
        [sys.executable, "-m", "whalefall_pipeline.cli", "demo", "--once"],
        env={**environment, "WHALEFALL_HOME": str(home)},
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_the_demo_finds_exactly_its_three_changes_also_the_second_time(tmp_path: Path) -> None:
    for _ in range(2):
        done = _demo(tmp_path / "home")
        assert done.returncode == 0, done.stderr
        changes = done.stdout.partition("3. The second sync")[2].partition("Changes (whalefall changes)")[2]
        words = [line.split()[:3] for line in changes.strip().splitlines()[1:]]
        assert sorted(words) == [
            ["demo-shop", "ana_analyst", "modify_privilege"],
            ["demo-shop", "shop_writers", "modify_privilege"],
            ["demo-shop", "summer_intern", "delete"],
        ]
        superusers = done.stdout.partition("Superusers")[2].partition("2. Three changes")[0]
        assert "dora_dba" in superusers
        assert "ana_analyst" not in superusers
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["demo"]
    for folder in ("postgres", "shop"):
        with locked(tmp_path / "home" / "demo" / folder / GUARD_LOCK):
            pass  # its guard lets go of it once the server has ended; were it left behind, this would wait for ever
