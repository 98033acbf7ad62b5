"""An instance that holds what its newest reading gave is not read, and only where nothing else makes a difference."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read, read_log, read_versions
from tests.sync.test_exclusions import WHY, exclude
from whalefall_pipeline.adapters.postgresql.rules import PostgresqlRules
from whalefall_pipeline.core.findings.model import DEFAULT_OPTIONS
from whalefall_pipeline.core.findings.rulebook import Rulebook
from whalefall_pipeline.core.model import Grant, Kind, Observation, Securable, Seen
from whalefall_pipeline.sync import expect

MEMBER = Grant("ana", "MEMBER", Securable("role", object="readers"))
DENIED = Observation(Seen.DENIED, "no CONNECT")


@pytest.fixture
def knowing(fleet: Fleet) -> Fleet:
    """A fleet of one instance, synced once, whose sessions know whether they would give the same."""
    fleet.adapter.tells_rows = fleet.adapter.tells_source = True
    fleet.adapter.accounts = [user("ana"), user("bob"), role("readers")]
    fleet.adapter.grants = [select_on("readers", "orders"), MEMBER, select_on("nobody", "orders")]
    fleet.adapter.attributes = {"ssl": "on"}
    assert is_read(fleet)
    return fleet


def is_read(fleet: Fleet, **how: Any) -> bool:
    """Sync, and return whether accounts were read."""
    steps: list[str] = []
    fleet.adapter.hook = steps.append
    (outcome,) = fleet.sync(**how)
    assert outcome.error is None
    return "accounts" in steps


def test_one_that_holds_the_same_is_not_read_and_its_record_says_the_same(knowing: Fleet, ledger: Engine) -> None:
    knowing.adapter.tells_source = False
    (as_before,) = knowing.sync()
    knowing.adapter.tells_source = True
    assert is_read(knowing), "the one before kept nothing"
    versions, moments = read_versions(ledger), read(ledger, "select inventory_read_at from instances")
    steps: list[str] = []
    knowing.adapter.hook = steps.append
    (outcome,) = knowing.sync()
    assert steps == ["open", "is_same"]
    assert outcome.to_items() == as_before.to_items()
    assert outcome.dangers == as_before.dangers
    assert read_versions(ledger) == versions
    (row,) = read(ledger, "select inventory_read_at, permissions_read_at from instances")
    assert row["inventory_read_at"] == row["permissions_read_at"] > moments[0]["inventory_read_at"]


def change_account(fleet: Fleet) -> None:
    fleet.adapter.accounts[1] = user("bob", rolsuper=True)


def change_grant(fleet: Fleet) -> None:
    fleet.adapter.grants.append(select_on("bob", "orders"))


def change_attribute(fleet: Fleet) -> None:
    fleet.adapter.attributes = {"ssl": "off"}


def change_sight(fleet: Fleet) -> None:
    fleet.adapter.coverage["database:shop"] = DENIED


def change_version(fleet: Fleet) -> None:
    fleet.adapter.version = "Scripted 1.1"


def change_identity(fleet: Fleet) -> None:
    fleet.adapter.identity = "another"


def change_place(fleet: Fleet) -> None:
    with fleet.engine.begin() as connection:
        connection.execute(text("update instances set read_from = 'elsewhere:1'"))


class NewerRules(PostgresqlRules):
    """Rules that give other documents."""

    version = PostgresqlRules.version + 1


def change_rules(fleet: Fleet) -> None:
    fleet.adapter.rules = NewerRules()


def lose_a_snapshot(fleet: Fleet) -> None:
    with fleet.engine.begin() as connection:
        connection.execute(text("delete from account_snapshots where permission_snapshot::text like '%readers%'"))


def lose_an_account(fleet: Fleet) -> None:
    with fleet.engine.begin() as connection:
        connection.execute(text("update instance_accounts set is_active = false where username = 'bob'"))


def forget_findings(fleet: Fleet) -> None:
    with fleet.engine.begin() as connection:
        connection.execute(text("update finding_evaluation set due_at = 'epoch'"))


def read_accounts_apart(fleet: Fleet) -> None:
    """The account list, read apart, had another kind for a while."""
    accounts = list(fleet.adapter.accounts)
    fleet.adapter.accounts[1] = replace(accounts[1], kind=Kind.GROUP)
    fleet.sync(permissions=False)
    fleet.adapter.accounts = accounts


def read_permissions_apart(fleet: Fleet) -> None:
    fleet.sync(inventory=False)


def exclude_an_account(fleet: Fleet) -> None:
    exclude(fleet, {"account:bob": WHY})


@pytest.mark.parametrize(
    "change",
    [
        exclude_an_account,
        change_account, change_grant, change_attribute, change_sight, change_version, change_identity, change_place,
        change_rules, lose_a_snapshot, lose_an_account, forget_findings, read_accounts_apart, read_permissions_apart,
    ],
)  # fmt: skip
def test_one_that_may_be_otherwise_is_read(knowing: Fleet, ledger: Engine, change: Callable[[Fleet], None]) -> None:
    assert not is_read(knowing)
    change(knowing)
    assert is_read(knowing)
    knowing.adapter.coverage["database:shop"] = OBSERVED
    for _ in range(2):
        is_read(knowing)
    assert not is_read(knowing), "what was read is known again"
    kinds = read(ledger, "select username, kind, is_active from instance_accounts order by 1")
    assert [tuple(kind.values()) for kind in kinds] == [
        ("ana", "user", True), ("bob", "user", True), ("readers", "role", True)
    ]  # fmt: skip
    assert len(read(ledger, "select from account_snapshots")) == 3


def test_another_version_of_the_program_reads_again(knowing: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expect, "__version__", "99.0.0")
    assert is_read(knowing)


def test_other_rules_of_findings_read_again(knowing: Fleet) -> None:
    other = Rulebook(options=replace(DEFAULT_OPTIONS, superusers_at_most=4))
    assert is_read(knowing, rulebook=other)
    assert not is_read(knowing, rulebook=other)
    assert is_read(knowing)


@pytest.mark.parametrize("part", [{"inventory": False}, {"permissions": False}])
def test_a_part_alone_is_read(knowing: Fleet, part: dict[str, bool]) -> None:
    assert is_read(knowing, **part)


def test_an_account_that_passes_by_itself_is_looked_at_when_it_has(knowing: Fleet, ledger: Engine) -> None:
    ends = datetime.now(UTC) + timedelta(days=1)
    knowing.adapter.accounts[1] = user("bob", rolvaliduntil=ends.isoformat())
    assert is_read(knowing)
    assert not is_read(knowing)
    (row,) = read(ledger, "select source_until from instance_readings")
    assert row["source_until"] == ends
    with ledger.begin() as connection:
        connection.execute(text("update instance_readings set source_until = now() - interval '1 second'"))
    assert is_read(knowing)


def test_what_is_lost_of_the_ledger_meanwhile_has_it_read_in_the_same_sync(knowing: Fleet, ledger: Engine) -> None:
    steps: list[str] = []

    def hook(step: str) -> None:
        steps.append(step)
        if step == "is_same":
            lose_a_snapshot(knowing)

    knowing.adapter.hook = hook
    (outcome,) = knowing.sync()
    assert outcome.error is None
    assert steps == ["open", "is_same", "open", "accounts", "grants"]
    assert outcome.attempts == 2
    assert len(read(ledger, "select from account_snapshots")) == 3
    assert read_log(ledger) == [(account.username, "add") for account in knowing.adapter.accounts]


def test_what_a_reading_in_between_wrote_is_not_that_of_the_one_before(knowing: Fleet, ledger: Engine) -> None:
    """A part was out of sight, and came back when the server was set to something else."""
    knowing.adapter.coverage["database:shop"] = DENIED
    assert is_read(knowing)
    knowing.adapter.coverage["database:shop"] = OBSERVED
    knowing.adapter.attributes = {"ssl": "off"}
    assert is_read(knowing)
    knowing.adapter.attributes = {"ssl": "on"}
    assert is_read(knowing)
    settings = read(ledger, "select attributes from instance_attributes where valid_to is null")
    assert [row["attributes"] for row in settings] == [{"ssl": "on"}]
