"""Asks all rules of a server under test, as a sync does, and says what they found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.engines.engine import Server
from tests.engines.reading import Seen, read
from whalefall_pipeline.core.access.danger_summary import Takings, summarise
from whalefall_pipeline.core.access.model import Population
from whalefall_pipeline.core.findings.evaluate import evaluate, to_outcome
from whalefall_pipeline.core.findings.model import (
    DEFAULT_OPTIONS,
    Evaluation,
    Finding,
    FindingKey,
    Options,
    Outcome,
    Rule,
)
from whalefall_pipeline.core.findings.rulebook import Rulebook
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import AccountState, Attributes, Login
from whalefall_pipeline.core.rules import NOTHING_SET
from whalefall_pipeline.core.states import add_implied_roles


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What makes a rule find something, and what ends it; statements run as administrator in `database`.

    `account` and `object` are those of the finding. `hides` says that nothing of it can be seen while the databases (or
    grant tables) of the test are not observed: then the rule must not call the server clear.
    """

    rule: str
    make: Sequence[str] = ()
    undo: Sequence[str] = ()
    account: str = ""
    object: str = ""
    database: str = ""
    hides: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules said of a server at one moment."""

    rules: Mapping[str, Rule]
    evaluation: Evaluation
    states: Mapping[str, AccountState]

    def outcome(self, rule_id: str) -> Outcome:
        return to_outcome(self.rules[rule_id], self.evaluation.findings)

    def is_unknown(self, rule_id: str) -> bool:
        """Whether the rule says that it did not see all that it looks at."""
        return (rule_id, "", "", Outcome.UNKNOWN) in self.evaluation.findings

    def list_found(self, rule_id: str) -> list[tuple[str, str]]:
        found = [key for key in self.evaluation.findings if key.rule_id == rule_id and key.outcome is Outcome.FOUND]
        return sorted((key.account, key.object) for key in found)

    def find(self, case: Case) -> Finding | None:
        for key, finding in self.evaluation.findings.items():
            if key == (case.rule, case.account, case.object, Outcome.FOUND):
                return finding
        return None


def judge(
    server: Server, *, options: Options = DEFAULT_OPTIONS, now: datetime | None = None, login: Login | None = None
) -> Judged:
    """Read a server, by its collector or another login, and ask all rules of it."""
    seen = read(server, login)
    adapter = server.adapter
    attributes: Attributes | None = seen.reading.attributes
    if attributes is not None:
        attributes = {name: value for name, value in attributes.items() if value is not None}
    states = add_implied_roles(seen.states, adapter.rules, attributes or NOTHING_SET)
    rules = Rulebook(options).list_rules(adapter.rules.db_type, adapter.findings)
    world = World(
        rules=adapter.rules,
        states=states,
        now=now or datetime.now(UTC),
        coverage=seen.reading.coverage,
        attributes=attributes,
        engine=adapter.findings,
        strangers={name: held for name, held in seen.reading.held.items() if name not in states},
        options=options,
        takings=find_takings(server, seen, attributes or NOTHING_SET),
    )
    evaluation = evaluate(rules, world)
    _check_one_by_one([rule for rule in rules if rule.is_per_account], world, evaluation)
    return Judged({rule.id: rule for rule in rules}, evaluation, states)


def _check_one_by_one(rules: Sequence[Rule], world: World, whole: Evaluation) -> None:
    """Rules that find accounts one by one find the same when they are asked about one after another."""
    asked = {rule.id for rule in rules}
    found: dict[FindingKey, Finding] = {}
    for username in world.states:
        found |= evaluate(rules, world, {username}).findings
    expected = {key: finding for key, finding in whole.findings.items() if key.rule_id in asked}
    assert {key: item for key, item in found.items() if key.outcome is Outcome.FOUND} == {
        key: item for key, item in expected.items() if key.outcome is Outcome.FOUND
    }


def find_takings(server: Server, seen: Seen, attributes: Attributes) -> Takings | None:
    """Return who could become more than it is, as a sync finds it."""
    access = server.adapter.access
    if access is None:
        return None
    population = Population(seen.states, attributes=attributes, version=seen.version, now=datetime.now(UTC))
    return summarise(access, population, ()).takings


def run_all(server: Server, cases: Sequence[Case], *, undo: bool = False) -> None:
    """Run the statements of all cases."""
    for case in reversed(cases) if undo else cases:
        statements = case.undo if undo else case.make
        if statements:
            server.execute(*statements, database=case.database)
