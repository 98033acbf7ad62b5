"""Access reviews: what a file may decide, when a revoke counts as seen to be done, and what was not seen."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from tests.core.strategies import states
from whalefall_pipeline.core.model import Account, AccountState, Held, Json, Kind, Securable, Seen
from whalefall_pipeline.core.review import (
    LONGEST_NOTE,
    Decided,
    Decision,
    Gap,
    Proof,
    Review,
    ReviewItem,
    ReviewRow,
    Scope,
    Sight,
    Standing,
    check_rows,
    count_standings,
    find_never_seen,
    is_done,
    list_own_reasons,
    to_held,
)
from whalefall_pipeline.core.text import neutralise

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HR = "database:hr"
ORDERS = Securable("table", "shop", "public", "orders")
SELECT, INSERT = Held("SELECT", ORDERS), Held("INSERT", ORDERS)
READERS = Held("MEMBER", Securable("role", object="readers"))
PROOF = Proof("s1", NOW)
KEEP, REVOKE = Decision.KEEP, Decision.REVOKE


def _item(number: int = 1, username: str = "ana", instance: str = "shop", **more: Any) -> ReviewItem:
    values: dict[str, Any] = {
        "db_type": "postgresql",
        "instance_id": 1,
        "account_id": number,
        "kind": "user",
        "capabilities": [],
        "reasons": {},
        "held": [],
        "decision": None,
        "note": "",
        "decided_by": None,
        "decided_at": None,
        "proof": None,
    }
    return ReviewItem(id=number, instance=instance, username=username, **values | more)


def _sight(gaps: Sequence[Gap] = (), inventory: str | None = "now", permissions: str | None = "now") -> Sight:
    return Sight("shop", "postgresql", "16.4", inventory, permissions, gaps)


@pytest.mark.parametrize("status", [status for status in Seen if status is not Seen.OBSERVED])
def test_what_is_excluded_holds_up_no_review_and_what_could_not_be_read_does(status: Seen) -> None:
    sight = _sight([Gap(HR, status.value, "why", None)])
    review = Review(1, "Q4", Scope.ALL, NOW, None, "dba", None, None, [sight])
    still = {"shop": [HR, "database:other"], "elsewhere": [HR]}
    assert find_never_seen(review, still) == {"shop": set() if status is Seen.EXCLUDED else {HR}}
    assert find_never_seen(review, {"elsewhere": [HR]}) == {"shop": set()}


def test_an_instance_is_seen_whole_when_both_its_readings_were_and_lack_nothing_that_is_to_be_read() -> None:
    denied, excluded = Gap(HR, "denied", "why", None), Gap("database:old", "excluded", "archive", None)
    both = _sight([denied, excluded])
    assert (both.missed, both.excluded) == ([denied], [excluded])
    assert both.is_whole is False
    assert _sight([excluded]).is_whole is True
    assert _sight().is_whole is True
    assert _sight(inventory=None).is_whole is False
    assert _sight(permissions=None).is_whole is False


def test_an_item_is_undecided_kept_or_revoked_and_then_gone_when_that_was_seen() -> None:
    decided = [(None, None), (KEEP, None), (KEEP, PROOF), (REVOKE, None), (REVOKE, PROOF)]
    items = [_item(decision=decision, proof=proof) for decision, proof in decided]
    assert [item.standing for item in items] == [
        *(Standing.UNDECIDED, Standing.KEPT, Standing.KEPT, Standing.STILL_THERE, Standing.GONE)
    ]
    assert count_standings(items[:4]) == {
        Standing.UNDECIDED: 1,
        Standing.KEPT: 2,
        Standing.STILL_THERE: 1,
        Standing.GONE: 0,
    }


@pytest.mark.parametrize(
    ("reasons", "own"),
    [
        ({"SUPERUSER": ["rolsuper"]}, ["rolsuper"]),
        ({"SUPERUSER": ["rolsuper (through role readers)"]}, ["rolsuper (through role readers)"]),
        ({"SUPERUSER": ["rolsuper (through role readers > admins)"]}, ["rolsuper (through role readers > admins)"]),
        ({"SUPERUSER": ["rolsuper (through role admins)"]}, None),  # in no role of that name: by another account
        ({"SUPERUSER": ["rolsuper (through role orders)"]}, None),  # a table that it reads is named so
        ({"SUPERUSER": ["rolsuper (through PUBLIC)"]}, None),
        ({"SUPERUSER": ["rolsuper", "rolsuper (through PUBLIC)"]}, None),
        ({"LOCKED": ["rolcanlogin is false"]}, []),  # no power
        ({}, []),
    ],
)
def test_powers_that_an_account_has_through_others_than_its_roles_are_not_its_own(
    reasons: dict[str, list[str]], own: list[str] | None
) -> None:
    item = _item(capabilities=["SUPERUSER", "LOCKED"], reasons=reasons, held=[READERS, SELECT])
    assert list_own_reasons(item) == own


@pytest.mark.parametrize(
    ("item", "held", "capabilities", "done"),
    [
        (_item(held=[SELECT]), [], [], True),
        (_item(held=[SELECT, INSERT]), [INSERT], [], False),
        (_item(held=[SELECT]), [INSERT], [], True),  # what is new since then is not what was revoked
        (_item(held=[SELECT]), [SELECT._replace(grant_option=True)], [], False),
        (_item(held=[SELECT]), [SELECT._replace(effect="deny")], [], True),
        (_item(held=[SELECT._replace(effect="deny")]), [], [], False),  # nothing was there that a revoke could take
        (_item(), [], [], False),
        (_item(capabilities=["SUPERUSER"]), [], [], True),
        (_item(capabilities=["SUPERUSER"]), [], ["SUPERUSER"], False),
        (_item(capabilities=["SUPERUSER"], held=[SELECT]), [], ["SUPERUSER"], False),
        (_item(capabilities=["SUPERUSER"], held=[SELECT]), [SELECT], [], False),
        (_item(capabilities=["rolreplication", "LOCKED"]), [], ["LOCKED", "SUPERUSER"], True),
        (_item(capabilities=["LOCKED"]), [], [], False),
    ],
)
def test_a_revoke_is_done_when_nothing_is_left_of_what_there_was(
    item: ReviewItem, held: Collection[Held], capabilities: Collection[str], *, done: bool
) -> None:
    state = AccountState(Account("ana", Kind.USER), frozenset(held))
    assert is_done(item, state, capabilities) is done
    assert is_done(item, state, capabilities, [HR]) is False
    if not held:
        assert is_done(item, None, capabilities) is done


@given(states())
def test_grants_come_back_from_what_is_kept_of_them(state: AccountState) -> None:
    held = sorted(state.held)
    kept: list[dict[str, Json]] = [
        {
            "privilege": item.privilege,
            **item.securable._asdict(),
            "grant_option": item.grant_option,
            "effect": item.effect,
        }
        for item in held
    ]
    assert to_held(kept) == held


ROW = ReviewRow(1, "shop", "ana", "keep", "")


@pytest.mark.parametrize(
    ("row", "decided"),
    [
        (ROW, [Decided(1, KEEP, "")]),
        (ROW._replace(decision=" Revoke\n", note="left"), [Decided(1, REVOKE, "left")]),
        (ROW._replace(note="x" * LONGEST_NOTE), [Decided(1, KEEP, "x" * LONGEST_NOTE)]),
        (ROW._replace(note="'=1+1"), [Decided(1, KEEP, "=1+1")]),
        (ROW._replace(decision=" ", note="later"), []),
    ],
)
def test_a_row_decides_on_its_account_or_on_nothing(row: ReviewRow, decided: list[Decided]) -> None:
    assert check_rows([row], [_item()]) == (decided, [])


@pytest.mark.parametrize(
    ("row", "mistake"),
    [
        (ROW._replace(number=7, username="eve\n"), r"row 7: the review has no account 'eve\n' on 'shop'"),
        (ROW._replace(instance="hr"), "row 1: the review has no account 'ana' on 'hr'"),
        (ROW._replace(decision="maybe"), "row 1: 'maybe' is no decision; write keep or revoke"),
        (ROW._replace(decision="x" * 50), f"row 1: '{'x' * 40}' is no decision; write keep or revoke"),
        (ROW._replace(note="x" * 2001), "row 1: the note has 2001 characters; 2000 are the most"),
        (ROW._replace(decision="", note="x" * 2001), "row 1: the note has 2001 characters; 2000 are the most"),
    ],
)
def test_a_row_that_can_not_be_understood_is_named_in_one_line(row: ReviewRow, mistake: str) -> None:
    assert check_rows([row, ROW._replace(number=9)], [_item()]) == ([Decided(1, KEEP, "")], [mistake])


def test_rows_may_say_the_same_twice_and_not_two_things() -> None:
    items = [_item(1), _item(2, "bob")]
    bob = ROW._replace(number=2, username="bob", decision="revoke")
    assert check_rows([ROW, bob, ROW], items) == ([Decided(1, KEEP, ""), Decided(2, REVOKE, "")], [])
    for other in (ROW._replace(number=3, decision="revoke"), ROW._replace(number=3, note="else")):
        decided, mistakes = check_rows([ROW, bob, other], items)
        assert len(decided) == 2
        assert mistakes == ["row 3: another row decides otherwise on ana"]


@pytest.mark.parametrize(
    ("username", "spelled"),
    [("=cmd", "'=cmd"), ("a\x1bb", "a_x001B_b"), ("a\x0bb", "a_x000B_b"), ("a\tb", "a\tb")],
)
def test_an_account_is_found_as_files_for_people_and_workbooks_spell_it(username: str, spelled: str) -> None:
    item = _item(username=username, instance="-shop")
    for instance in ("-shop", neutralise("-shop")):
        for name in {username, spelled}:
            row = ReviewRow(1, instance, name, "keep", "")
            assert check_rows([row], [item]) == ([Decided(1, KEEP, "")], [])


def test_an_account_that_is_named_like_the_spelling_of_another_comes_first() -> None:
    for items in ([_item(1, "=cmd"), _item(2, "'=cmd")], [_item(2, "'=cmd"), _item(1, "=cmd")]):
        for item in items:
            row = ReviewRow(1, "shop", item.username, "keep", "")
            assert check_rows([row], items) == ([Decided(item.id, KEEP, "")], [])
