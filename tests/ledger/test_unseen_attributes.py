"""Whatever readings are shown of accounts, the ledger holds what was last seen, and the log says nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from tests.engines.scripted import OBSERVED, Fleet, role, user
from tests.ledger.rows import read, read_log, read_versions
from whalefall_pipeline.core.diff import KIND_FIELD
from whalefall_pipeline.core.model import Account, Kind, Observation, Seen

DENIED = Observation(Seen.DENIED, "no SELECT on the column")
FIELDS = ("locked", "limit", KIND_FIELD)


def _hide(account: Account, *names: str) -> Account:
    return Account(account.username, account.kind, account.attributes, frozenset(names))


def test_a_lock_and_a_kind_that_are_not_shown_are_kept(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana", locked=True), role("readers")]
    fleet.sync()
    log = read_log(ledger)
    fleet.adapter.coverage["attributes"] = DENIED
    fleet.adapter.accounts = [_hide(user("ana", locked=False), "locked"), _hide(user("readers"), KIND_FIELD)]
    fleet.sync()
    before = read_versions(ledger)
    (outcome,) = fleet.sync()
    assert outcome.error is None
    assert read_versions(ledger) == before
    assert [entry for entry in read_log(ledger) if entry not in log] == [("readers", "modify_other")], "rolcanlogin"
    rows = read(ledger, "select username, permission_snapshot s from account_permission order by username")
    (ana, readers) = [row["s"] for row in rows]
    assert ana["type_specific"]["postgresql"]["locked"] is True
    assert ana["meta"]["attributes_not_observed"] == ["locked"]
    assert [item["scope"] for item in ana["meta"]["not_observed"]] == ["attributes"]
    assert readers["type_specific"]["postgresql"]["account_kind"] == "role"
    assert [row["kind"] for row in read(ledger, "select kind from instance_accounts order by username")] == [
        "user",
        "role",
    ]


def test_an_account_that_was_dropped_and_made_anew_has_nothing_of_the_old_one(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana", locked=True), user("bob")]
    fleet.sync()
    fleet.adapter.accounts = [user("bob")]
    fleet.sync()
    fleet.adapter.accounts = [_hide(role("ana"), "locked", KIND_FIELD), user("bob")]
    fleet.sync()
    (row,) = read(ledger, "select permission_snapshot s from account_permission where username = 'ana'")
    assert "locked" not in row["s"]["type_specific"]["postgresql"]
    assert row["s"]["type_specific"]["postgresql"]["account_kind"] == "role"


@st.composite
def shown(draw: st.DrawFn) -> Account | None:
    """One account as a reading gives it, or not there."""
    attributes: dict[str, Any] = {"locked": draw(st.booleans()), "limit": draw(st.integers(0, 2))}
    account = user("ana", **attributes)
    account = Account("ana", draw(st.sampled_from([Kind.USER, Kind.ROLE])), account.attributes)
    hidden = draw(st.frozensets(st.sampled_from(FIELDS)))
    return draw(st.sampled_from([_hide(account, *hidden), _hide(account, *hidden), None]))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(shown(), min_size=2, max_size=5))
def test_the_ledger_holds_what_was_last_seen(
    ledger: Engine, tmp_path: Path, readings: Sequence[Account | None]
) -> None:
    with ledger.begin() as connection:
        connection.execute(text("truncate instances, credentials, sync_sessions cascade"))
        connection.execute(text("truncate instance_accounts, account_holding, account_attributes, account_snapshots"))
        connection.execute(text("truncate account_changes, instance_grant, finding"))
    fleet = Fleet(ledger, tmp_path)
    fleet.register("one", vanish_limit=100)
    last: dict[str, Any] = {}
    for account in readings:
        fleet.adapter.accounts = [user("root"), *([account] if account else [])]
        fleet.adapter.coverage = {"server": OBSERVED, "attributes": DENIED}
        (outcome,) = fleet.sync(accept_collapse=True)
        assert outcome.error is None
        if account is None:
            last = {}
            continue
        values: dict[str, Any] = {**account.attributes, KIND_FIELD: account.kind.value}
        seen = {name: values[name] for name in FIELDS if name not in account.unseen}
        last = {KIND_FIELD: account.kind.value, **last, **seen}
        (row,) = read(
            ledger,
            "select t.kind, a.kind as listed, t.attributes from account_attributes t "
            "join instance_accounts a on a.id = t.instance_account_id "
            "where a.username = 'ana' and t.valid_to is null",
        )
        held = {name: row["attributes"][name] for name in FIELDS if name in row["attributes"]}
        assert held | {KIND_FIELD: row["kind"]} == last
        assert row["listed"] == row["kind"]
