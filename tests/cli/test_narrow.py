"""Every list on a terminal of 80 columns, with names as long as they come: whole, or left out with a word of it."""

from pathlib import Path

import pytest
from rich.cells import cell_len
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.engines.scripted import Fleet, select_on, user
from whalefall_pipeline.cli import rows
from whalefall_pipeline.core.model import Grant, Securable
from whalefall_pipeline.sync.plan import Alerting

WIDTH = 80
INSTANCE = "payments-production-eu-central-1-primary"
ACCOUNT = "application_service_account_of_the_payments_team_reading"
TABLE = "monthly_settlement_positions_by_counterparty_and_currency"
LISTS = (
    *(("instances", "list"), ("instances", "exclusions"), ("credentials", "list"), ("accounts",), ("sessions",)),
    *(("changes",), ("findings",), ("rules",), ("alerts", "list"), ("waive", "list"), ("review", "list")),
    *(("review", "show"), ("who-has", "SELECT"), ("who-can", "SELECT", "ON", TABLE), ("escalations",)),
    ("what-can", INSTANCE, ACCOUNT),
)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_width(_stream: object) -> int:
        return WIDTH

    monkeypatch.setattr(rows, "find_width", find_width)


def is_one_long_name(line: str) -> bool:
    """Whether a line is too wide by its last word alone, which is a name that has no room where it stands."""
    before, _, last = line.rpartition(" ")
    return any(name in last for name in (TABLE, ACCOUNT, INSTANCE)) and cell_len(before) < WIDTH


@pytest.mark.usefixtures("terminal")
def test_names_are_whole_and_lines_fit(whalefall: Run, ledger: Engine, tmp_path: Path) -> None:
    fleet = Fleet(ledger, tmp_path / "home")
    fleet.register(INSTANCE)
    fleet.adapter.accounts = [user(ACCOUNT), user("root", rolsuper=True)]
    fleet.sync(alerting=Alerting())
    fleet.adapter.accounts.append(user("eve", rolsuper=True))
    member = [Grant(ACCOUNT, privilege, Securable("role", object="root")) for privilege in ("MEMBER", "SET")]
    fleet.adapter.grants = [select_on(ACCOUNT, TABLE), *member]
    fleet.sync(alerting=Alerting())
    reason = "the vendor asked for it, and the ticket of the change says until when, and who decided that it may be so"
    for words in (
        ("instances", "exclude", INSTANCE, "--account", "root", "--reason", reason),
        ("waive", "add", "ALL-01", "--reason", reason, "--ticket", "CHANGE-2026-000123", "--expires", "9d"),
        ("review", "open", "--name", "quarterly-review-of-2026-Q4", "--scope", "all"),
    ):
        assert whalefall(*words).returncode == 0
    for words in LISTS:
        said = whalefall(*words)
        assert said.returncode == 0, (words, said.stderr)
        lines = said.stdout.splitlines()
        assert len(lines) > 1, words
        wide = [line for line in lines if cell_len(line) > WIDTH]
        assert [line for line in wide if not is_one_long_name(line)] == [], words
        text = " ".join(said.stdout.split())
        for name in (INSTANCE, ACCOUNT, TABLE):
            begun = text.count(name[:12])
            assert text.count(name) == begun, f"{words}: {name} is broken"
