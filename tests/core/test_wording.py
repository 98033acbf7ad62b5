"""The log's line for people names what the entries for programs hold, in their order, and counts the rest."""

from collections.abc import Iterable
from typing import cast, get_args

import pytest

from whalefall_pipeline.core.diff import AttributeChange, ChangeType, Difference
from whalefall_pipeline.core.model import Effect, Held, Json, Securable
from whalefall_pipeline.core.wording import Wording, describe_attributes, to_other_diff

READERS = Held("MEMBER", Securable("role", object="readers"))
TABLES = [Held("SELECT", Securable("table", "shop", "public", f"t{number}")) for number in range(6)]
DROPPED = Held("DROP", Securable("table", "shop", "public", "t0"))


@pytest.mark.parametrize(
    ("change_type", "gained", "lost", "said"),
    [
        ("add", [*TABLES[:2], DROPPED, READERS], [], "holds MEMBER on role readers; DROP on table shop.public.t0; "
         "SELECT on table shop.public.t0; SELECT on table shop.public.t1"),
        ("delete", [], [READERS], "held MEMBER on role readers"),
        ("reactivate", [], [], "holds nothing"),
        ("add", TABLES, [], "holds " + "; ".join(f"SELECT on table shop.public.t{number}" for number in range(5))
         + "; and 1 more"),
        ("modify_privilege", TABLES[:1], [READERS], "granted SELECT on table shop.public.t0; "
         "revoked MEMBER on role readers; locked: none -> true"),
        ("modify_privilege", [READERS._replace(grant_option=True)], [READERS],
         "gained the option to pass on MEMBER on role readers; locked: none -> true"),
    ],
)  # fmt: skip
def test_a_change_in_one_line(change_type: ChangeType, gained: Iterable[Held], lost: Iterable[Held], said: str) -> None:
    locked = AttributeChange("locked", None, True)
    difference = Difference(frozenset(gained), frozenset(lost), (locked,))
    assert Wording().describe(change_type, difference) == said


ORDERS = Securable("table", "shop", "public", "orders")
SAID = {
    # effect, with option: gained, lost, the option alone gained, held
    ("grant", False): ("granted X on {}", "revoked X on {}", "gained the option to pass on X on {}", "holds X on {}"),
    ("grant", True): (
        "granted X WITH GRANT OPTION on {}",
        "revoked X WITH GRANT OPTION on {}",
        "lost the option to pass on X on {}",
        "holds X WITH GRANT OPTION on {}",
    ),
    ("deny", False): (
        "denied X on {}",
        "no longer denied X on {}",
        "denied the option to pass on X on {}",
        "is denied X on {}",
    ),
    ("deny", True): (
        "denied X WITH GRANT OPTION on {}",
        "no longer denied X WITH GRANT OPTION on {}",
        "no longer denied the option to pass on X on {}",
        "is denied X WITH GRANT OPTION on {}",
    ),
    ("revoke", False): (
        "revoked X on {}",
        "granted again X on {}",
        "revoked the option to pass on X on {}",
        "is revoked X on {}",
    ),
    ("revoke", True): (
        "revoked X WITH GRANT OPTION on {}",
        "granted again X WITH GRANT OPTION on {}",
        "granted again the option to pass on X on {}",
        "is revoked X WITH GRANT OPTION on {}",
    ),
}


@pytest.mark.parametrize("effect", get_args(Effect))
@pytest.mark.parametrize("option", [False, True])
def test_every_effect_reads_as_a_person_would_say_it(effect: Effect, option: bool) -> None:
    item = Held("X", ORDERS, option, effect)
    held, other = frozenset({item}), frozenset({item._replace(grant_option=not option)})
    describe = Wording().describe
    said = (
        describe("modify_privilege", Difference(held, frozenset())),
        describe("modify_privilege", Difference(frozenset(), held)),
        describe("modify_privilege", Difference(other, held)),
        describe("add", Difference(held, frozenset())),
    )
    assert said == tuple(text.format(ORDERS) for text in SAID[effect, option])
    assert describe("delete", Difference(frozenset(), held)) == said[3].replace("holds", "held").replace("is ", "was ")


