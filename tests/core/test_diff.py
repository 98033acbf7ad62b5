"""A difference leads from one state to the other, survives the log, and is made only of what was seen."""

import json
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.core.reversing import apply, to_difference
from tests.core.strategies import ATTRIBUTE_NAMES, RULES, USERNAME, coverages, states
from whalefall_pipeline.core.diff import diff
from whalefall_pipeline.core.model import (
    Account,
    AccountState,
    Coverage,
    Grant,
    Held,
    Kind,
    Observation,
    Securable,
    Seen,
    is_observed,
)
from whalefall_pipeline.core.unseen import carry_unseen
from whalefall_pipeline.core.wording import Wording, to_other_diff


@given(states(), states())
def test_a_difference_applied_gives_the_later_state(before: AccountState, after: AccountState) -> None:
    assert apply(diff(before, after), before, USERNAME) == after
    assert apply(diff(None, after), None, USERNAME) == after


@given(states(), states())
def test_there_is_a_difference_when_states_differ(before: AccountState, after: AccountState) -> None:
    assert bool(diff(before, after)) == (before != after)
    assert not diff(after, after)


@given(states(), states())
def test_a_difference_is_of_privileges_when_any_was_gained_or_lost(before: AccountState, after: AccountState) -> None:
    is_of_privileges = before.held != after.held
    assert diff(before, after).change_type == ("modify_privilege" if is_of_privileges else "modify_other")


@pytest.mark.parametrize(("held", "then"), [((), ("SELECT",)), (("SELECT",), ()), (("SELECT",), ("INSERT",))])
def test_a_privilege_that_only_comes_or_only_goes_is_a_difference_of_privileges(
    held: tuple[str, ...], then: tuple[str, ...]
) -> None:
    account = Account(USERNAME, Kind.USER)
    before, after = (
        AccountState(account, frozenset(Held(privilege, Securable("server")) for privilege in privileges))
        for privileges in (held, then)
    )
    assert diff(before, after).change_type == "modify_privilege"


def test_an_account_that_is_in_neither_reading_does_not_differ() -> None:
    assert not diff(None, None)


@given(states(), st.sampled_from(ATTRIBUTE_NAMES))
def test_an_attribute_without_a_value_is_one_that_is_not_there(state: AccountState, name: str) -> None:
    attributes = {key: value for key, value in state.account.attributes.items() if key != name}
    absent, null = (
        replace(state, account=replace(state.account, attributes=values))
        for values in (attributes, {**attributes, name: None})
    )
    assert not diff(absent, null)
    assert not diff(null, absent)
    assert diff(None, null) == diff(None, absent)
    assert diff(null, None) == diff(absent, None)


@given(states(), states())
def test_a_difference_the_other_way_takes_it_back(before: AccountState, after: AccountState) -> None:
    there, back = diff(before, after), diff(after, before)
    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert list(there.other) == [change._replace(before=change.after, after=change.before) for change in back.other]


@given(states(), states())
def test_the_log_holds_the_whole_difference(before: AccountState, after: AccountState) -> None:
    difference = diff(before, after)
    privileges = json.loads(json.dumps(Wording().to_privilege_diff(difference)))
    other = json.loads(json.dumps(to_other_diff(difference)))
    assert to_difference(privileges, other) == difference


@given(states(), states(), coverages())
def test_only_what_was_seen_can_be_lost(before: AccountState, after: AccountState, coverage: Coverage) -> None:
    carried = carry_unseen(after, before.held, coverage, RULES)
    lost = diff(before, carried).lost
    assert all(is_observed(RULES.observed_by(*grant.securable[:2]), coverage) for grant in lost)
    assert carried.held >= after.held


@given(states(), states())
def test_a_reading_of_everything_carries_nothing(before: AccountState, after: AccountState) -> None:
    assert carry_unseen(after, before.held, {"server": Observation(Seen.OBSERVED)}, RULES) == after


@given(states(), states())
def test_a_reading_of_nothing_loses_nothing(before: AccountState, after: AccountState) -> None:
    assume(before.held)
    carried = carry_unseen(after, before.held, {"server": Observation(Seen.DENIED, "why")}, RULES)
    assert carried.held == before.held | after.held


def test_a_database_that_is_gone_is_seen_to_be_empty_and_one_that_refuses_is_not() -> None:
    seen, refused = Observation(Seen.OBSERVED), Observation(Seen.DENIED, "why")
    assert is_observed("database:gone", {"server": seen})
    assert not is_observed("database:shop", {"server": seen, "database:shop": refused})
    assert not is_observed("database:gone", {"server": refused})
    assert is_observed("database:gone", {"server": refused, "databases": seen})
    assert not is_observed("server", {})


def test_an_option_that_is_gained_or_lost_is_no_grant_and_no_revoke() -> None:
    table, role = Securable("table", "shop", "public", "orders"), Securable("role", object="readers")
    plain = [Grant(USERNAME, "SELECT", table), Grant(USERNAME, "MEMBER", role)]
    account = Account(USERNAME, Kind.USER)
    before, after = (
        AccountState.of(account, frozenset(grant._replace(grant_option=option) for grant in plain))
        for option in (False, True)
    )
    for action, difference in (("GRANT", diff(before, after)), ("REVOKE", diff(after, before))):
        entries = cast("list[dict[str, object]]", Wording().to_privilege_diff(difference)["entries"])
        assert [(entry["action"], entry["object"], entry["permissions"]) for entry in entries] == [
            (action, "role readers", ["ADMIN OPTION FOR MEMBER"]),
            (action, "table shop.public.orders", ["GRANT OPTION FOR SELECT"]),
        ]
