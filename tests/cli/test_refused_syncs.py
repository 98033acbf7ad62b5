"""`whalefall sync` that can't sync anything says why in one line, and leaves neither run nor session."""

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.ledger.rows import read

ADD = ("--type", "postgresql", "--host", "127.0.0.1", "--user", "collector", "--password-env", "HOME")
NOTHING_ACTIVE = "no instance is active; register one with: whalefall instances add"


@pytest.mark.parametrize(
    ("registered", "words", "said"),
    [
        ((), ("--all",), NOTHING_ACTIVE),
        ((), ("shop",), NOTHING_ACTIVE),
        ((), ("--local", "--all"), NOTHING_ACTIVE),
        (("shop",), ("--local", "till"), "no active instance is named till"),
        (("shop",), ("shop", "till"), "no active instance is named till"),
        (("shop", "till"), ("till",), "no active instance is named till"),
        (("shop",), ("--retry", "nothing"), "there is no session nothing"),
        (("shop",), (), "say which instances to sync"),
        (("shop",), ("--all", "shop"), "say which instances to sync"),
    ],
)
def test_a_sync_of_nothing(
    whalefall: Run, ledger: Engine, registered: tuple[str, ...], words: tuple[str, ...], said: str
) -> None:
    for name in registered:
        assert whalefall("instances", "add", name, *ADD).returncode == 0
    if "till" in registered:
        assert whalefall("instances", "remove", "till").returncode == 0
    refused = whalefall("sync", *words)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert said in refused.stderr
    assert read(ledger, "select from sync_sessions") == []
    assert read(ledger, "select from pg_tables where tablename = 'runs'") == [], "Dagster was not even asked"


def test_a_sync_without_a_webserver_says_what_to_do(whalefall: Run) -> None:
    assert whalefall("instances", "add", "shop", *ADD).returncode == 0
    refused = whalefall("sync", "shop")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "start one with `whalefall up`, or add --local" in refused.stderr
