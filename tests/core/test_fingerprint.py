"""Where an account's digest is equal, so are its documents: a law. And what does not matter to it is not in it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.reversing import build_facts
from tests.engines.scripted import role, select_on, user
from whalefall_pipeline.adapters.postgresql import rules
from whalefall_pipeline.core.facts import FactsBuilder
from whalefall_pipeline.core.fingerprint import build_digests, digest_accounts, digest_reading, find_own_capabilities
from whalefall_pipeline.core.model import (
    Account,
    AccountState,
    Attributes,
    Grant,
    Json,
    Kind,
    Securable,
    Seen,
    Unseen,
    to_held,
)
from whalefall_pipeline.core.snapshot import build_snapshot
from whalefall_pipeline.core.states import build_members, build_states

NOW = datetime(2026, 11, 24, tzinfo=UTC)
NAMES = ("ana", "bob", "readers", "writers", "admins")
UNSEEN = Unseen("database:shop", Seen.DENIED, "no CONNECT", None)

States = dict[str, AccountState]


def _member(grantee: str, role_name: str, option: str = "MEMBER", *, admin: bool = False) -> Grant:
    return Grant(grantee, option, Securable("role", object=role_name), admin)


@st.composite
def worlds(draw: st.DrawFn) -> States:
    accounts = [
        user(name, rolsuper=draw(st.booleans()), rolvaliduntil=draw(st.sampled_from(["2026-11-01", "2027-01-01"])))
        for name in NAMES
    ]
    if draw(st.booleans()):
        accounts[-1] = Account(NAMES[-1], Kind.PUBLIC)
    name = st.sampled_from(NAMES)
    memberships = st.builds(_member, name, name, st.sampled_from(["MEMBER", "SET"]), admin=st.booleans())
    grants = draw(st.lists(st.one_of(st.builds(select_on, name, st.just("orders")), memberships), max_size=12))
    return build_states(accounts, to_held(grants))[0]


def _documents(states: States, now: datetime, unseen: Sequence[Unseen]) -> dict[str, tuple[Json, Json]]:
    members = build_members(states, states)
    return {
        name: (
            build_snapshot(state, rules.RULES, members=members.get(name, ()), unseen=unseen),
            build_facts(state, rules.RULES, states, now, unseen=unseen),
        )
        for name, state in states.items()
    }


def _digests(states: States, now: datetime = NOW, unseen: Sequence[Unseen] = (), code: bytes = b"") -> dict[str, bytes]:
    own = digest_accounts(states, find_own_capabilities(states, rules.RULES, now))
    return build_digests(states, own, unseen=unseen, code=code)


moments = st.sampled_from([NOW, NOW + timedelta(days=90)])
scopes = st.sampled_from([(), (UNSEEN,)])


readings = st.tuples(worlds(), moments, scopes)


@given(readings, readings)
def test_equal_digests_mean_equal_documents(
    one: tuple[States, datetime, Sequence[Unseen]], other: tuple[States, datetime, Sequence[Unseen]]
) -> None:
    before, after = _digests(*one), _digests(*other)
    first, second = _documents(*one), _documents(*other)
    assert [name for name in NAMES if before[name] == after[name] and first[name] != second[name]] == []


@given(worlds(), moments)
def test_accounts_that_share_attributes_are_digested_as_each_alone(states: States, now: datetime) -> None:
    known: list[Attributes] = []

    def share(account: Account) -> Account:
        shared = next((each for each in known if each == account.attributes), account.attributes)
        known.append(shared)
        return replace(account, attributes=shared)

    sharing = {name: replace(state, account=share(state.account)) for name, state in states.items()}
    alone = {name: rules.RULES.own_capabilities(state, now) for name, state in states.items()}
    assert find_own_capabilities(sharing, rules.RULES, now) == alone
    assert _digests(sharing, now) == _digests(states, now)


@given(worlds(), moments)
def test_facts_that_share_what_was_followed_are_those_of_each_alone(states: States, now: datetime) -> None:
    known = find_own_capabilities(states, rules.RULES, now)
    for own in (None, known):
        builder = FactsBuilder(rules.RULES, states, now, own=own)
        together = [builder.build(state) for state in states.values()]
        assert together == [build_facts(state, rules.RULES, states, now) for state in states.values()]


def _changed(accounts: list[Account], before: list[Grant], after: list[Grant]) -> list[str]:
    old, new = (_digests(build_states(accounts, to_held(grants))[0]) for grants in (before, after))
    return [name for name in old if old[name] != new[name]]


def test_a_role_that_gains_a_grant_does_not_change_its_members() -> None:
    accounts = [user("ana"), role("readers"), role("outer")]
    held = [_member("ana", "readers")]
    assert _changed(accounts, held, [*held, select_on("readers", "orders")]) == ["readers"]
    assert _changed(accounts, held, [*held, _member("readers", "outer")]) == ["ana", "readers", "outer"]
    assert _changed(accounts, held, []) == ["ana", "readers"]


def test_a_role_in_a_circle_shares_no_paths_with_others_who_are_members_of_the_same() -> None:
    """It is no role of its own; to the others it is one."""
    accounts = [user("ana"), role("a"), role("b"), role("c"), user("bob")]
    edges = [("ana", "b"), ("a", "b"), ("c", "b"), ("b", "a"), ("bob", "c")]
    states = build_states(accounts, to_held(_member(*edge) for edge in edges))[0]
    builder = FactsBuilder(rules.RULES, states, NOW)
    roles = {name: builder.build(state)["roles"] for name, state in states.items()}
    assert roles == {"ana": ["a", "b"], "a": ["b"], "b": ["a"], "c": ["a", "b"], "bob": ["a", "b", "c"]}


def test_what_a_role_gains_changes_all_who_reach_it_over_others() -> None:
    accounts = [user("ana"), role("readers"), role("writers"), role("outer"), user("bob")]
    held = [_member("ana", "readers"), _member("readers", "writers")]
    assert _changed(accounts, held, [*held, _member("writers", "outer")]) == ["ana", "readers", "writers", "outer"]


def test_a_role_that_is_no_account_has_a_place_in_its_members_digests() -> None:
    """An engine may have roles that its list of accounts does not show."""
    accounts = [user("ana"), user("bob")]
    assert _changed(accounts, [], [_member("ana", "built in")]) == ["ana"]


ROWS, VERSION, CODE = b"rows", "16.4", b"code"


@pytest.mark.parametrize(
    ("rows", "version", "code", "instance", "username"),
    [
        (b"other", VERSION, CODE, {}, "ana"),
        (ROWS, "16.5", CODE, {}, "ana"),
        (ROWS, VERSION, b"newer", {}, "ana"),
        (ROWS, VERSION, CODE, {"log_statement": "all"}, "ana"),
        (ROWS, VERSION, CODE, {}, "bob"),
    ],
)
def test_a_readings_digest_is_of_its_rows_its_accounts_and_all_that_else_matters(
    rows: bytes, version: str, code: bytes, instance: Attributes, username: str
) -> None:
    own = {name: name.encode() for name in ("ana", "bob")}
    same = digest_reading({"ana": own["ana"]}, ROWS, version=VERSION, code=CODE)
    assert same == digest_reading({"ana": own["ana"]}, ROWS, version=VERSION, code=CODE, instance={})
    assert same != digest_reading({"ana": own[username]}, rows, version=version, code=code, instance=instance)


def test_other_code_builds_all_again() -> None:
    states = build_states([user("ana")], {})[0]
    assert _digests(states) == _digests(states)
    assert _digests(states) != _digests(states, code=b"newer")
