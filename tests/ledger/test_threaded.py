"""Whether a thread of its own sends what is written makes no difference to the ledger, nor does what fails then."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from tests.engines.scripted import OBSERVED, Fleet, select_on, user
from tests.ledger.rows import read
from tests.ledger.test_same_reading import World, dump, worlds
from whalefall_pipeline.ledger import copying
from whalefall_pipeline.sync import follow

FINDINGS = """
select rule_id, username, object, outcome, severity, message, detail, closed_at is null as is_open
from finding join instances i on i.id = instance_id where i.name = :name order by finding.rule_id, username, object, 8
"""
WAYS = {"thread": 1, "at once": 1_000_000}


def dump_all(fleet: Fleet, name: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    return {**dump(fleet, name), "findings": read(fleet.engine, FINDINGS, name=name)}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(worlds(), min_size=1, max_size=5))
def test_a_thread_leaves_the_ledger_as_one_after_the_other_does(
    ledger: Engine, tmp_path: Path, steps: Sequence[World]
) -> None:
    with ledger.begin() as connection:
        connection.execute(text("truncate instances, credentials, sync_sessions cascade"))
    fleet = Fleet(ledger, tmp_path)
    fleet.register(*WAYS, vanish_limit=100)
    for accounts, grants, shop in steps:
        fleet.adapter.accounts, fleet.adapter.grants = accounts, grants
        fleet.adapter.coverage = {"server": OBSERVED, "database:shop": shop}
        outcomes: list[Any] = []
        for instance in fleet.instances:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(copying, "MANY", WAYS[instance.name])
                outcomes += fleet.sync([instance], accept_collapse=True)
        assert [outcome.error for outcome in outcomes] == [None, None]
        assert outcomes[0].to_items() == outcomes[1].to_items()
        thread, at_once = (dump_all(fleet, name) for name in WAYS)
        assert thread == at_once


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", ["find_dangers", "find_superusers", "read_questions"])
def test_what_fails_while_the_ledger_takes_in_grants_leaves_nothing_written(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, way: str, step: str
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(copying, "MANY", WAYS[way])
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders")]
    with monkeypatch.context() as patch:
        patch.setattr(follow, step, fail)
        (outcome,) = fleet.sync()
    assert outcome.error is not None
    for table in (
        *("account_grant", "instance_grant", "account_snapshots"),
        *("account_attributes", "account_changes", "finding"),
    ):
        assert read(fleet.engine, f"select from {table}") == []
    (outcome,) = fleet.sync()
    assert outcome.error is None
    assert len(read(fleet.engine, "select from account_grant")) == 1


def test_the_ledger_is_not_asked_while_it_takes_in_the_grants_of_a_first_reading(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would have to be waited for; of a later reading the findings before are read."""
    taken: list[str] = []
    take = copying.Copier.take_connection

    def note(copier: copying.Copier) -> Connection:
        taken.append("taken")
        return take(copier)

    monkeypatch.setattr(copying, "MANY", 1)
    monkeypatch.setattr(copying.Copier, "take_connection", note)
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders")]
    (outcome,) = fleet.sync()
    assert (outcome.error, taken) == (None, [])
    fleet.adapter.grants = [select_on("ana", "payments")]
    (outcome,) = fleet.sync()
    assert (outcome.error, taken) == (None, ["taken"])
