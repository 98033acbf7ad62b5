"""Asks all rules of one instance, and says what of it is found and what can't be known."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import cast

import orjson

from whalefall_pipeline import __version__
from whalefall_pipeline.core.exclusions import OF_DATABASE
from whalefall_pipeline.core.findings.model import (
    RANKS,
    Evaluation,
    Finding,
    FindingChanges,
    FindingKey,
    Options,
    Outcome,
    Rule,
)
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import SETS, Coverage, Effect, Held, Json, Securable, Seen, find_observation
from whalefall_pipeline.core.parts import to_whole
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.snapshot import to_digest

FINDINGS_VERSION = 2
"""Raised by hand when the same states give other findings: those of all instances are then worked out again."""
MOST_HELD = 50
"""Privileges that one finding names; how many there are, it says as well."""
NO_DETAIL: Mapping[str, Json] = {}
ANY_DATABASE = "\0"
"""Stands for a database that nobody has listed; no database can be named so."""
NOT_MISSED = (Seen.OBSERVED, Seen.EXCLUDED)
"""What a rule does not lack: a scope that was read, or one that it is not to say anything of."""


def digest_rules(rules: Sequence[Rule], options: Options, own: object = None) -> bytes:
    """Return a digest of what findings are made by; where it is another one, they are worked out again.

    `own` is the definition of the rules of one's own: a built-in rule is known by its version of the program.
    """
    listed = [[rule.id, rule.title, rule.severity.value] for rule in rules]
    settings = [options.superusers_at_most, options.password_days, sorted(options.superusers)]
    document = [FINDINGS_VERSION, __version__, listed, settings, own]
    return to_digest(orjson.dumps(document, option=orjson.OPT_SORT_KEYS, default=str))


def evaluate(rules: Iterable[Rule], world: World, only: Collection[str] | None = None) -> Evaluation:
    """Return the findings of an instance, and the moment from which they are others by themselves.

    With `only`, rules that find accounts one by one are asked about these alone.
    """
    found: list[Finding] = []
    due: list[datetime] = []
    outcome = Outcome.FOUND
    some = world if only is None else replace(world, only=frozenset(only))
    to_detail = lru_cache(SETS)(partial(_to_detail, cache(_to_json)))
    for rule in rules:
        rule_id, severity, title = rule.id, rule.severity, rule.title
        of_rule: dict[tuple[str, str], Finding] = {}  # a role that is reached in two databases is found twice
        for account, name, message, held, since in rule.find(some if rule.is_per_account else world):
            if since and since > world.now:
                due.append(since)
            else:
                detail = to_detail(held) if held else NO_DETAIL
                fields = (rule_id, account, name, outcome, severity, title, message, detail)
                of_rule[account, name] = Finding._make(fields)
        found += of_rule.values()
        found += _list_unknown(rule, world)
    return Evaluation(found, min(due, default=None))


def to_outcome(rule: Rule, findings: Collection[FindingKey]) -> Outcome:
    """Return what a rule says of an instance on the whole: what was found is so, whatever else is not known."""
    outcomes = {key.outcome for key in findings if key.rule_id == rule.id}
    return next((outcome for outcome in (Outcome.FOUND, Outcome.UNKNOWN) if outcome in outcomes), Outcome.CLEAR)


def compare_findings(
    before: Mapping[FindingKey, Finding], found: Sequence[Finding]
) -> tuple[FindingChanges, list[Finding]]:
    """Return what opened and what closed, the worst first; second, those that stay and say something else now."""
    if not before:
        return FindingChanges(tuple(put_in_order(found))), []
    after = {finding.key: finding for finding in found}
    opened = [finding for key, finding in after.items() if key not in before]
    closed = [finding for key, finding in before.items() if key not in after]
    other = [after[key] for key in sorted(after.keys() & before.keys()) if after[key] != before[key]]
    return FindingChanges(tuple(put_in_order(opened)), tuple(put_in_order(closed))), other


def put_in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with the worst first, those of one severity by their keys, which their values begin with."""
    return sorted(sorted(findings), key=lambda finding: RANKS[finding.severity])


def find_unseen(rule: Rule, world: World) -> dict[str, str]:
    """Return what of that which a rule looks at was not observed, each with the reason."""
    sights = rule.looks_at
    unseen: dict[str, str] = {}
    if sights.settings and world.attributes is None:
        unseen["instance"] = "what the instance is set to was never seen"
    if sights.dangers and world.takings is None:
        unseen["ways"] = "who could become more than it is, is not known of this engine"
    for scope in sights.parts:
        seen = find_observation(scope, world.coverage)
        if seen and seen.status not in NOT_MISSED:
            unseen[scope] = seen.reason
    known = world.rules.categories
    scopes = set(known) if sights.scopes is None else set(sights.scopes)
    scopes |= world.engine.administration if sights.administration else frozenset()
    for scope in sorted(scopes & known.keys()):
        unseen.update(_find_unseen_places(scope, world))
    if sights.accounts:
        unseen |= {f"attribute {name}": "this login is not shown it" for name in world.hidden_attributes}
    return unseen


def _find_unseen_places(scope: str, world: World) -> Iterator[tuple[str, str]]:
    for place in list_places(scope, world.coverage, world.rules):
        seen = find_observation(place, world.coverage)
        if seen and seen.status not in NOT_MISSED:
            yield place if place in world.coverage else _to_listed(place, world.coverage), seen.reason


def list_places(scope: str, coverage: Coverage, rules: Rules) -> list[str]:
    """Return the scopes of a coverage that speak for grants in a scope, one for a database that is not listed too."""
    if "database" not in rules.categories[scope].levels:
        return [rules.observed_by(scope, "")]
    wholes = [to_whole(listed) or listed for listed in coverage]
    databases = {whole.removeprefix(OF_DATABASE) for whole in wholes if whole.startswith(OF_DATABASE)}
    return sorted({rules.observed_by(scope, database) for database in {"", ANY_DATABASE, *databases}})


def _to_listed(place: str, coverage: Coverage) -> str:
    """Return which listed scope spoke for one that is not listed."""
    return next((item for item in (to_whole(place), "databases", "server") if item in coverage), place)


def _list_unknown(rule: Rule, world: World) -> Iterator[Finding]:
    unseen = find_unseen(rule, world)
    if unseen:
        message = f"not observed: {', '.join(sorted(unseen))}"
        yield Finding(rule.id, "", "", Outcome.UNKNOWN, rule.severity, rule.title, message, {"unseen": {**unseen}})


def _to_detail(to_json: Callable[[Held], Json], held: Sequence[Held]) -> Mapping[str, Json]:
    """Return what a finding names of what is held; accounts that hold the same share it."""
    return {"held": list(map(to_json, held[:MOST_HELD])), "count": len(held)}


def _to_json(item: Held) -> Json:
    path = {name: value for name, value in item.securable._asdict().items() if value}
    return {"privilege": item.privilege, **path, "grant_option": item.grant_option, "effect": item.effect}


def to_held(item: Mapping[str, Json]) -> Held:
    """Return a privilege that the detail of a finding names."""
    path = {name: str(item[name]) for name in Securable._fields if name in item}
    effect = cast("Effect", item["effect"])
    return Held(str(item["privilege"]), Securable(**path), bool(item["grant_option"]), effect)
