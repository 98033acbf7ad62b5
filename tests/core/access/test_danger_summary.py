"""The summary of dangers: who is counted and listed, what is stored, and which changes bear on it."""

import json

import pytest

from tests.core.access.drawn import Drawn, DrawnAccess
from whalefall_pipeline.core.access.danger_summary import (
    MOST,
    MOST_KEPT,
    DangerSummary,
    Risk,
    Taking,
    Takings,
    bears_on_dangers,
    find_takings,
    summarise,
)
from whalefall_pipeline.core.access.model import Danger, Escalation, Link, Wanted
from whalefall_pipeline.core.changes import AccountChange
from whalefall_pipeline.core.diff import AttributeChange, Difference
from whalefall_pipeline.core.model import MEMBER, Held, Kind, Securable

ORDERS = Securable("table", "shop", "public", "orders")


def to_superuser(holder: str) -> Danger:
    return Danger(holder, "", 0, "superuser", "")


def to_way(username: str, becomes: str = "", step: str = "do it", *, words: str = "may") -> Escalation:
    return Escalation(username, (), Danger(username, becomes, 1, words, step))


def summarise_all(*dangers: Danger, **kinds: Kind) -> DangerSummary:
    case = Drawn((), (), dangers=dangers, names=(), kinds=kinds)
    return summarise(DrawnAccess(case), case.population(), ("a basis",))


def test_superusers_come_first_then_who_could_become_one_each_by_its_worst_way() -> None:
    found = summarise_all(
        to_superuser("boss"),
        Danger("ana", "", 2, "may write files", "write one"),
        Danger("ana", "", 1, "may load code", "load some"),
        Danger("ana", "bob", 0, "may set bob's password", "set it"),
        Danger("bob", "ana", 3, "may set ana's password", "set it"),
        Danger("readers", "", 3, "may run programs", "run one"),
        ana=Kind.USER,
        bob=Kind.USER,
        boss=Kind.USER,
        readers=Kind.ROLE,
    )
    assert found.listed == [
        Risk("boss", True, ""),
        Risk("ana", False, "may load code"),
        Risk("readers", False, "may run programs"),
    ]
    assert (found.superusers, found.could_become, found.ways) == (1, 2, 5)
    assert found.basis == ["a basis"]


def test_the_engines_own_roles_are_not_counted() -> None:
    found = summarise_all(
        to_superuser("own"), Danger("other", "", 1, "may", "do"), own=Kind.PREDEFINED, other=Kind.PREDEFINED
    )
    assert found == DangerSummary(0, 0, [], ["a basis"], Takings([], []))


def test_users_and_groups_take_and_roles_do_not() -> None:
    kinds = {"a user": Kind.USER, "a group": Kind.GROUP, "a role": Kind.ROLE, "everybody": Kind.PUBLIC}
    found = summarise_all(*(Danger(name, "", 1, "may", "do it") for name in kinds), **kinds)
    assert [taking.username for taking in found.takings.superusers] == ["a group", "a user"]
    assert found.could_become == 4


def test_some_are_listed_and_all_are_counted() -> None:
    names = [f"user {number:03}" for number in range(MOST + 1)]
    found = summarise_all(*map(to_superuser, names), **dict.fromkeys(names, Kind.USER))
    assert found.superusers == MOST + 1 == 21
    assert [risk.username for risk in found.listed] == names[:MOST]


@pytest.mark.parametrize("number", [MOST_KEPT - 1, MOST_KEPT, MOST_KEPT + 2])
def test_a_hundred_of_each_are_kept_and_the_others_counted(number: int) -> None:
    names = [f"user {number:03}" for number in range(number)]
    found = find_takings([to_way(name) for name in names])
    assert [taking.username for taking in found.superusers] == names[:100]
    assert (found.more_superusers, found.takers, found.more_takers) == (max(0, number - 100), [], 0)
    found = find_takings([to_way(name, "boss") for name in names])
    assert [taking.username for taking in found.takers] == names[:100]
    assert (found.more_takers, found.superusers, found.more_superusers) == (max(0, number - 100), [], 0)


def test_who_could_become_a_superuser_takes_over_nobody() -> None:
    found = find_takings([to_way("ana", "bob"), to_way("ana", step=""), to_way("ana", words="later")])
    assert found == Takings([Taking("ana", "may", [], 0)], [])


def test_whom_an_account_takes_over_is_listed_once_and_in_order_with_the_worst_way() -> None:
    ways = [to_way("ana", name, words=f"may set the password of {name}") for name in "ecdbac"]
    assert find_takings(ways).takers == [Taking("ana", "may set the password of e (do it)", ["a", "b", "c"], 5)]


def test_how_names_all_steps() -> None:
    link = Link("ana", "boss", "member of boss", "SET ROLE boss")
    way = Escalation("ana", (link,), Danger("boss", "", 1, "may write files", "write one"))
    assert find_takings([way]).superusers == [
        Taking("ana", "member of boss, may write files (SET ROLE boss; write one)", [], 0)
    ]


SUMMARY = DangerSummary(
    3,
    2,
    [Risk("boss", True, ""), Risk("ana", False, "may")],
    ["basis"],
    Takings([Taking("ana", "may", [], 0)], [Taking("bob", "may set it", ["ana"], 4)], 1, 5),
    7,
)


def test_what_is_stored_is_read_back() -> None:
    assert DangerSummary.from_json(json.loads(json.dumps(SUMMARY.to_json()))) == SUMMARY


@pytest.mark.parametrize("name", ["takings", "ways"])
def test_what_an_older_version_stored_has_no_basis(name: str) -> None:
    stored = {key: value for key, value in SUMMARY.to_json().items() if key != name}
    assert DangerSummary.from_json(stored) == DangerSummary(3, 2, SUMMARY.listed, ())


def bears(difference: Difference, *dangerous: Wanted) -> bool:
    change = AccountChange(1, "ana", "modify_privilege", difference, None)
    unrelated = change._replace(difference=Difference(gained=frozenset({Held("USAGE", Securable("language"))})))
    return bears_on_dangers(DrawnAccess(Drawn((), (), dangerous=dangerous)), [unrelated, change])


def test_attributes_and_memberships_always_bear_on_dangers() -> None:
    assert bears(Difference(other=(AttributeChange("locked", False, True),)))
    assert bears(Difference(gained=frozenset({Held(MEMBER, Securable("role", object="readers"))})))
    assert bears(Difference(lost=frozenset({Held("SET", Securable("database_role", "shop", object="readers"))})))
    assert not bears(Difference(gained=frozenset({Held("SELECT", ORDERS)})))


@pytest.mark.parametrize(
    ("wanted", "does_bear"),
    [
        (Wanted("table"), True),
        (Wanted("schema"), False),
        (Wanted("table", privilege="SELECT"), True),
        (Wanted("table", privilege="INSERT"), False),
        (Wanted("table", "shop", "public", "orders", ""), True),
        (Wanted("table", "hr"), False),
        (Wanted("table", schema="app"), False),
        (Wanted("table", object="items"), False),
        (Wanted("table", column="id"), False),
    ],
)
def test_a_grant_bears_where_it_is_among_those_that_dangers_look_at(wanted: Wanted, does_bear: bool) -> None:
    held = frozenset({Held("SELECT", ORDERS)})
    for difference in (Difference(gained=held), Difference(lost=held)):
        assert bears(difference, wanted) is does_bear
        assert bears(difference, Wanted("server"), wanted) is does_bear
