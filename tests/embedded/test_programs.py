"""Which programs of PostgreSQL's are taken, which user runs them, and what is said where none can be."""

import os
import pwd
import tempfile
from pathlib import Path

import pytest

from whalefall_pipeline.embedded.binaries import Binaries, Owner, choose_owner, find_binaries, reachable_binaries
from whalefall_pipeline.embedded.clients import find_client
from whalefall_pipeline.embedded.errors import EmbeddedServerError
from whalefall_pipeline.embedded.postmaster import read_postmaster

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
NOBODY = Owner(4_000_000, 4_000_000)


def install(folder: Path, said: str) -> Path:
    """Make a folder of programs that say of themselves which version they are; only their owner may enter it."""
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    for name in ("initdb", "postgres", "psql"):
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{said}'\n")
        program.chmod(0o755)
    return folder


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = install(tmp_path / "site" / "package" / "pginstall" / "bin", "postgres (PostgreSQL) 16.4")
    monkeypatch.setenv("PG_BIN", str(folder))
    return folder


def make_data(folder: Path, version: str) -> Path:
    folder.mkdir()
    (folder / "PG_VERSION").write_text(f"{version}\n")
    return folder


def test_a_new_folder_takes_what_is_there_and_an_old_one_its_own_version(programs: Path, tmp_path: Path) -> None:
    found = Binaries(programs, 16)
    assert find_binaries(tmp_path / "new") == found
    assert find_binaries(make_data(tmp_path / "same", "16")) == found
    with pytest.raises(EmbeddedServerError, match=r"was made by PostgreSQL 15, which is not here \(found: 16 in "):
        find_binaries(make_data(tmp_path / "other", "15"))
    with pytest.raises(EmbeddedServerError, match="is no data folder of PostgreSQL"):
        find_binaries(make_data(tmp_path / "odd", "sixteen"))


@pytest.mark.parametrize("said", ["postgres (PostgreSQL) 13.9", "no number"])
def test_programs_that_are_too_old_are_named_and_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    old = install(tmp_path / "old", said)
    monkeypatch.setenv("PG_BIN", str(old))
    with pytest.raises(EmbeddedServerError, match=rf"no PostgreSQL 14 or later found \(found: \d+ in {old}\)"):
        find_binaries(tmp_path / "new")
    (old / "initdb").unlink()
    with pytest.raises(EmbeddedServerError, match="no PostgreSQL 14 or later found; install"):
        find_binaries(tmp_path / "new")


def test_programs_on_the_path_are_taken_where_no_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data = install(tmp_path / "bin", "postgres (PostgreSQL) 99.1"), make_data(tmp_path / "data", "99")
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    assert find_binaries(data) == Binaries(folder, 99)
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    with pytest.raises(EmbeddedServerError, match="was made by PostgreSQL 99, which is not here"):
        find_binaries(data)


def test_a_client_is_of_the_folder_that_is_named_or_else_of_another(programs: Path) -> None:
    assert find_client("psql") == programs / "psql"
    (programs / "psql").unlink()
    assert find_client("psql") != programs / "psql"
    assert find_client("no-such-client") is None


@as_root
def test_root_runs_it_as_the_owner_of_the_data_or_as_somebody_without_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    somebody = choose_owner(data)
    assert somebody
    assert somebody.uid != 0
    data.mkdir()
    assert choose_owner(data) == somebody
    os.chown(data, *NOBODY)
    assert choose_owner(data) == NOBODY
    os.chown(data, 0, 0)

    def find_none(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", find_none)
    with pytest.raises(EmbeddedServerError, match="there is no user postgres or nobody to run it"):
        choose_owner(data)


def test_whoever_is_not_root_runs_it_herself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert choose_owner(tmp_path) is None


@as_root
@pytest.mark.parametrize("is_whole", [False, True], ids=["nothing to copy", "no place for a copy"])
def test_programs_that_no_other_user_can_reach_are_refused_with_what_to_do(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_whole: bool
) -> None:
    """A copy is made where they are whole, and is of no use below a folder that only root may enter."""
    if is_whole:
        for part in ("lib/postgresql", "share"):
            (programs.parent / part).mkdir(parents=True)
    closed, kept = tmp_path / "closed", tmp_path / "kept"
    closed.mkdir(mode=0o700)
    kept.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(closed))
    (tmp_path / "programs").write_text(str(kept))
    with (
        pytest.raises(EmbeddedServerError, match=f"may not execute {programs}/postgres; set PG_BIN"),
        reachable_binaries(tmp_path / "data", NOBODY),
    ):
        pass
    assert list(closed.iterdir()) == []
    assert kept.exists(), "a note that names what is no copy of ours removes nothing"


@pytest.mark.parametrize(
    ("lines", "ready", "pid"),
    [
        ("", False, None),
        ("123\n", False, 123),
        ("123\n", True, None),
        ("123\n" + "x\n" * 6 + "starting\n", True, None),
        ("123\n" + "x\n" * 6 + "ready   \n", True, 123),
        ("-123\n", False, None),
        ("1\n", False, None),
        ("abc\n", False, None),
    ],
)
def test_a_lock_file_names_a_process_that_a_signal_may_go_to(
    tmp_path: Path, lines: str, ready: bool, pid: int | None
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "postmaster.pid").write_text(lines)
    assert read_postmaster(tmp_path, ready=ready) == pid
