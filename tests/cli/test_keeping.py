"""The ledger as a file and back, and as numbers: `db backup`, `db restore`, `metrics`."""

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.conftest import making_ledger
from tests.engines.scripted import Fleet, select_on, user
from tests.ledger.rows import read
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.reports.metrics import build_metrics


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path / "home")
    fleet.register("one")
    fleet.adapter.accounts = [user("ana"), user("ben")]
    fleet.adapter.grants = [select_on("ana", "orders")]
    fleet.sync()
    return fleet


ALL = "select instance_name, username, privilege, valid_from from grant_history order by 1, 2, 3"


def test_a_backup_goes_into_an_empty_ledger_and_is_all_there(
    fleet: Fleet, whalefall: Run, ledger_server: PostgresqlServer, tmp_path: Path
) -> None:
    path = tmp_path / "ledger.dump"
    assert whalefall("db", "backup", str(path)).returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.unfinished"))
    with making_ledger(ledger_server) as url:
        restored = whalefall("db", "restore", str(path), variables={"WHALEFALL_DATABASE_URL": url})
        assert restored.returncode == 0, restored.stderr
        engine = open_ledger(url)
        try:
            assert read(engine, ALL) == read(fleet.engine, ALL) != []
        finally:
            engine.dispose()


def test_a_ledger_in_use_is_replaced_only_on_demand_and_whole(fleet: Fleet, whalefall: Run, tmp_path: Path) -> None:
    path = tmp_path / "ledger.dump"
    assert whalefall("db", "backup", str(path)).returncode == 0
    before = read(fleet.engine, ALL)
    fleet.adapter.grants = []
    fleet.sync()
    refused = whalefall("db", "restore", str(path))
    assert (refused.returncode, "--replace" in refused.stderr) == (2, True)
    assert read(fleet.engine, "select from grant_history where valid_to is null") == []
    assert whalefall("db", "restore", str(path), "--replace").returncode == 0
    assert read(fleet.engine, ALL) == before
    assert read(fleet.engine, "select from grant_history where valid_to is null") != []


def test_what_is_no_backup_changes_nothing(fleet: Fleet, whalefall: Run, tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_text("no dump")
    before = read(fleet.engine, ALL)
    answer = whalefall("db", "restore", str(path), "--replace")
    assert (answer.returncode, "pg_restore failed" in answer.stderr) == (2, True)
    assert read(fleet.engine, ALL) == before
    assert "is there already" in whalefall("db", "backup", str(path)).stderr
    assert path.read_text() == "no dump"


def test_the_fleets_numbers_are_printed_and_written_whole(fleet: Fleet, whalefall: Run, tmp_path: Path) -> None:
    fleet.register("never")
    lines = whalefall("metrics").stdout.splitlines()
    assert 'whalefall_instance_accounts{instance="one",db_type="postgresql"} 2' in lines
    assert 'whalefall_instance_last_success_timestamp_seconds{instance="never",db_type="postgresql"} 0' in lines
    assert 'whalefall_instance_last_sync_failed{instance="one",db_type="postgresql"} 0' in lines
    assert "whalefall_instances 2" in lines
    path = tmp_path / "whalefall.prom"
    assert whalefall("metrics", "--to", str(path)).stdout == ""
    assert path.read_text().splitlines() == lines
    assert [found.name for found in tmp_path.glob("*.prom*")] == ["whalefall.prom"]
    os.mkfifo(pipe := tmp_path / "pipe")
    assert "pipe is no regular file" in whalefall("metrics", "--to", str(pipe)).stderr
    assert pipe.is_fifo()


def test_a_name_is_escaped_as_prometheus_reads_it() -> None:
    names = ("last_success", "last_sync", "failed", "duration", "accounts", "unseen", "excluded", "findings")
    row = dict.fromkeys(names)
    text = build_metrics([{**row, "instance": 'a"b\\c\nd', "db_type": "mysql"}])
    assert r'{instance="a\"b\\c\nd",db_type="mysql"} 0' in text
