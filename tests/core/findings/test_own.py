"""Rules of one's own: what a rules file may say, what it finds, and the one line that says what is wrong with it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.core.strategies import RULES as ENGINE
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.findings.conditions import FIELDS, HOLDS, JOINS, TESTS
from whalefall_pipeline.core.findings.evaluate import evaluate
from whalefall_pipeline.core.findings.model import EngineFindings, Evaluation, Options, Outcome, Sights
from whalefall_pipeline.core.findings.own import parse_rulebook
from whalefall_pipeline.core.findings.rulebook import Rulebook
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import Account, AccountState, Grant, Kind, Observation, Securable, Seen

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ORDERS = Securable("table", "shop", "public", "orders")
RULE = """
rules:
  - id: OWN-1
    title: Applications log in from one place
    severity: high
    why: It was agreed.
    remedy: Ask the owner.
    when: {}
"""
GOOD = RULE.replace("{}", "{field: username, is: x}").lstrip("\n")
TWICE = GOOD + GOOD.replace("rules:\n", "")


def read(text: str) -> Rulebook:
    return parse_rulebook(yaml.safe_load(text), ADAPTERS, ["ALL-01"])


def state(name: str, *grants: tuple[str, Securable], **attributes: bool | str | int) -> AccountState:
    return AccountState.of(
        Account(name, Kind.USER, attributes), [Grant(name, privilege, securable) for privilege, securable in grants]
    )


def evaluate_rule(condition: str, *states: AccountState, unseen: str = "") -> Evaluation:
    rulebook = read(RULE.replace("when: {}", f"when: {condition}"))
    coverage = {"server": Observation(Seen.OBSERVED)}
    if unseen:
        coverage[unseen] = Observation(Seen.DENIED, "no CONNECT")
    world = World(
        rules=ENGINE,
        states={item.account.username: item for item in states},
        now=NOW,
        coverage=coverage,
        attributes={"lifetime": 90},
    )
    return evaluate([item.rule for item in rulebook.own], world)


def find(condition: str, *states: AccountState) -> list[str]:
    found = evaluate_rule(condition, *states).findings
    return sorted(key.account for key in found if key.outcome is Outcome.FOUND)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("{field: username, is: app_web}", ["app_web"]),
        ("{field: username, matches: 'app_.*'}", ["app_job", "app_web"]),
        ("{field: kind, in: [user, role]}", ["ana", "app_job", "app_web"]),
        ("{field: attributes.limit, above: 5}", ["app_job"]),
        ("{field: attributes.limit, below: 5}", ["app_web"]),
        ("{field: attributes.limit, exists: false}", ["ana"]),
        ("{field: attributes.flag, is: true}", ["ana"]),
        ("{field: attributes.limit, is: true}", []),
        ("{field: instance.lifetime, is: 90}", ["ana", "app_job", "app_web"]),
        ("{field: roles, has: readers}", ["ana"]),
        ("{field: capabilities, has: SUPERUSER}", []),
        ("{holds: {privilege: [SELECT, INSERT], scope: table, object: orders}}", ["app_web"]),
        ("{holds: {privilege: DELETE}}", []),
        ("{all: [{field: username, matches: 'app_.*'}, {not: {holds: {object: orders}}}]}", ["app_job"]),
        ("{any: [{field: username, is: ana}, {holds: {grant_option: false, database: shop}}]}", ["ana", "app_web"]),
    ],
)
def test_a_condition_finds_the_accounts_that_it_means(condition: str, found: list[str]) -> None:
    readers = Securable("role", object="readers")
    states = (
        state("ana", ("MEMBER", readers), flag=True),
        state("app_web", ("SELECT", ORDERS), limit=1),
        state("app_job", limit=10),
    )
    assert find(condition, *states) == found


def test_what_it_could_not_see_is_unknown() -> None:
    condition = "{holds: {scope: table, object: orders}}"
    assert [key.outcome for key in evaluate_rule(condition, state("ana"), unseen="database:shop").findings] == [
        Outcome.UNKNOWN
    ]
    assert not evaluate_rule("{field: username, is: nobody}", state("ana"), unseen="database:shop").findings


@pytest.mark.parametrize(
    "text",
    [
        RULE.replace("when: {}", "when: {field: attributes.limit, is: 99999999999999999999}"),
        RULE.replace("when: {}", r'when: {field: username, is: "\ud800"}'),
        "options: {password_days: 99999999999999999999}",
        "options: {password_days: 999999999}",
    ],
)
def test_a_value_that_no_sync_could_keep_is_refused_at_once(text: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        read(text)
    assert len(str(raised.value).splitlines()) == 1


def test_a_rule_is_asked_of_its_engines_alone_and_options_are_kept() -> None:
    rulebook = read(
        "options: {superusers: [chief], superusers_at_most: 0, password_days: 30, ignore: [ALL-01]}\n"
        + RULE.lstrip().replace("when: {}", "engines: [mysql]\n    when: {field: username, is: x}")
    )
    assert [rule.id for rule in rulebook.list_rules("mysql", EngineFindings())][-1] == "OWN-1"
    assert "OWN-1" not in [rule.id for rule in rulebook.list_rules("oracle", EngineFindings())]
    assert "ALL-01" not in [rule.id for rule in rulebook.list_rules("oracle", EngineFindings())]
    assert rulebook.options.superusers == {"chief"}
    assert (rulebook.options.superusers_at_most, rulebook.options.password_days) == (0, 30)


def test_the_largest_number_of_an_option_is_taken_and_what_is_not_set_is_as_usual() -> None:
    options = read("options: {password_days: 1000000, superusers_at_most: 0}").options
    assert (options.password_days, options.superusers_at_most) == (1_000_000, 0)
    assert read("options: {ignore: [ALL-01]}").options == Options(ignore=frozenset({"ALL-01"}))


def test_a_rule_may_leave_out_why_it_is_and_what_to_do() -> None:
    short = GOOD.replace("    why: It was agreed.\n", "").replace("    remedy: Ask the owner.\n", "")
    (item,) = read(short).own
    assert (item.rule.why, item.rule.remedy, item.rule.references, item.engines) == ("", "", (), frozenset())
    (item,) = read(GOOD.replace("    when", "    references: [CIS 1, CIS 2]\n    when")).own
    assert item.rule.why == "It was agreed."
    assert (item.rule.remedy, item.rule.references) == ("Ask the owner.", ("CIS 1", "CIS 2"))


def test_a_rule_looks_at_attributes_and_at_what_makes_administrators_whatever_its_condition_is() -> None:
    for condition, settings in (("{field: username, is: x}", False), ("{field: instance.a, is: x}", True)):
        (item,) = read(RULE.replace("{}", condition)).own
        assert item.rule.looks_at == Sights(scopes=frozenset(), administration=True, accounts=True, settings=settings)
        assert item.rule.is_per_account


def test_another_file_is_another_digest() -> None:
    one, other = (read(RULE.replace("when: {}", f"when: {{field: username, is: {name}}}")) for name in ("a", "b"))
    rules = one.list_rules("mysql", EngineFindings())
    assert one.digest(rules) != other.digest(rules)
    assert one.digest(rules) == read(yaml.safe_dump(one.source)).digest(rules)


def test_no_file_and_an_empty_one_say_nothing() -> None:
    assert read("") == Rulebook()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "the file must be a mapping"),
        ("rule: []", "the file: 'rule' is none of options, rules"),
        ("rules: {}", "rules must be a list"),
        ("options: {superusers: chief}", "options.superusers must be a list of texts"),
        ("options: {superusers: [chief, '']}", "options.superusers must be a list of texts"),
        ("options: {superusers_at_most: -1}", "options.superusers_at_most must be a whole number"),
        ("options: {password_days: true}", "options.password_days must be a whole number"),
        ("options: {password_days: 1000001}", "options.password_days must be a whole number from 0 to 1,000,000"),
        ("options: {ignore: [ALL-99]}", "options.ignore: there is no rule 'ALL-99'"),
        ("rules: [x]", r"rules\[0\] must be a mapping"),
        (RULE.replace("OWN-1", "PG-1"), r"rules\[0\].id must be like OWN-1"),
        (RULE.replace("OWN-1", "own"), r"rules\[0\].id must be like OWN-1"),
        (GOOD.replace("id: OWN-1", "id: 1"), r"rules\[0\].id must be a text"),
        (GOOD.replace("Applications log in from one place", "' '"), r"rules\[0\].title must be a text"),
        (GOOD.replace("    title: Applications log in from one place\n", ""), r"rules\[0\].title must be a text"),
        (GOOD.replace("It was agreed.", "1"), r"rules\[0\].why must be a text"),
        (GOOD.replace("    when", "    engines: mysql\n    when"), r"rules\[0\].engines must be a list of texts"),
        (RULE.replace("high", "bad"), r"rules\[0\].severity must be one of critical, high, medium, low"),
        (RULE.replace("title", "titel"), r"rules\[0\]: 'titel' is none of id, title"),
        (RULE.replace("    when: {}", "    engines: [db2]"), r"rules\[0\].engines: 'db2' is none of"),
        (RULE.replace("    when: {}", ""), r"rules\[0\] has no condition: when"),
        (RULE, r"rules\[0\].when must have one of all, any, not, holds, field"),
        (RULE.replace("{}", "{all: []}"), r"rules\[0\].when.all must be a list of conditions"),
        (RULE.replace("{}", "{field: name, is: x}"), r"rules\[0\].when.field: 'name' is none of username"),
        (RULE.replace("{}", "{field: username}"), r"rules\[0\].when: a field has one test"),
        (RULE.replace("{}", "{field: username, matches: '('}"), r"when.matches must be a regular expression"),
        (RULE.replace("{}", "{field: username, above: x}"), r"rules\[0\].when.above must be a number"),
        (RULE.replace("{}", "{field: username, exists: 1}"), r"rules\[0\].when.exists must be true or false"),
        (RULE.replace("{}", "{holds: {table: x}}"), r"rules\[0\].when.holds: 'table' is none of privilege"),
        (RULE.replace("{}", "{holds: {object: 1}}"), r"rules\[0\].when.holds.object must be a text, or a list"),
        (RULE.replace("{}", "{not: {all: [{}]}}"), r"rules\[0\].when.not.all\[0\] must have one of"),
        (TWICE, "rules: OWN-1 stands twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_in_one_line_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as raised:
        read(text)
    assert "\n" not in str(raised.value)


def test_the_example_in_the_documentation_is_read() -> None:
    text = (Path(__file__).parents[3] / "docs" / "findings.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    every = [rule.id for adapter in ADAPTERS.values() for rule in adapter.findings.rules]
    rulebook = parse_rulebook(yaml.safe_load(example), ADAPTERS, every)
    assert [item.rule.id for item in rulebook.own] == ["OWN-1"]
    assert all(f"`{name}`" in text for name in (*JOINS, *HOLDS, *FIELDS))
    assert all(f"`{name}:" in text for name in TESTS)
