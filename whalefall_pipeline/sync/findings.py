"""What follows from a reading: the findings of its instance, in the caller's transaction; writes nothing.

Rules are asked again only where something that they look at differs from the last time, or the moment has come at which
they say something else by themselves. So a sync without change reads one small row. Where few accounts differ, rules
that find accounts one by one are asked about these.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import orjson
from sqlalchemy import Connection

from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.access.danger_summary import DangerSummary, Takings
from whalefall_pipeline.core.findings.evaluate import compare_findings, evaluate
from whalefall_pipeline.core.findings.model import Finding, FindingKey, Rule
from whalefall_pipeline.core.findings.rulebook import Rulebook
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import AccountState, Held, Reading
from whalefall_pipeline.core.rules import NOTHING_SET
from whalefall_pipeline.core.snapshot import to_digest, to_json_unseen
from whalefall_pipeline.core.states import add_implied_roles
from whalefall_pipeline.ledger.findings import (
    Evaluated,
    Written,
    read_evaluation,
    read_findings,
    read_some_findings,
)
from whalefall_pipeline.ledger.unseen import read_active
from whalefall_pipeline.sync.compare import ComparedPermissions
from whalefall_pipeline.sync.read import Collected

FEW = 10
"""Where at most one account in so many differs, rules are asked about these alone."""


class Before(NamedTuple):
    """Of what an instance's findings in the ledger are; where that is nothing, those that are open all the same."""

    evaluated: Evaluated | None
    findings: Mapping[FindingKey, Finding]


@dataclass(frozen=True, slots=True)
class Asked:
    """What findings are made by: engine, rules, and what this sync knows of who could become more than it is.

    `of_superusers`: one of the accounts that differ is a superuser, or was one. `before` is what the ledger has.
    """

    adapter: Adapter
    rulebook: Rulebook
    before: Before
    dangers: DangerSummary | None
    of_superusers: bool


class Others(NamedTuple):
    """What rules look at beside accounts: grantees that are none, with what they hold, and who could become more."""

    strangers: Mapping[str, Sequence[Held]]
    takings: Takings | None


class Questions(NamedTuple):
    """What rules are asked about: `known` are the findings in the ledger that they are compared with.

    With `only`, rules that find accounts one by one are asked about these alone. `before` and `now` are of what the
    findings were made and will be.
    """

    rules: Sequence[Rule]
    world: World
    only: Collection[str] | None
    known: Mapping[FindingKey, Finding]
    before: Evaluated | None
    now: Evaluated


def read_before(connection: Connection, instance_id: int) -> Before:
    """Return of what an instance's findings are."""
    evaluated = read_evaluation(connection, instance_id)
    return Before(evaluated, {} if evaluated else read_findings(connection, instance_id))


def read_questions(
    connect: Callable[[], Connection],
    collected: Collected,
    reading: Reading,
    compared: ComparedPermissions,
    asked: Asked,
) -> Questions | None:
    """Return what has to be asked to bring an instance's findings up to date; None: nothing.

    `connect` is called where the ledger has to be read, which may have to be waited for: not for a first reading.
    """
    adapter, rulebook, target = asked.adapter, asked.rulebook, collected.target
    before = asked.before.evaluated
    rules = rulebook.list_rules(adapter.rules.db_type, adapter.findings)
    others = Others(_find_strangers(reading, compared), asked.dangers.takings if asked.dangers else None)
    now = Evaluated(rulebook.digest(rules), _digest_basis(compared, others, before), None, target.read_at)
    is_due = before is not None and before.due_at is not None and before.due_at <= target.read_at
    if before and _is_same(before, now) and not is_due:
        return None
    world = World(
        rules=adapter.rules,
        states=_choose_known(connect, target.instance.id, compared),
        now=target.read_at,
        coverage=reading.coverage,
        attributes=compared.attributes,
        engine=adapter.findings,
        strangers=others.strangers,
        options=rulebook.options,
        takings=others.takings,
        facts=compared.states.facts if compared.states else None,
    )
    only = None if is_due else _choose_accounts(compared, others, (before, now))
    if only is None:
        known = read_findings(connect(), target.instance.id) if before else asked.before.findings
        return Questions(rules, world, None, known, before, now)
    rules = [rule for rule in rules if asked.of_superusers or not rule.of_superusers]
    whole = [rule.id for rule in rules if not rule.is_per_account]
    known = read_some_findings(connect(), target.instance.id, only, whole)
    names = {rule.id for rule in rules}
    known = {key: finding for key, finding in known.items() if key.rule_id in names}
    return Questions(rules, world, only, known, before, now)


