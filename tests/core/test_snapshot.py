"""The snapshot holds exactly what the state holds, and its digest tells two states apart."""

import json
from datetime import datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import RULES, USERNAME, grants, states
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.model import Account, AccountState, Grant, Kind, Membership, Securable, Seen, Unseen
from whalefall_pipeline.core.snapshot import (
    SnapshotBuilder,
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


@given(st.lists(states(), max_size=4))
def test_an_account_has_the_same_document_whoever_else_was_read(given: list[AccountState]) -> None:
    """What accounts hold alike in part is built once for all: in a document of one stands nothing of another."""
    builder = SnapshotBuilder(RULES, {str(number): state for number, state in enumerate(given)})
    members = [Membership("bob", USERNAME, "", False, frozenset())]
    for state in [*given, *reversed(given)]:
        assert builder.build(state) == build_snapshot(state, RULES)
        assert builder.build(state, members) == build_snapshot(state, RULES, members=members)


def _to_text(grant: Grant) -> str:
    return to_token(grant.privilege, grant_option=grant.grant_option, effect=grant.effect)


@given(grants())
def test_a_token_holds_privilege_option_and_effect(grant: Grant) -> None:
    assert parse_token(_to_text(grant)) == (grant.privilege, grant.grant_option, grant.effect)


@given(st.sets(grants(), min_size=1))
def test_tokens_of_one_securable_are_as_many_as_its_grants(held: set[Grant]) -> None:
    spelled = {(grant.securable, _to_text(grant)) for grant in held}
    assert len(spelled) == len(held)


def test_tokens_read_as_the_contract_says() -> None:
    assert parse_token("SELECT WITH GRANT OPTION") == ("SELECT", True, "grant")
    assert parse_token("MEMBER WITH ADMIN OPTION") == ("MEMBER", True, "grant")
    assert parse_token("DENY SELECT") == ("SELECT", False, "deny")
    assert parse_token("REVOKE SELECT") == ("SELECT", False, "revoke")
    assert to_token("SELECT") == "SELECT"


def test_a_document_names_what_was_not_seen_of_the_instance_and_of_the_account() -> None:
    """Moments are in UTC, wherever they were read."""
    seen_at = datetime(2026, 11, 23, 1, tzinfo=timezone(timedelta(hours=2)))
    unseen = [
        Unseen("database:hr", Seen.DENIED, "no CONNECT", seen_at),
        Unseen("database:old", Seen.EXCLUDED, "archive", None),
    ]
    gaps = [
        {
            "scope": "database:hr",
            "status": "denied",
            "reason": "no CONNECT",
            "last_seen_at": "2026-11-22T23:00:00+00:00",
        },
        {"scope": "database:old", "status": "excluded", "reason": "archive", "last_seen_at": None},
    ]
    plain = AccountState(Account(USERNAME, Kind.USER))
    hidden = AccountState(Account(USERNAME, Kind.USER, unseen=frozenset({"limit", "flag"})))
    names = {"attributes_not_observed": ["flag", "limit"]}
    assert build_snapshot(plain, RULES)["meta"] == {}
    assert build_snapshot(plain, RULES, unseen=unseen)["meta"] == {"not_observed": gaps}
    assert build_snapshot(hidden, RULES)["meta"] == names
    assert build_snapshot(hidden, RULES, unseen=unseen)["meta"] == {"not_observed": gaps, **names}
    assert to_state(USERNAME, build_snapshot(hidden, RULES, unseen=unseen), RULES) == hidden


def test_a_document_is_laid_out_as_the_contract_says() -> None:
    orders = Securable("table", "shop", "public", "orders")
    granted = [Grant(USERNAME, privilege, orders) for privilege in ("SELECT", "INSERT", "UPDATE")]
    granted += [Grant(USERNAME, "CONNECT", Securable("server")), Grant(USERNAME, "SELECT", orders, effect="deny")]
    state = AccountState.of(Account(USERNAME, Kind.ROLE, {"flag": True, "settings": []}), granted)
    members = [Membership("bob", USERNAME, "", False, frozenset())]
    assert build_snapshot(state, RULES, members=members) == {
        "version": 4,
        "categories": {
            "engine_attributes": {"flag": True},
            "engine_derived": ["bob"],
            "engine_server": ["CONNECT"],
            "engine_table": {"shop": {"public": {"orders": ["DENY SELECT", "INSERT", "SELECT", "UPDATE"]}}},
        },
        "type_specific": {"engine": {"account_kind": "role", "settings": []}},
        "extra": {},
        "errors": [],
        "meta": {},
    }


@given(st.lists(st.binary(max_size=3), max_size=3), st.lists(st.binary(max_size=3), max_size=3))
def test_a_digest_tells_texts_apart_that_joined_are_the_same(one: list[bytes], other: list[bytes]) -> None:
    assert (to_digest(*one) == to_digest(*other)) == (one == other)
    assert len(to_digest(*one)) == 16


def test_where_a_text_ends_is_in_the_digest() -> None:
    assert len({to_digest(*texts) for texts in ((b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"abc", b""))}) == 4


@pytest.mark.parametrize("db_type", ADAPTERS)
def test_no_two_scopes_of_an_engine_share_a_category(db_type: str) -> None:
    """A document is put together of parts, by scope: the category of one would hide that of another."""
    names = [category.name for category in ADAPTERS[db_type].rules.categories.values()]
    assert len(set(names)) == len(names)
