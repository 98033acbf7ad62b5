"""What the doctor finds, with a remedy each: on a real ledger, and of what can't be had in a test (clocks, disks)."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.engines.scripted import Fleet, select_on, user
from whalefall_pipeline.cli import health
from whalefall_pipeline.ledger.version import REVISIONS

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path / "home")
    fleet.register("one")
    fleet.adapter.accounts = [user("ana")]
    fleet.adapter.grants = [select_on("ana", "orders")]
    fleet.sync()
    return fleet


def read_checks(whalefall: Run, **named: dict[str, str]) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return how the doctor ended, and what it said of each thing."""
    answer = whalefall("doctor", "--format", "json", **named)
    rows = json.loads(answer.stdout)
    return answer.returncode, {row["check"]: (row["status"], row["message"]) for row in rows}


def test_what_is_well_is_said_and_services_that_do_not_run_are_a_warning(fleet: Fleet, whalefall: Run) -> None:
    code, said = read_checks(whalefall)
    assert code == 0
    well = ("ledger", "schema", "clock", "key", "last sync")  # the room on the test's own disk is its own matter
    assert {check: said[check][0] for check in well} == dict.fromkeys(well, "ok")
    assert said["services"] == ("warning", "no webserver answers here; start the services with: whalefall up")


def test_a_ledger_that_does_not_answer_and_a_webserver_too_fail(whalefall: Run, fleet: Fleet) -> None:
    code, said = read_checks(whalefall, variables={"WHALEFALL_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/none"})
    assert (code, said["ledger"][0]) == (1, "failed")
    code, said = read_checks(whalefall, variables={"WHALEFALL_WEBSERVER_URL": "http://127.0.0.1:1"})
    assert (code, said["services"][0]) == (1, "failed")


def test_tables_of_another_version_fail_with_the_command_that_mends_them(ledger: Engine, whalefall: Run) -> None:
    with ledger.begin() as connection:
        connection.exec_driver_sql("update whalefall_version set version_num = '0001'")
    code, said = read_checks(whalefall)
    assert (code, said["schema"]) == (
        1,
        ("failed", "revision 0001 is older than this version; run: whalefall db upgrade"),
    )
    assert said["syncs"][0] == "not looked at"


def test_a_lost_key_fails_and_names_the_instances(ledger: Engine, whalefall: Run) -> None:
    words = ("--type", "postgresql", "--host", "h.example", "--user", "reader", "--password-stdin")
    assert whalefall("instances", "add", "locked", *words, answer="opensesame\n").returncode == 0
    assert read_checks(whalefall)[1]["key"] == ("ok", "1 credentials can be read")
    code, said = read_checks(whalefall, variables={"WHALEFALL_SECRET_KEY": "A" * 43 + "="})
    assert (code, said["key"][0]) == (1, "failed")
    assert "locked" in said["key"][1]
    assert "whalefall credentials set NAME" in said["key"][1]
    assert "opensesame" not in str(said)


def test_a_command_of_a_secret_is_not_run(ledger: Engine, whalefall: Run, tmp_path: Path) -> None:
    words = ("--type", "postgresql", "--host", "h.example", "--user", "reader")
    trace = tmp_path / "it-ran"
    assert whalefall("instances", "add", "shop", *words, "--password-command", f"touch {trace}").returncode == 0
    assert read_checks(whalefall)[1]["key"] == ("ok", "1 credentials can be read")
    assert not trace.exists()


def test_a_variable_that_is_not_set_here_is_a_warning(ledger: Engine, whalefall: Run) -> None:
    words = ("--type", "postgresql", "--host", "h.example", "--user", "reader", "--password-env", "SHOP_PASSWORD")
    assert whalefall("instances", "add", "shop", *words, variables={"SHOP_PASSWORD": "x"}).returncode == 0
    code, said = read_checks(whalefall)
    assert (code, said["key"][0]) == (0, "warning")
    assert "SHOP_PASSWORD is not set" in said["key"][1]
    assert said["last sync"][0] == "warning"
    assert "shop" in said["last sync"][1]


@pytest.mark.parametrize(
    ("look", "status", "remedy"),
    [
        (health.look_at_schema(REVISIONS[-1]), "ok", ""),
        (health.look_at_schema("9999"), "failed", "upgrade whalefall"),
        (health.look_at_schema(None), "failed", "whalefall db upgrade"),
        (health.look_at_disk(10**12, "/h"), "ok", "1000.0 GB"),
        (health.look_at_disk(10**9, "/h"), "warning", "make room"),
        (health.look_at_disk(10**8, "/h"), "failed", "make room"),
        (health.look_at_clock(NOW, NOW + timedelta(seconds=1)), "ok", ""),
        (health.look_at_clock(NOW + timedelta(seconds=30), NOW), "warning", "NTP"),
        (health.look_at_clock(NOW, NOW + timedelta(hours=1)), "failed", "NTP"),
        (health.look_at_syncs([], NOW, 25), "warning", "whalefall instances add"),
        (health.look_at_syncs([{"name": "a", "permissions_read_at": NOW}], NOW, 25), "ok", "all 1 instances"),
        (health.look_at_partitions(["a", "b"], ["b", "a"]), "ok", "2"),
        (health.look_at_partitions(["a"], ["b"]), "warning", "missing: b; too many: a"),
        (next(health.look_at_daemons([])), "failed", "no daemon"),
        (
            next(health.look_at_daemons([{"daemonType": "SENSOR", "required": True, "healthy": False}])),
            "failed",
            "sensor",
        ),
        (next(health.look_at_daemons([{"daemonType": "SENSOR", "required": True, "healthy": True}])), "ok", ""),
    ],
)
def test_each_look_has_a_status_and_a_remedy(look: health.Look, status: str, remedy: str) -> None:
    assert look.status == status
    assert remedy in look.note
