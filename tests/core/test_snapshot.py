"""The snapshot holds exactly what the state holds, and its digest tells two states apart."""

import json
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import RULES, USERNAME, grants, states
from whalefall_pipeline.core.model import Account, AccountState, Grant
from whalefall_pipeline.core.snapshot import (
    build_snapshot,
    parse_token,
    to_digest,
    to_state,
    to_token,
)


def text(state: AccountState) -> str:
    return json.dumps(build_snapshot(state, RULES), sort_keys=True)


def digest(state: AccountState) -> bytes:
    return to_digest(text(state).encode())


@given(states())
def test_a_state_comes_back_from_its_stored_snapshot(state: AccountState) -> None:
    stored = json.loads(json.dumps(build_snapshot(state, RULES)))
    assert to_state(USERNAME, stored, RULES) == state


@given(states(), states())
def test_snapshots_and_digests_tell_states_apart(one: AccountState, other: AccountState) -> None:
    """That equal states give equal digests is the next test's: here 0 and False, equal in Python, would differ."""
    first, second = build_snapshot(one, RULES), build_snapshot(other, RULES)
    assert (first == second) == (one == other)
    if digest(one) == digest(other):
        assert one == other


@given(states(), st.randoms(use_true_random=False))
def test_the_order_of_a_reading_does_not_matter(state: AccountState, random: Random) -> None:
    shuffled = list(state.grants)
    random.shuffle(shuffled)
    attributes = list(state.account.attributes.items())
    random.shuffle(attributes)
    other = AccountState.of(Account(USERNAME, state.account.kind, dict(attributes)), frozenset(shuffled))
    assert text(state) == text(other)
    assert digest(state) == digest(other)


def _spell(grant: Grant) -> str:
    return to_token(grant.privilege, grant_option=grant.grant_option, effect=grant.effect)


@given(grants())
def test_a_token_holds_privilege_option_and_effect(grant: Grant) -> None:
    assert parse_token(_spell(grant)) == (grant.privilege, grant.grant_option, grant.effect)


@given(st.sets(grants(), min_size=1))
def test_tokens_of_one_securable_are_as_many_as_its_grants(held: set[Grant]) -> None:
    spelled = {(grant.securable, _spell(grant)) for grant in held}
    assert len(spelled) == len(held)


def test_tokens_read_as_the_contract_says() -> None:
    assert parse_token("SELECT WITH GRANT OPTION") == ("SELECT", True, "grant")
    assert parse_token("MEMBER WITH ADMIN OPTION") == ("MEMBER", True, "grant")
    assert parse_token("DENY SELECT") == ("SELECT", False, "deny")
