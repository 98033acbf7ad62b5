"""Makes a rulebook of the document of a rules file: options of the rules that there are, and rules of one's own. Pure.

A rule of one's own has a condition over documented fields of an account: `username`, `kind`, `capabilities`, `roles`,
`attributes.NAME`, `instance.NAME`, and what it holds.
"""

import re
from collections.abc import Collection, Mapping
from typing import cast

from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.findings.conditions import Condition, parse_condition
from whalefall_pipeline.core.findings.making import find_accounts
from whalefall_pipeline.core.findings.model import Find, Options, Rule, Severity, Sights
from whalefall_pipeline.core.findings.rulebook import OwnRule, Rulebook
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import AccountState
from whalefall_pipeline.core.text import make_visible

ID = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)+")
TAKEN = ("ALL-", "PG-", "MY-", "MS-", "OR-")
RULE_KEYS = ("id", "title", "severity", "why", "remedy", "engines", "references", "when")
LARGEST = 1_000_000
"""Of a number in the options: days beyond lead to moments that there are not."""
OPTION_KEYS = ("superusers", "superusers_at_most", "password_days", "ignore")


def parse_rulebook(document: object, engines: Collection[str], known: Collection[str]) -> Rulebook:
    """Return what a document of a rules file says; `known` are the ids of the rules that there are.

    Raises InvalidInputError in one line, with the place in the document, for anything that is not understood.
    """
    top = _to_mapping(document if document is not None else {}, "the file", ("options", "rules"))
    options = _parse_options(_to_mapping(top.get("options", {}), "options", OPTION_KEYS))
    own = tuple(_parse_rule(item, f"rules[{number}]", engines) for number, item in enumerate(_to_list(top, "rules")))
    ids = [item.rule.id for item in own]
    for name in ids:
        if ids.count(name) > 1:
            raise InvalidInputError(f"rules: {name} stands twice")
    for name in sorted(options.ignore - {*known, *ids}):
        raise InvalidInputError(f"options.ignore: there is no rule {make_visible(name)!r}")
    rulebook = Rulebook(options, own, document)
    _check_digest(rulebook)
    return rulebook


def _check_digest(rulebook: Rulebook) -> None:
    """Refuse what each sync would fail at: the document is kept as JSON."""
    try:
        rulebook.digest([])
    except TypeError as error:
        raise InvalidInputError(f"the file holds a value that can't be kept: {make_visible(str(error))}") from None


def _parse_options(given: Mapping[str, object]) -> Options:
    values: dict[str, object] = {}
    for name in ("superusers", "ignore"):
        if name in given:
            values[name] = frozenset(_to_texts(given[name], f"options.{name}"))
    for name in ("superusers_at_most", "password_days"):
        if name in given:
            values[name] = _to_number(given[name], f"options.{name}")
    return Options(**cast("dict[str, frozenset[str]]", values))  # pyright: ignore[reportArgumentType]


def _parse_rule(item: object, place: str, engines: Collection[str]) -> OwnRule:
    given = _to_mapping(item, place, RULE_KEYS)
    name = _to_text(given, "id", place)
    if not ID.fullmatch(name) or name.startswith(TAKEN):
        raise InvalidInputError(f"{place}.id must be like OWN-1, in capitals, and not begin with {', '.join(TAKEN)}")
    severity = _to_text(given, "severity", place)
    if severity not in list(Severity):
        raise InvalidInputError(f"{place}.severity must be one of {', '.join(Severity)}")
    wanted = _to_texts(given.get("engines", []), f"{place}.engines")
    for engine in wanted:
        if engine not in engines:
            raise InvalidInputError(
                f"{place}.engines: {make_visible(engine)!r} is none of {', '.join(sorted(engines))}"
            )
    if "when" not in given:
        raise InvalidInputError(f"{place} has no condition: when")
    condition = parse_condition(given["when"], f"{place}.when")
    title = _to_text(given, "title", place)
    rule = Rule(
        id=name,
        title=title,
        severity=Severity(severity),
        why=_to_text(given, "why", place, needed=False),
        remedy=_to_text(given, "remedy", place, needed=False),
        find=_find(condition, title),
        looks_at=Sights(scopes=condition.scopes, administration=True, accounts=True, settings=condition.settings),
        references=tuple(_to_texts(given.get("references", []), f"{place}.references")),
    )
    return OwnRule(rule, frozenset(wanted))


def _find(condition: Condition, title: str) -> Find:
    def describe(world: World, state: AccountState) -> str:
        return title if condition.holds(world, state) else ""

    return find_accounts(lambda world: world.accounts, describe)


def _to_mapping(value: object, place: str, keys: Collection[str]) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidInputError(f"{place} must be a mapping with {', '.join(keys)}")
    given = cast("dict[object, object]", value)
    for key in given:
        if key not in keys:
            raise InvalidInputError(f"{place}: {make_visible(str(key))!r} is none of {', '.join(keys)}")
    return cast("Mapping[str, object]", given)


def _to_list(top: Mapping[str, object], name: str) -> list[object]:
    value = top.get(name, [])
    if not isinstance(value, list):
        raise InvalidInputError(f"{name} must be a list")
    return cast("list[object]", value)


def _to_texts(value: object, place: str) -> list[str]:
    items = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(item, str) and item for item in items):
        raise InvalidInputError(f"{place} must be a list of texts")
    return cast("list[str]", items)


def _to_number(value: object, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise InvalidInputError(f"{place} must be a whole number from 0 to {LARGEST:,}")
    return value


def _to_text(given: Mapping[str, object], name: str, place: str, *, needed: bool = True) -> str:
    value = given.get(name, "")
    if not isinstance(value, str) or (needed and not value.strip()):
        raise InvalidInputError(f"{place}.{name} must be a text")
    return value.strip()
