"""A difference leads from one state to the other, survives the log, and is made only of what was seen."""

import json
from typing import cast

from hypothesis import assume, given

from tests.core.reversing import apply, to_difference
from tests.core.strategies import RULES, USERNAME, coverages, states
from whalefall_pipeline.core.diff import diff
from whalefall_pipeline.core.model import (
    Account,
    AccountState,
    Coverage,
    Grant,
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
