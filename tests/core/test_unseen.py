"""An attribute, or a kind, that a reading was not shown is what it was last seen to be: laws."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import ATTRIBUTE_NAMES, RULES, states
from whalefall_pipeline.core.diff import KIND_FIELD, diff
from whalefall_pipeline.core.inventory import KnownAccount, compare_inventory
from whalefall_pipeline.core.model import Account, AccountState, Kind
from whalefall_pipeline.core.snapshot import build_snapshot, to_state
from whalefall_pipeline.core.unseen import carry_attributes

unseen_names = st.frozensets(st.sampled_from((*ATTRIBUTE_NAMES, KIND_FIELD)))


def _carry(after: AccountState, before: AccountState, unseen: frozenset[str]) -> AccountState:
    return replace(after, account=carry_attributes(replace(after.account, unseen=unseen), before.account))


@given(states(), states(), unseen_names)
def test_no_difference_is_of_what_was_not_seen(
    before: AccountState, after: AccountState, unseen: frozenset[str]
) -> None:
    changed = {change.field for change in diff(before, _carry(after, before, unseen)).other}
    assert changed.isdisjoint(unseen)
    assert changed == {change.field for change in diff(before, after).other} - unseen


@given(states(), states(), unseen_names, unseen_names)
def test_what_was_seen_last_comes_through_any_number_of_readings(
    before: AccountState, after: AccountState, first: frozenset[str], second: frozenset[str]
) -> None:
    once = _carry(after, before, first)
    twice = _carry(after, once, first | second)
    kept = {name: value for name, value in twice.account.attributes.items() if name in first}
    assert kept == {name: value for name, value in before.account.attributes.items() if name in first}


@given(states(), unseen_names)
def test_what_was_never_seen_is_absent_and_the_snapshot_names_it(state: AccountState, unseen: frozenset[str]) -> None:
    first = replace(state, account=carry_attributes(replace(state.account, unseen=unseen), None))
    assert first.account.attributes.keys().isdisjoint(unseen)
    assert first.account.kind == state.account.kind
    snapshot = build_snapshot(first, RULES)
    assert snapshot["meta"] == ({"attributes_not_observed": sorted(unseen)} if unseen else {})
    assert to_state(state.account.username, snapshot, RULES) == first


@given(states(), states())
def test_a_reading_that_was_shown_everything_carries_nothing(before: AccountState, after: AccountState) -> None:
    assert _carry(after, before, frozenset()) == after


@given(st.sampled_from(Kind), st.sampled_from(Kind), st.booleans(), st.booleans())
def test_an_inventory_keeps_the_kind_that_was_not_seen_while_the_account_is_there(
    known: Kind, read: Kind, is_active: bool, is_seen: bool
) -> None:
    account = Account("ada", read, unseen=frozenset() if is_seen else frozenset({KIND_FIELD}))
    change = compare_inventory([KnownAccount(1, "ada", known.value, is_active)], [account])
    assert bool(change.other_kind) == (known != read and (is_seen or not is_active))
