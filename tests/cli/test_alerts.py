"""`whalefall alerts`: what it lists, tests and sends."""

import json
from pathlib import Path

from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.engines.scripted import Fleet, user
from tests.reports.outbox import NO_RULES
from tests.servers.receivers import start_hook
from whalefall_pipeline.sync.plan import Alerting


def call_for_ana(ledger: Engine, folder: Path) -> None:
    """Make an alert: ana is a superuser in the second sync."""
    fleet = Fleet(ledger, folder)
    fleet.register("one")
    for is_superuser in (False, True):
        fleet.adapter.accounts = [user("ana", rolsuper=is_superuser)]
        fleet.sync(alerting=Alerting(), rulebook=NO_RULES)


def test_what_waits_is_listed_and_sent(whalefall: Run, ledger: Engine, tmp_path: Path) -> None:
    call_for_ana(ledger, tmp_path)
    (row,) = json.loads(whalefall("alerts", "list", "--unsent", "-o", "json").stdout)
    assert (row["kind"], row["instance"], row["count"], row["status"]) == ("new_superuser", "one", 1, "waiting")
    with start_hook() as hook:
        variables = {"WHALEFALL_ALERT_URLS": hook.url}
        hook.status = 500
        refused = whalefall("alerts", "send", variables=variables)
        assert (refused.returncode, "500" in refused.stderr) == (1, True)
        (row,) = json.loads(whalefall("alerts", "list", "-o", "json").stdout)
        assert (row["status"], row["attempts"]) == ("failing", 1)
        hook.status = 200
        assert whalefall("alerts", "send", variables=variables).stdout == "1 messages taken by targets\n"
        assert len(hook.taken) == 1
    assert whalefall("alerts", "list", "--unsent", "-o", "csv").stdout.splitlines()[1:] == []
    assert "sent" in whalefall("alerts", "list", "-i", "one").stdout


def test_a_test_says_of_each_target_whether_it_took_it(whalefall: Run) -> None:
    with start_hook() as good, start_hook() as bad:
        bad.status = 403
        said = whalefall("alerts", "test", variables={"WHALEFALL_ALERT_URLS": f"{good.url} {bad.url}"})
        assert said.returncode == 1
        assert said.stdout == "target 1 (json): sent\n"
        assert said.stderr.startswith("target 2 (json): not sent: ")
        assert "403" in said.stderr


def test_without_targets_it_says_what_to_set(whalefall: Run) -> None:
    for word in ("test", "send"):
        said = whalefall("alerts", word)
        assert (said.returncode, "WHALEFALL_ALERT_URLS" in said.stderr) == (2, True)


def test_a_setting_that_is_none_is_said(whalefall: Run) -> None:
    said = whalefall("alerts", "list", variables={"WHALEFALL_ALERT_SEVERITY": "worst"})
    assert said.returncode == 2
    assert "it must be one of critical, high, medium, low" in said.stderr
