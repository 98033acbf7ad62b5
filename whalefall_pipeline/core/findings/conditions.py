"""Conditions of rules of one's own, over documented fields of an account.

A condition is a mapping with one key: `all` or `any` of a list, `not`, `holds` (what the account itself holds: a
mapping of `privilege`, `scope`, `database`, `schema`, `object`, `column`, `effect`, `grant_option`, each a value or a
list of them), or a `field` with one test: `is`, `in`, `has`, `matches` (a regular expression that covers all of it),
`above`, `below`, `exists`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import gt, lt
from typing import TypeAlias, cast

from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import AccountState, Held, Json
from whalefall_pipeline.core.text import make_visible

Test: TypeAlias = Callable[[World, AccountState], bool]
FIELDS = ("username", "kind", "capabilities", "roles", "attributes.NAME", "instance.NAME")
TESTS = ("is", "in", "has", "matches", "above", "below", "exists")
HOLDS = ("privilege", "scope", "database", "schema", "object", "column", "effect", "grant_option")
JOINS = ("all", "any", "not", "holds", "field")
DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of an account, and what it looks at; `scopes` None: all that the engine has."""

    holds: Test
    scopes: frozenset[str] | None = frozenset()
    settings: bool = False


def parse_condition(value: object, place: str, depth: int = 0) -> Condition:
    """Return a condition. Raises InvalidInputError in one line, with the place, for what is none."""
    if not isinstance(value, dict) or depth > DEEPEST:
        raise InvalidInputError(f"{place} must be a mapping with one of {', '.join(JOINS)}")
    given = cast("dict[str, object]", value)
    joins = [key for key in given if key in JOINS]
    if len(joins) != 1 or (joins != ["field"] and len(given) > 1):
        raise InvalidInputError(f"{place} must have one of {', '.join(JOINS)}, and nothing beside it")
    match joins[0]:
        case "all" | "any":
            return _join(given, joins[0], place, depth)
        case "not":
            inner = parse_condition(given["not"], f"{place}.not", depth + 1)
            return Condition(lambda world, state: not inner.holds(world, state), inner.scopes, inner.settings)
        case "holds":
            return _parse_holds(given["holds"], f"{place}.holds")
        case _:
            return _parse_field(given, place)


def _join(given: Mapping[str, object], name: str, place: str, depth: int) -> Condition:
    items = given[name]
    if not isinstance(items, list) or not items:
        raise InvalidInputError(f"{place}.{name} must be a list of conditions")
    listed = cast("list[object]", items)
    parts = [parse_condition(item, f"{place}.{name}[{number}]", depth + 1) for number, item in enumerate(listed)]
    join = all if name == "all" else any
    scopes = frozenset[str]()
    for part in parts:
        scopes = None if scopes is None or part.scopes is None else scopes | part.scopes
    return Condition(
        lambda world, state: join(part.holds(world, state) for part in parts),
        scopes,
        any(part.settings for part in parts),
    )


def _parse_holds(value: object, place: str) -> Condition:
    if not isinstance(value, dict) or not value:
        raise InvalidInputError(f"{place} must be a mapping with some of {', '.join(HOLDS)}")
    given = cast("dict[str, object]", value)
    wanted: dict[str, frozenset[object]] = {}
    for key, item in given.items():
        if key not in HOLDS:
            raise InvalidInputError(f"{place}: {make_visible(str(key))!r} is none of {', '.join(HOLDS)}")
        items = cast("list[object]", item if isinstance(item, list) else [item])
        kind = bool if key == "grant_option" else str
        if not all(isinstance(one, kind) for one in items):
            raise InvalidInputError(f"{place}.{key} must be {'true or false' if kind is bool else 'a text, or a list'}")
        wanted[key] = frozenset(items)

    def matches(item: Held) -> bool:
        parts: Mapping[str, object] = {
            **item.securable._asdict(),
            "privilege": item.privilege,
            "effect": item.effect,
            "grant_option": item.grant_option,
        }
        return all(parts[key] in values for key, values in wanted.items())

    scopes = cast("frozenset[str] | None", wanted.get("scope"))
    return Condition(lambda world, state: _holds_any(world, state, matches, (place, scopes)), scopes)


def _holds_any(
    world: World, state: AccountState, test: Callable[[Held], bool], named: tuple[str, frozenset[str] | None]
) -> bool:
    """Whether an account holds something that passes a test, each of which is asked once for all accounts."""
    return not state.held.isdisjoint(world.remember(named, lambda: world.find(named[1], test)))


def _parse_field(given: Mapping[str, object], place: str) -> Condition:
    name = given["field"]
    tests = [key for key in given if key != "field"]
    if len(tests) != 1 or tests[0] not in TESTS:
        raise InvalidInputError(f"{place}: a field has one test of {', '.join(TESTS)}")
    read, scopes, settings = _parse_name(name, place)
    check = _parse_test(tests[0], given[tests[0]], place)
    return Condition(lambda world, state: check(read(world, state)), scopes, settings)


def _parse_name(name: object, place: str) -> tuple[Callable[[World, AccountState], Json], frozenset[str] | None, bool]:
    roles = frozenset({"role", "database_role"})
    if name == "username":
        return (lambda _, state: state.account.username), frozenset(), False
    if name == "kind":
        return (lambda _, state: state.account.kind.value), frozenset(), False
    if name == "capabilities":
        return (lambda world, state: list(world.capabilities[state.account.username])), roles, True
    if name == "roles":
        return (lambda world, state: [*{path.role for path in world.list_roles(state)}]), roles, False
    group, _, rest = name.partition(".") if isinstance(name, str) else ("", "", "")
    if group == "attributes" and rest:
        return (lambda _, state: state.account.attributes.get(rest)), frozenset(), False
    if group == "instance" and rest:
        return (lambda world, _: world.set_to.get(rest)), frozenset(), True
    raise InvalidInputError(f"{place}.field: {make_visible(str(name))!r} is none of {', '.join(FIELDS)}")


def _parse_test(name: str, value: object, place: str) -> Callable[[Json], bool]:
    place = f"{place}.{name}"
    match name:
        case "is":
            return lambda found: found == value and isinstance(found, bool) == isinstance(value, bool)
        case "in" | "has":
            items = cast("list[object]", value if isinstance(value, list) else [value])
            if name == "in":
                return lambda found: found in items
            return lambda found: isinstance(found, list) and any(item in found for item in items)
        case "matches":
            pattern = _compile(value, place)
            return lambda found: isinstance(found, str) and bool(pattern.fullmatch(found))
        case "exists":
            if not isinstance(value, bool):
                raise InvalidInputError(f"{place} must be true or false")
            return lambda found: (found is not None) == value
        case _:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidInputError(f"{place} must be a number")
            limit, is_beyond = value, gt if name == "above" else lt
            return lambda found: (
                isinstance(found, int | float) and not isinstance(found, bool) and is_beyond(found, limit)
            )


def _compile(value: object, place: str) -> re.Pattern[str]:
    try:
        return re.compile(value) if isinstance(value, str) else re.compile("(")
    except re.error:
        raise InvalidInputError(f"{place} must be a regular expression") from None
