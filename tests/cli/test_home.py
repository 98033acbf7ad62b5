"""Where a command answers from: the nearest home or none, closed to others; and what an answer can't speak for."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.engines.scripted import Fleet, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.cli.workplace import open_workplace
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.model import Observation, Seen
from whalefall_pipeline.settings import find_home, get_settings
from whalefall_pipeline.system import close_folder, make_private


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path)
    fleet.register("one")
    fleet.adapter.accounts = [user("ana"), user("root", rolsuper=True)]
    fleet.adapter.grants = [select_on("ana", "orders")]
    fleet.sync()
    return fleet


@pytest.fixture
def no_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


def test_a_home_is_found_from_below_and_from_nowhere_else(tmp_path: Path) -> None:
    home = tmp_path / "project" / ".whalefall"
    home.mkdir(parents=True)
    deep = tmp_path / "project" / "a" / "b"
    deep.mkdir(parents=True)
    assert find_home(deep) == find_home(tmp_path / "project") == home
    assert find_home(tmp_path) == tmp_path / ".whalefall"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_somebody_else_is_not_ours(tmp_path: Path) -> None:
    home = tmp_path / ".whalefall"
    home.mkdir()
    os.chown(home, 65534, 65534)
    (tmp_path / "below").mkdir()
    assert find_home(tmp_path / "below") != home


def test_a_command_in_another_folder_answers_from_no_empty_ledger(no_ledger: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no \.whalefall here or above .*: whalefall init"), open_workplace():
        pass
    assert list(no_ledger.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_folder_of_ours_is_closed_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    former = os.umask(umask)
    try:
        make_private(tmp_path / "a" / "b")
        (tmp_path / "open").mkdir()
    finally:
        os.umask(former)
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b")} == {0o700}
    assert close_folder(tmp_path / "open", change=True) == 0o777 & ~umask
    assert close_folder(tmp_path / "open", change=True) is None
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o700


def test_a_shared_folder_is_never_changed(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    assert close_folder(tmp_path / "shared", change=True) is None
    assert close_folder(tmp_path / "none", change=True) is None


def test_accounts_of_a_removed_instance_are_left_out_or_marked(fleet: Fleet, whalefall: Run) -> None:
    assert whalefall("instances", "remove", "one").returncode == 0
    for words in (("accounts",), ("accounts", "--superuser"), ("who-has", "SELECT", "ON", "orders")):
        assert json.loads(whalefall(*words, "--format", "json").stdout) == [], words
        kept = json.loads(whalefall(*words, "--removed", "--format", "json").stdout)
        assert kept, words
        assert all(row["instance_removed_at"] for row in kept)
    assert "1 grants on removed instances (one) are left out" in whalefall("who-has", "SELECT").stderr
    named = whalefall("accounts", "--instance", "one")
    assert "ana" in named.stdout
    assert "one was removed at " in named.stderr


def test_an_answer_says_what_was_not_seen(fleet: Fleet, ledger: Engine, whalefall: Run) -> None:
    fleet.adapter.coverage["database:shop"] = Observation(Seen.DENIED, "no CONNECT")
    fleet.sync()
    fleet.register("two")
    assert read(ledger, "select from instance_scopes where valid_to is null") != []
    answer = whalefall("who-has", "SELECT", "ON", "orders")
    assert answer.returncode == 0
    assert "one: database:shop was not observed (denied: no CONNECT" in answer.stderr
    assert "two was never synced: nothing is known of it" in answer.stderr
    assert "two was never synced" in whalefall("accounts").stderr


def test_odd_names_that_are_there_are_shown(fleet: Fleet, ledger: Engine, whalefall: Run) -> None:
    with ledger.begin() as connection:
        connection.exec_driver_sql("update instances set name = E'[/red]\\x1b[2J'")
    for words in (("instances", "list"), ("accounts",), ("who-has", "SELECT"), ("instances", "list", "--format", "md")):
        answer = whalefall(*words)
        assert answer.returncode == 0, answer.stderr
        assert "\x1b" not in answer.stdout + answer.stderr
        assert "red" in answer.stdout
    shown = whalefall("show", "[/red]\x1b[2J", "ana")
    assert r"ana on [/red]\x1b[2J" in shown.stdout
    assert whalefall("instances", "remove", "[/red]\x1b[2J").returncode == 0


def test_a_session_goes_by_the_begin_of_its_id(fleet: Fleet, ledger: Engine, whalefall: Run) -> None:
    (row,) = read(ledger, "select session_id from sync_sessions")
    for form in ("table", "json", "csv", "md"):
        answer = whalefall("sessions", row["session_id"][:8], "--format", form)
        assert answer.returncode == 0, answer.stderr
        assert "one" in answer.stdout


@pytest.mark.parametrize("form", ["json", "csv", "md"])
def test_an_account_is_shown_in_every_form(fleet: Fleet, whalefall: Run, form: str) -> None:
    shown = whalefall("show", "one", "ana", "--format", form)
    assert shown.returncode == 0, shown.stderr
    assert "orders" in shown.stdout