def diff_findings(questions: Questions, compared: ComparedPermissions) -> Written:
    """Evaluate the rules, and return which findings open, close and change."""
    rules, world, only, known, before, now = questions
    found = evaluate(rules, world, only)
    changes, other = compare_findings(known, found.found)
    due = [moment for moment in (found.due_at, before.due_at if before and only is not None else None) if moment]
    news = _choose_news(changes.opened, (before, now), rules, world, compared)
    return Written(changes._replace(news=news), other, now._replace(due_at=min(due, default=None)))


def _choose_accounts(
    compared: ComparedPermissions, others: Others, asked: tuple[Evaluated | None, Evaluated]
) -> Collection[str] | None:
    """Return the accounts that rules are to be asked about; None: about all.

    Some are enough where the findings in the ledger are those of the other accounts as they still are, by the same
    rules, and all else that rules look at is as it was: by the digest of all that, made of the accounts as they were.
    """
    before, now = asked
    states = compared.states
    if before is None or states is None or before.rules != now.rules or compared.counts.not_in_inventory:
        return None
    if len(states.stale) * FEW > len(states.states):
        return None
    digests = {**states.find_digests(), **{name: stored.digest or b"" for name, stored in states.stale.items()}}
    return states.stale if _digest(compared, others, digests) == before.basis else None


def _choose_news(
    opened: Sequence[Finding],
    asked: tuple[Evaluated | None, Evaluated],
    rules: Sequence[Rule],
    world: World,
    compared: ComparedPermissions,
) -> tuple[Finding, ...]:
    """Return which findings opened because of the reading, or by time, and not only because of what was asked.

    Where the rules are others than before, they are asked about what the ledger had, too.
    """
    before, now = asked
    if before is None or not opened:
        return ()
    if before.rules == now.rules:
        return tuple(opened)
    known = evaluate(rules, _build_world_before(world, compared, before)).findings
    return tuple(finding for finding in opened if finding.key not in known)


def _build_world_before(world: World, compared: ComparedPermissions, before: Evaluated) -> World:
    """Return the world as the reading before had it; who the strangers were then is not kept: as they are now.

    So are the ways to more, where a version kept them that did not know all of them.
    """
    attributes = compared.attributes_before
    dangers = compared.dangers_before
    compared_states = compared.states
    changed: Mapping[str, AccountState] = compared_states.before if compared_states else {}
    named = [item.username for item in compared_states.changes] if compared_states else []
    added = set(named) - changed.keys()
    states = {name: changed.get(name) or compared.reading_states[name] for name in world.states.keys() - added}
    return replace(
        world,
        states=add_implied_roles(states, world.rules, NOTHING_SET if attributes is None else attributes),
        now=before.evaluated_at,
        attributes=attributes,
        facts=None,
        takings=dangers.takings if dangers and dangers.basis else world.takings,
    )


def _is_same(before: Evaluated, now: Evaluated) -> bool:
    return (before.rules, before.basis) == (now.rules, now.basis)


def _find_strangers(reading: Reading, compared: ComparedPermissions) -> Mapping[str, Sequence[Held]]:
    return {name: reading.held[name] for name in reading.held.keys() - compared.effective.keys()}


def _digest_basis(compared: ComparedPermissions, others: Others, before: Evaluated | None) -> bytes:
    """Return a digest of all that rules look at.

    A reading that gave the same as the newest one is not digested by account: it is what that one was.
    """
    if compared.states is None:
        return before.basis if before else b""
    return _digest(compared, others, compared.states.find_digests())


def _digest(compared: ComparedPermissions, others: Others, digests: Mapping[str, bytes]) -> bytes:
    theirs = {name: sorted(map(_to_row, held)) for name, held in others.strangers.items()}
    unseen = [to_json_unseen(item) for item in compared.sight.unseen]
    settings = [compared.attributes, unseen, theirs, others.takings.to_json() if others.takings else None]
    accounts = b"".join([digests[name] for name in sorted(digests)])
    return to_digest(orjson.dumps(settings, option=orjson.OPT_SORT_KEYS), accounts)


def _to_row(item: Held) -> list[str | bool]:
    return [item.privilege, *item.securable, item.grant_option, item.effect]


def _choose_known(
    connect: Callable[[], Connection], instance_id: int, compared: ComparedPermissions
) -> Mapping[str, AccountState]:
    """Leave out accounts that the inventory in the ledger does not have; the next inventory brings them."""
    if not compared.counts.not_in_inventory:
        return compared.effective
    known = read_active(connect(), instance_id)
    return {name: state for name, state in compared.effective.items() if name in known}
