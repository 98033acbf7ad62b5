"""Changes of more accounts than are sent at once: all are written, whatever the ones before them gained or lost."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.core.model import Account, Grant
from whalefall_pipeline.ledger import copying
from whalefall_pipeline.ledger.database import TEXTS_AT_ONCE

NAMES = [f"user{number:04}" for number in range(2 * TEXTS_AT_ONCE + 50)]
ORDERS = [select_on(name, "orders") for name in NAMES]
PLAIN = [user(name) for name in NAMES]


@pytest.fixture(params=[1, 1_000_000], ids=["in a thread", "at once"], autouse=True)
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many accounts are worth a thread of their own."""
    monkeypatch.setattr(copying, "MANY", request.param)


def test_whoever_holds_nothing_hides_nobody_who_does(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts, fleet.adapter.grants = list(PLAIN), [select_on(name, "orders") for name in NAMES[-3:]]
    fleet.sync()
    assert [row["username"] for row in read(ledger, "select username from current_grants order by 1")] == NAMES[-3:]
    diffs = read(ledger, "select from account_change_log where privilege_diff is not null")
    assert len(diffs) == 3


@pytest.mark.parametrize(
    ("accounts", "grants", "changed"),
    [
        pytest.param(PLAIN, [], len(NAMES), id="all lose"),
        pytest.param(PLAIN, [ORDERS[-1], select_on(NAMES[-1], "payments")], len(NAMES), id="all but the last lose"),
        pytest.param([user(name, rolsuper=True) for name in NAMES], ORDERS, len(NAMES), id="attributes only"),
        pytest.param(PLAIN, [*ORDERS, select_on(NAMES[-1], "payments")], 1, id="the last gains"),
    ],
)
def test_every_change_is_written(
    fleet: Fleet, ledger: Engine, accounts: Sequence[Account], grants: Sequence[Grant], changed: int
) -> None:
    fleet.adapter.accounts, fleet.adapter.grants = list(PLAIN), list(ORDERS)
    fleet.sync()
    fleet.adapter.accounts, fleet.adapter.grants = list(accounts), list(grants)
    (outcome,) = fleet.sync()
    assert outcome.permissions is not None
    assert outcome.permissions.changed == changed
    assert len(read(ledger, "select from account_change_log where change_type like 'modify%'")) == changed
    held = read(ledger, "select username, object_name from current_grants")
    assert {tuple(row.values()) for row in held} == {(grant.grantee, grant.securable.object) for grant in grants}
    super_users = read(
        ledger, "select from account_attributes where valid_to is null and (attributes -> 'rolsuper')::bool"
    )
    assert len(super_users) == sum(account.attributes["rolsuper"] is True for account in accounts)
