"""A shell completes commands, instances and accounts, and never runs what a name says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, user
from whalefall_pipeline.core.text import is_visible

HOSTILE = ["ana@%", "ana b", "an;touch x", "an$(touch x)", "an`touch x`", "an*", "an'q", 'an"q', "an\x1b[2J"]
DRIVE = """
source <("$0" completion bash)
COMP_LINE="$1"; COMP_POINT=${#1}
read -ra COMP_WORDS <<< "$1"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_whalefall "$0"
for item in "${COMPREPLY[@]}"; do eval "printf '%s\\n' $item"; done
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The command as a program of a folder of its own."""
    path = tmp_path / "whalefall"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m whalefall_pipeline.cli "$@"\n')
    path.chmod(0o755)
    return path


def complete(program: Path, environment: dict[str, str], line: str) -> list[str]:
    """Return what bash would insert at the end of a line, as the command would be given it."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    done = subprocess.run(
        [bash, "--norc", "-c", DRIVE, str(program), line],
        env={**os.environ, **environment},
        cwd=program.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_bash_is_offered_commands_and_names_and_runs_none(
    program: Path, environment: dict[str, str], ledger: Engine, tmp_path: Path
) -> None:
    fleet = Fleet(ledger, tmp_path / "keys")
    fleet.register("shop")
    fleet.adapter.accounts = [user(name) for name in HOSTILE]
    fleet.sync()
    assert complete(program, environment, "whalefall acc") == ["accounts"]
    assert complete(program, environment, "whalefall instances li") == ["list"]
    assert complete(program, environment, "whalefall show sh") == ["shop"]
    offered = complete(program, environment, "whalefall show shop an")
    assert sorted(offered) == sorted(name for name in HOSTILE if is_visible(name))
    assert complete(program, environment, "whalefall show shop ana@") == ["%"]
    assert complete(program, environment, "whalefall show nowhere an") == []
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_reads_its_script(program: Path, shell: str) -> None:
    script = subprocess.run([program, "completion", shell], capture_output=True, text=True, check=True).stdout
    assert "_WHALEFALL_LINE" in script
    found = shutil.which(shell)
    if found:
        subprocess.run([found, "-n"], input=script, text=True, check=True)