def test_grants_are_said_before_what_is_denied() -> None:
    held = frozenset({Held("B", ORDERS, effect="deny"), Held("C", ORDERS), Held("A", ORDERS, effect="revoke")})
    said = Wording().describe("add", Difference(held, frozenset()))
    assert said == f"holds C on {ORDERS}; is denied B on {ORDERS}; is revoked A on {ORDERS}"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, True, "x: none -> true"),
        (False, 0, "x: false -> 0"),
        ("a", None, "x: a -> none"),
        ("True", [1], "x: True -> [1]"),
    ],
)
def test_a_value_reads_as_one_would_write_it(before: Json, after: Json, said: str) -> None:
    assert describe_attributes(Difference(other=(AttributeChange("x", before, after),))) == said


@pytest.mark.parametrize(
    ("count", "more"), [(0, "nothing"), (1, ""), (5, ""), (6, "; and 1 more"), (9, "; and 4 more")]
)
def test_a_line_names_five_and_counts_the_rest(count: int, more: str) -> None:
    changes = tuple(AttributeChange(f"x{number}", 0, 1) for number in range(count))
    named = "; ".join(f"x{number}: 0 -> 1" for number in range(min(count, 5)))
    difference = Difference(other=changes)
    assert describe_attributes(difference) == f"{named}{more}"
    assert Wording().describe("modify_other", difference) == f"{named}{more}"


def test_what_is_counted_are_options_privileges_and_attributes_together() -> None:
    optioned = Held("SELECT", ORDERS)
    gained = frozenset({*TABLES[:2], optioned._replace(grant_option=True)})
    lost = frozenset({*TABLES[2:5], optioned})
    said = Wording().describe("modify_privilege", Difference(gained, lost, (AttributeChange("x", 0, 1),)))
    assert said.split("; ") == [
        f"gained the option to pass on SELECT on {ORDERS}",
        *(f"granted SELECT on table shop.public.t{number}" for number in (0, 1)),
        *(f"revoked SELECT on table shop.public.t{number}" for number in (2, 3)),
        "and 2 more",
    ]


def test_what_an_instance_or_account_is_set_to_stands_in_the_log_by_field() -> None:
    changes = (AttributeChange("limit", 1, 2), AttributeChange("locked", None, True))
    assert to_other_diff(Difference(frozenset(TABLES), other=changes)) == {
        "version": 1,
        "entries": [
            {"field": "limit", "before": 1, "after": 2},
            {"field": "locked", "before": None, "after": True},
        ],
    }


def test_entries_are_one_for_each_action_and_securable_in_their_order() -> None:
    gained = frozenset({TABLES[1], TABLES[0], DROPPED, READERS, Held("CONNECT", Securable("server"), True)})
    difference = Wording().to_privilege_diff(Difference(gained, frozenset({TABLES[2]})))
    assert difference["version"] == 1
    entries = cast("list[dict[str, Json]]", difference["entries"])
    assert [(entry["action"], entry["object"], entry["permissions"]) for entry in entries] == [
        ("GRANT", "role readers", ["MEMBER"]),
        ("GRANT", "server", ["CONNECT WITH GRANT OPTION"]),
        ("GRANT", "table shop.public.t0", ["DROP", "SELECT"]),
        ("GRANT", "table shop.public.t1", ["SELECT"]),
        ("REVOKE", "table shop.public.t2", ["SELECT"]),
    ]
    assert [entry["securable"] for entry in entries[:3]] == [
        {"scope": "role", "object": "readers"},
        {"scope": "server"},
        {"scope": "table", "database": "shop", "schema": "public", "object": "t0"},
    ]
