"""Runs the `whalefall` command as a person does, on a ledger of the test's own."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from whalefall_pipeline.cli.main import main
from whalefall_pipeline.settings import get_settings

SECONDS = 120


class Said(NamedTuple):
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Said]


@pytest.fixture
def environment(ledger_url: str, tmp_path: Path) -> dict[str, str]:
    return {"WHALEFALL_DATABASE_URL": ledger_url, "WHALEFALL_HOME": str(tmp_path / "home")}


@pytest.fixture
def whalefall(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs the command with words, and more variables; with an answer to its prompt, in a process of its own."""

    def run(*words: str, variables: Mapping[str, str] | None = None, answer: str = "") -> Said:
        every = {**environment, **(variables or {})}
        if answer:
            command = [sys.executable, "-m", "whalefall_pipeline.cli", *words]
            done = subprocess.run(
                command,
                env={**os.environ, **every},
                cwd=tmp_path,
                input=answer,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            return Said(done.returncode, done.stdout, done.stderr)
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["whalefall", *words])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
            for name, value in every.items():
                patch.setenv(name, value)
            get_settings.cache_clear()
            with pytest.raises(SystemExit) as ended:
                main()
        get_settings.cache_clear()
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return run
