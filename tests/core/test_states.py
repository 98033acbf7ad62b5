"""A reading put together: each account with what it holds, each role with its members, each gap with its moment."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import EngineRules, grants
from whalefall_pipeline.core.model import (
    MEMBER,
    Account,
    AccountState,
    Attributes,
    Coverage,
    Grant,
    Held,
    Kind,
    Membership,
    Observation,
    Securable,
    Seen,
    Unseen,
    to_held,
)
from whalefall_pipeline.core.states import add_implied_roles, build_members, build_states, build_unseen, find_held

SELECT = Held("SELECT", Securable("server"))
OBSERVED, DENIED, EXCLUDED = (Observation(seen, "why") for seen in (Seen.OBSERVED, Seen.DENIED, Seen.EXCLUDED))
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
SERVER, SHOP, HR, ANA = "server", "database:shop", "database:hr", "account:ana"
PART, LIST = "database:shop/definitions", "databases"


@given(st.lists(grants("ana") | grants("bob") | grants("nobody"), max_size=8))
def test_each_account_has_what_it_holds_and_the_rest_is_counted(granted: list[Grant]) -> None:
    accounts = [Account("ana", Kind.USER), Account("bob", Kind.ROLE), Account("eve", Kind.USER)]
    states, without_account = build_states(accounts, to_held(granted))
    assert [state.account for state in states.values()] == accounts
    assert {grant for state in states.values() for grant in state.grants} == {
        grant for grant in granted if grant.grantee != "nobody"
    }
    assert without_account == sum(grant.grantee == "nobody" for grant in granted)


def test_accounts_that_hold_the_same_share_one_set() -> None:
    accounts = [Account(name, Kind.USER) for name in ("ana", "bob")]
    states, _ = build_states(accounts, {name: [SELECT] for name in ("ana", "bob")})
    assert states["ana"].held is states["bob"].held


def test_an_attribute_without_a_value_is_left_out_and_all_others_stay() -> None:
    values: Attributes = {"none": None, "false": False, "zero": 0, "empty": ""}
    plain = Account("bob", Kind.USER, {"limit": 1})
    states, _ = build_states([Account("ana", Kind.USER, values, native_id="7"), plain], {})
    assert states["ana"].account.attributes == {"false": False, "zero": 0, "empty": ""}
    assert states["ana"].account.native_id == "7"
    assert states["bob"].account is plain


class _DefaultRoles(EngineRules):
    def implied_roles(self, state: AccountState, instance: Attributes) -> Collection[Held]:
        name = instance.get(f"default_role_of_{state.account.username}")
        return [Held(MEMBER, Securable("role", object=str(name)))] if name else []


def test_a_membership_that_the_instance_implies_is_held_beside_the_granted_ones() -> None:
    accounts = [Account(name, Kind.USER) for name in ("ana", "bob")]
    states, _ = build_states(accounts, {"ana": [SELECT], "bob": [SELECT]})
    assert add_implied_roles(states, _DefaultRoles(), {}) is states
    added = add_implied_roles(states, _DefaultRoles(), {"default_role_of_ana": "readers"})
    assert added["ana"].held == {SELECT, Held(MEMBER, Securable("role", object="readers"))}
    assert added["bob"] == states["bob"]


def test_what_many_hold_is_tested_once() -> None:
    accounts = [Account(name, Kind.USER) for name in ("ana", "bob", "eve")]
    other = Held("INSERT", Securable("server"))
    states, _ = build_states(accounts, {"ana": [SELECT], "bob": [SELECT], "eve": [SELECT, other]})
    tested: list[Held] = []

    def is_other(item: Held) -> bool:
        tested.append(item)
        return item == other

    assert find_held(states, is_other) == {other}
    assert sorted(tested) == sorted([SELECT, other])
    assert find_held({}, is_other) == frozenset()


@given(st.lists(grants()))
def test_what_all_hold_is_found_alike_in_states_that_keep_it_and_in_others(granted: list[Grant]) -> None:
    accounts = [Account(name, Kind.USER) for name in sorted({grant.grantee for grant in granted})]
    states, _ = build_states(accounts, to_held(granted))
    tests: list[Callable[[Held], bool]] = [lambda item: item.grant_option, lambda item: item.effect == "deny"]
    for test in [*tests, *tests]:  # the second time it is kept
        assert find_held(states, test) == find_held(dict(states), test) == {held for held in states.held if test(held)}
    assert states.held == {Held._make(grant[1:]) for grant in granted}


def test_members_of_a_role_are_the_direct_ones_ordered_by_name_and_nobody_elses_options() -> None:
    readers, others = Securable("role", object="readers"), Securable("role", object="others")
    accounts = [Account(name, Kind.USER) for name in ("eve", "bob", "ana", "readers")]
    granted = [
        Grant("eve", MEMBER, readers),
        Grant("ana", MEMBER, readers, True),
        Grant("ana", "INHERIT", readers),
        Grant("ana", MEMBER, others),
        Grant("bob", "SELECT", Securable("table", "shop", "public", "readers")),
        Grant("readers", MEMBER, others),
    ]
    states, _ = build_states(accounts, to_held(granted))
    of_readers = [
        Membership("ana", "readers", "", True, frozenset({"INHERIT"})),
        Membership("eve", "readers", "", False, frozenset()),
    ]
    assert build_members(states, ["readers", "nothing"]) == {"readers": of_readers}
    of_others = [Membership(name, "others", "", False, frozenset()) for name in ("ana", "readers")]
    assert build_members(states, ["readers", "others"]) == {"readers": of_readers, "others": of_others}
    assert build_members(states, []) == {}


@pytest.mark.parametrize(
    ("coverage", "seen_before", "expected"),
    [
        ({SERVER: OBSERVED}, {SERVER: MONDAY}, []),
        ({SERVER: DENIED}, {SERVER: MONDAY}, [(SERVER, MONDAY)]),
        ({SERVER: DENIED}, {}, [(SERVER, None)]),
        # a part that is seen for itself no more was seen when its whole was
        ({SERVER: OBSERVED, PART: DENIED}, {SHOP: MONDAY}, [(PART, MONDAY)]),
        ({SERVER: OBSERVED, SHOP: DENIED}, {HR: MONDAY}, [(SHOP, None)]),
        # what lists the databases was not seen: those known are named too
        ({SERVER: DENIED}, {SERVER: MONDAY, SHOP: MONDAY}, [(SHOP, MONDAY), (SERVER, MONDAY)]),
        ({SERVER: OBSERVED}, {SERVER: MONDAY, SHOP: MONDAY}, []),
        ({SERVER: OBSERVED, LIST: DENIED}, {SHOP: MONDAY}, [(SHOP, MONDAY), (LIST, None)]),
        # what is excluded was read with the server where no database is read for itself
        ({SERVER: OBSERVED, SHOP: EXCLUDED}, {SERVER: MONDAY}, [(SHOP, MONDAY)]),
        ({SERVER: OBSERVED, SHOP: EXCLUDED}, {SERVER: MONDAY, LIST: TUESDAY}, [(SHOP, TUESDAY)]),
        ({SERVER: OBSERVED, SHOP: EXCLUDED}, {SERVER: MONDAY, HR: MONDAY}, [(SHOP, None)]),
        ({SERVER: OBSERVED, SHOP: EXCLUDED}, {SERVER: MONDAY, SHOP: TUESDAY}, [(SHOP, TUESDAY)]),
        ({SERVER: OBSERVED, ANA: EXCLUDED}, {SERVER: MONDAY, HR: TUESDAY}, [(ANA, MONDAY)]),
        ({SERVER: OBSERVED, ANA: EXCLUDED}, {}, [(ANA, None)]),
        ({SERVER: DENIED}, {ANA: MONDAY}, [(SERVER, None)]),
        ({}, {HR: MONDAY}, []),  # nothing speaks for it
    ],
)  # fmt: skip
def test_a_gap_was_last_seen_when_the_reading_before_saw_it_or_what_it_is_a_part_of(
    coverage: Coverage, seen_before: dict[str, datetime | None], expected: list[tuple[str, datetime | None]]
) -> None:
    gaps = build_unseen(coverage, {}, seen_before)
    assert [(gap.scope, gap.last_seen_at) for gap in gaps] == expected
    assert all(gap.reason == "why" and gap.status is not Seen.OBSERVED for gap in gaps)


def test_a_gap_that_stays_keeps_its_moment_and_a_scope_that_is_gone_is_none() -> None:
    before = {scope: Unseen(scope, Seen.DENIED, "before", MONDAY) for scope in (SHOP, "database:gone")}
    coverage = {SERVER: OBSERVED, SHOP: Observation(Seen.TIMED_OUT, "now")}
    assert build_unseen(coverage, before, {SHOP: TUESDAY}) == [Unseen(SHOP, Seen.TIMED_OUT, "now", MONDAY)]
    assert [gap.scope for gap in build_unseen({SERVER: DENIED}, before, {})] == [*("database:gone", SHOP, SERVER)]
