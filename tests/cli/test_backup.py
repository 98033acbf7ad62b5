"""`db restore` of what another version left, onto the oldest server that a ledger may be on, and where it fails."""

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.cli.conftest import Run
from tests.conftest import making_ledger, to_url
from tests.ledger.rows import read
from tests.ledger.rows import to_url as to_ledger_url
from tests.ledger.test_migrations import upgrade_to
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from whalefall_pipeline.cli.database import to_environment
from whalefall_pipeline.embedded.clients import find_client
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.schema import check_ledger
from whalefall_pipeline.ledger.version import VERSION_TABLE

OLD = "0010"
"""Before `alert_delivery` and the labels of instances."""
NAMES = "select name, labels from instances order by name"
REGISTER = "insert into instances (name, db_type, host, port) values (:name, 'mysql', 'h', 1)"


@pytest.fixture
def old(ledger: Engine) -> Engine:
    """A ledger of an older version, with an instance."""
    with ledger.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
        upgrade_to(connection, OLD)
        connection.execute(text(REGISTER), {"name": "one"})
    return ledger


@pytest.fixture
def path(old: Engine, tmp_path: Path) -> Path:
    """What the older version's `db backup` wrote."""
    return dump(old, tmp_path / "old.dump")


def dump(engine: Engine, path: Path) -> Path:
    words = ("--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
    program = find_client("pg_dump")
    assert program is not None
    subprocess.run([program, *words], env=os.environ | to_environment(to_ledger_url(engine)), check=True)
    return path


def check_restored(url: str) -> None:
    engine = open_ledger(url)
    try:
        check_ledger(engine)
        assert read(engine, NAMES) == [{"name": "one", "labels": {}}]
        assert read(engine, "select from alert_delivery") == []
    finally:
        engine.dispose()


def test_an_older_versions_file_goes_into_a_ledger_of_this_version(
    path: Path, whalefall: Run, ledger_server: PostgresqlServer
) -> None:
    with making_ledger(ledger_server) as url:
        answer = whalefall("db", "restore", str(path), variables={"WHALEFALL_DATABASE_URL": url})
        assert answer.returncode == 0, answer.stderr
        check_restored(url)


def test_an_older_versions_ledger_is_replaced_only_on_demand(old: Engine, path: Path, whalefall: Run) -> None:
    refused = whalefall("db", "restore", str(path))
    assert (refused.returncode, "--replace" in refused.stderr) == (2, True), refused.stderr
    answer = whalefall("db", "restore", str(path), "--replace")
    assert answer.returncode == 0, answer.stderr
    check_restored(to_ledger_url(old))


def test_a_file_of_this_version_goes_into_an_older_versions_ledger(
    old: Engine, tmp_path: Path, whalefall: Run, ledger_server: PostgresqlServer
) -> None:
    """What was a table then and is a view now is in nobody's way."""
    with making_ledger(ledger_server) as url:
        engine = open_ledger(url)
        with engine.begin() as connection:
            connection.execute(text(REGISTER), {"name": "one"})
        path = dump(engine, tmp_path / "new.dump")
        engine.dispose()
    answer = whalefall("db", "restore", str(path), "--replace")
    assert answer.returncode == 0, answer.stderr
    check_restored(to_ledger_url(old))


def test_it_goes_onto_the_oldest_server_empty_or_not(path: Path, whalefall: Run) -> None:
    with start_postgresql(14) as server:
        url = to_url(server, "postgres")
        for words in ([], ["--replace"]):
            answer = whalefall("db", "restore", str(path), *words, variables={"WHALEFALL_DATABASE_URL": url})
            assert answer.returncode == 0, answer.stderr
            check_restored(url)


def test_a_restore_that_fails_halfway_changes_nothing(
    old: Engine, whalefall: Run, ledger_server: PostgresqlServer, tmp_path: Path
) -> None:
    with old.begin() as connection:
        connection.execute(text("create table zzz (place text check (place = current_database()))"))
        connection.execute(text("insert into zzz values (current_database())"))
    path = dump(old, tmp_path / "elsewhere.dump")
    with making_ledger(ledger_server) as url:
        engine = open_ledger(url)
        with engine.begin() as connection:
            connection.execute(text(REGISTER), {"name": "kept"})
        answer = whalefall("db", "restore", str(path), "--replace", variables={"WHALEFALL_DATABASE_URL": url})
        assert (answer.returncode, "zzz_place_check" in answer.stderr) == (2, True), answer.stderr
        assert str(engine.url.password) not in answer.stderr
        check_ledger(engine)
        assert read(engine, NAMES) == [{"name": "kept", "labels": {}}]
        engine.dispose()


@pytest.mark.parametrize("change", [f"update {VERSION_TABLE} set version_num = '9999'", f"drop table {VERSION_TABLE}"])
def test_a_newer_versions_file_and_one_without_a_ledger_change_nothing(
    old: Engine, whalefall: Run, ledger_server: PostgresqlServer, tmp_path: Path, change: str
) -> None:
    with old.begin() as connection:
        connection.execute(text(change))
    path = dump(old, tmp_path / "other.dump")
    with making_ledger(ledger_server) as url:
        engine = open_ledger(url)
        answer = whalefall("db", "restore", str(path), variables={"WHALEFALL_DATABASE_URL": url})
        reason = "9999) is newer than this version" if "update" in change else "has no ledger"
        assert (answer.returncode, reason in answer.stderr) == (2, True), answer.stderr
        check_ledger(engine)
        assert read(engine, NAMES) == []
        engine.dispose()
