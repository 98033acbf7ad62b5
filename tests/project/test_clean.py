"""`make clean` asks before a ledger in use goes, and takes no answer for a no."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
IN_USE = (".whalefall/secret.key", ".whalefall/postgres/data/PG_VERSION")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the Makefile, a virtual environment and a cache."""
    shutil.copy(TOP / "Makefile", tmp_path)
    for name in (".venv/bin/python", "package/__pycache__/x.pyc", "package/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def clean(place: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(  # as a person calls it: a make that runs these tests hands on its options and its depth
        ["make", "clean", *words],
        cwd=place,
        env=alone,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kept", IN_USE)
def test_a_ledger_in_use_stays_unless_it_is_said(place: Path, kept: str) -> None:
    (place / kept).parent.mkdir(parents=True)
    (place / kept).touch()
    refused = clean(place)
    assert refused.returncode != 0
    assert "Delete all of it?" in refused.stdout
    assert "nothing was removed" in refused.stdout
    assert (place / kept).exists()
    assert (place / ".venv").exists()
    assert clean(place, "YES=1").returncode == 0
    assert not (place / ".whalefall").exists()


def test_without_one_what_can_be_made_again_goes_and_the_rest_stays(place: Path) -> None:
    done = clean(place)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert sorted(path.name for path in place.rglob("*") if path.is_file()) == ["Makefile", "x.py"]
