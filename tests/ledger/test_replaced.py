"""Another server under the same name is said, and a list that differs wholesale is not taken for deletions."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, user
from tests.ledger.rows import read, read_log, read_versions
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import change_instance
from whalefall_pipeline.ledger.secrets import SecretStore

ENTRIES = "select change_type, message, other_diff from instance_change_log order by id"
THREE = [user("ana"), user("bob"), user("eve")]
OTHERS = [user("ida"), user("joe"), user("eve")]


@pytest.fixture
def known(fleet: Fleet) -> Fleet:
    fleet.adapter.accounts, fleet.adapter.identity = list(THREE), "server A"
    fleet.sync()
    return fleet


def _move(fleet: Fleet) -> list[Instance]:
    """Register the instance on another port, as `whalefall instances change --port` does."""
    moved = replace(fleet.instances[0], port=2)
    with fleet.engine.connect() as connection, transaction(connection):
        change_instance(connection, moved, username="collector", secret=SecretStore(fleet.home).encrypt("hush"))
    return [moved]


def test_a_failover_to_a_server_with_the_same_accounts_is_said_once(known: Fleet, ledger: Engine) -> None:
    known.adapter.identity = "server B"
    for _ in range(2):
        (outcome,) = known.sync()
        assert outcome.error is None
    (entry,) = read(ledger, ENTRIES)
    text = "another server answers: server B, before it was server A"
    assert (entry["change_type"], entry["message"]) == ("replace_instance", text)
    assert entry["other_diff"]["entries"] == [{"field": "identity", "before": "server A", "after": "server B"}]
    notices = read(ledger, "select notice from sync_instance_records order by id")
    assert [row["notice"] for row in notices] == [None, text, None]


def test_accounts_of_another_server_are_no_deletions_unless_that_is_accepted(known: Fleet, ledger: Engine) -> None:
    before = read_versions(ledger)
    known.adapter.accounts, known.adapter.identity = list(OTHERS), "server B"
    for _ in range(2):
        (outcome,) = known.sync()
        assert "another server answers: server B, before it was server A; 2 of 3 accounts" in str(outcome.error)
        assert "--accept-collapse" in str(outcome.error)
    (outcome,) = known.sync(inventory=False)
    assert "sync the accounts of one first" in str(outcome.error)
    assert read_versions(ledger) == before
    (outcome,) = known.sync(accept_collapse=True)
    assert outcome.error is None
    assert len([entry for entry in read_log(ledger) if entry[1] == "delete"]) == 2
    (outcome,) = known.sync()
    assert outcome.error is None


def test_a_server_that_says_nothing_is_another_where_it_is_elsewhere(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = list(THREE)
    fleet.sync()
    fleet.adapter.accounts = list(OTHERS)
    elsewhere = _move(fleet)
    (outcome,) = fleet.sync(elsewhere)
    assert "may answer at 127.0.0.1:2: before it was 127.0.0.1:1" in str(outcome.error)
    fleet.adapter.accounts = list(THREE)
    (outcome,) = fleet.sync(elsewhere)
    assert outcome.error is None
    (outcome,) = fleet.sync(elsewhere)
    assert read(ledger, ENTRIES) == []


def test_the_same_server_may_move(known: Fleet, ledger: Engine) -> None:
    known.adapter.accounts = [user("eve")]
    (outcome,) = known.sync(_move(known))
    assert outcome.error is None, "two of three accounts went from a server that says who it is"
    assert read(ledger, ENTRIES) == []


def test_a_server_that_stops_saying_who_it_is_keeps_its_identity(known: Fleet, ledger: Engine) -> None:
    known.adapter.identity = ""
    known.sync()
    assert read(ledger, "select server_identity i from instances") == [{"i": "server A"}]
