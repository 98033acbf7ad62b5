"""Conditions of rules of one's own: how deep they may be, what they look at, and where a number is a limit."""

from collections.abc import Mapping

import pytest

from tests.core.findings.worlds import ORDERS, account, member_of, to_world
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.findings.conditions import DEEPEST, Condition, parse_condition
from whalefall_pipeline.core.model import Account, AccountState, Held, Json, Kind

NAMED = {"field": "username", "is": "ana"}
NO_SCOPES: frozenset[str] = frozenset()
ROLES = frozenset({"role", "database_role"})
OF_ROLES = {"field": "roles", "has": "readers"}
ON_TABLES = {"holds": {"scope": ["table", "column"]}}
ON_ANYTHING = {"holds": {"privilege": "SELECT"}}
OF_INSTANCE = {"field": "instance.lifetime", "above": 1}
OF_CAPABILITIES = {"field": "capabilities", "has": "SUPERUSER"}


def is_met(condition: object, **attributes: Json) -> bool:
    """Ask about ana, who has a role, a table and attributes, on an instance that is set to something."""
    ana = AccountState(
        Account("ana", Kind.GROUP, attributes), frozenset({*member_of("readers"), Held("SELECT", ORDERS)})
    )
    world = to_world(ana, account("bob"), attributes={"lifetime": 90})
    return parse_condition(condition, "when").holds(world, ana)


def nest(join: str, depth: int) -> object:
    condition: object = NAMED
    for _ in range(depth):
        condition = {join: condition if join == "not" else [condition]}
    return condition


@pytest.mark.parametrize("join", ["not", "all", "any"])
def test_a_condition_may_be_nested_to_a_depth_and_no_deeper(join: str) -> None:
    assert DEEPEST == 20
    assert is_met(nest(join, 20))
    with pytest.raises(InvalidInputError, match=r"must be a mapping with one of all, any, not, holds, field$"):
        parse_condition(nest(join, 21), "when")


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("ana", "when must be a mapping with one of"),
        ([NAMED], "when must be a mapping with one of"),
        ({"not": NAMED, "all": [NAMED]}, "when must have one of"),
        ({"not": NAMED, "because": "so"}, "when must have one of"),
        ({"holds": {}}, r"when\.holds must be a mapping"),
        ({"holds": ["privilege"]}, r"when\.holds must be a mapping"),
        ({"holds": {"grant_option": "yes"}}, r"when\.holds\.grant_option must be true or false$"),
        ({"holds": {"privilege": ["SELECT", True]}}, r"when\.holds\.privilege must be a text, or a list$"),
        ({"all": {}}, r"when\.all must be a list of conditions"),
        ({"any": [NAMED, {}]}, r"when\.any\[1\] must have one of"),
        ({"not": {"not": 1}}, r"when\.not\.not must be a mapping"),
        ({"field": "other.lifetime", "is": 1}, r"when\.field: 'other\.lifetime' is none of"),
        ({"field": "instance.", "is": 1}, r"when\.field: 'instance\.' is none of"),
        ({"field": "attributes", "is": 1}, r"when\.field: 'attributes' is none of"),
        ({"field": 1, "is": 1}, r"when\.field: '1' is none of"),
        ({"field": "username", "was": 1}, "when: a field has one test of"),
        ({"field": "username", "is": 1, "in": [1]}, "when: a field has one test of"),
        ({"field": "username", "below": True}, r"when\.below must be a number"),
        ({"field": "username", "matches": 1}, r"when\.matches must be a regular expression"),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused_with_its_place(condition: object, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=f"^{reason}"):
        parse_condition(condition, "when")


@pytest.mark.parametrize(
    ("condition", "scopes", "settings"),
    [
        (NAMED, NO_SCOPES, False),
        ({"field": "kind", "is": "user"}, NO_SCOPES, False),
        ({"field": "attributes.locked", "is": True}, NO_SCOPES, False),
        (OF_INSTANCE, NO_SCOPES, True),
        (OF_ROLES, ROLES, False),
        (OF_CAPABILITIES, ROLES, True),
        (ON_TABLES, frozenset({"table", "column"}), False),
        (ON_ANYTHING, None, False),
        ({"not": ON_TABLES}, frozenset({"table", "column"}), False),
        ({"not": OF_CAPABILITIES}, ROLES, True),
        ({"all": [NAMED, OF_ROLES, ON_TABLES]}, ROLES | {"table", "column"}, False),
        ({"any": [ON_TABLES, OF_INSTANCE]}, frozenset({"table", "column"}), True),
        ({"all": [ON_ANYTHING, ON_TABLES]}, None, False),
        ({"all": [ON_TABLES, ON_ANYTHING]}, None, False),
    ],
)  # fmt: skip
def test_a_condition_looks_at_what_its_parts_look_at(
    condition: Mapping[str, object], scopes: frozenset[str] | None, settings: bool
) -> None:
    parsed = parse_condition(condition, "when")
    assert (parsed.scopes, parsed.settings) == (scopes, settings)


def test_a_condition_of_code_looks_at_nothing_unless_it_is_said() -> None:
    condition = Condition(lambda _world, _state: True)
    assert (condition.scopes, condition.settings) == (frozenset(), False)


@pytest.mark.parametrize(
    ("value", "above", "below"),
    [(4, False, True), (5, False, False), (6, True, False), (True, False, False), ("6", False, False)],
)  # fmt: skip
def test_a_number_at_the_limit_is_neither_above_nor_below_it(value: Json, above: bool, below: bool) -> None:
    assert is_met({"field": "attributes.limit", "above": 5}, limit=value) is above
    assert is_met({"field": "attributes.limit", "below": 5}, limit=value) is below


@pytest.mark.parametrize(
    ("test", "value", "met"),
    [
        ({"is": 1}, 1, True),
        ({"is": 1}, True, False),
        ({"is": True}, 1, False),
        ({"in": "a"}, "a", True),
        ({"in": ["b", "a"]}, "a", True),
        ({"in": ["b"]}, "a", False),
        ({"has": "a"}, ["a", "b"], True),
        ({"has": ["c", "b"]}, ["a", "b"], True),
        ({"has": ["c"]}, ["a", "b"], False),
        ({"has": "a"}, "a", False),
        ({"matches": "a.*"}, "ab", True),
        ({"matches": "a"}, "ab", False),
        ({"matches": "1"}, 1, False),
        ({"exists": True}, "a", True),
        ({"exists": False}, "a", False),
    ],
)
def test_a_field_is_tested(test: Mapping[str, object], value: Json, met: bool) -> None:
    assert is_met({"field": "attributes.value", **test}, value=value) is met


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ({"field": "kind", "is": "group"}, True),
        ({"field": "instance.lifetime", "is": 90}, True),
        ({"field": "instance.other", "exists": True}, False),
        (OF_ROLES, True),
        ({"holds": {"scope": "table", "database": "shop", "schema": "public", "object": "orders", "column": ""}}, True),
        ({"holds": {"privilege": "SELECT", "effect": "grant", "grant_option": False}}, True),
        ({"holds": {"privilege": "SELECT", "effect": "deny"}}, False),
        ({"holds": {"object": "orders", "grant_option": True}}, False),
        ({"holds": {"scope": "schema"}}, False),
        ({"all": [NAMED, {"not": NAMED}]}, False),
        ({"any": [{"not": NAMED}, NAMED]}, True),
        ({"any": [{"not": NAMED}]}, False),
    ],
)
def test_a_condition_is_met(condition: Mapping[str, object], met: bool) -> None:
    assert is_met(condition) is met
