"""What of a rule's answer opens, stays and closes; and what is unknown."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import RULES as ENGINE
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.findings import everywhere
from whalefall_pipeline.core.findings.evaluate import compare_findings, evaluate, find_unseen, to_held, to_outcome
from whalefall_pipeline.core.findings.model import EngineFindings, Hit, Outcome, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import Account, AccountState, Coverage, Held, Kind, Observation, Securable, Seen

NOW = datetime(2026, 11, 26, tzinfo=UTC)
OBSERVED, DENIED = Observation(Seen.OBSERVED), Observation(Seen.DENIED, "no CONNECT")
EVERY = [*everywhere.RULES, *(rule for adapter in ADAPTERS.values() for rule in adapter.findings.rules)]


def to_rule(*hits: Hit, sights: Sights | None = None, name: str = "T-1") -> Rule:
    def find(_world: World) -> Iterable[Hit]:
        return hits

    return Rule(
        id=name, title="a test", severity=Severity.LOW, why="", remedy="", find=find, looks_at=sights or Sights()
    )


def to_world(coverage: Coverage | None = None, *, states: Sequence[AccountState] = (), seen: bool = True) -> World:
    return World(
        rules=ENGINE,
        states={state.account.username: state for state in states},
        now=NOW,
        coverage=coverage or {"server": OBSERVED},
        attributes={} if seen else None,
        engine=EngineFindings(administration=frozenset({"role"})),
    )


def test_a_hit_that_is_to_come_is_none_yet_and_says_when_it_is_due() -> None:
    soon, later = NOW + timedelta(days=1), NOW + timedelta(days=2)
    rule = to_rule(Hit("ana", since=later), Hit("bob", since=soon), Hit("eve", since=NOW))
    found = evaluate([rule], to_world())
    assert [key.account for key in found.findings] == ["eve"]
    assert found.due_at == soon


def test_what_is_found_is_found_whatever_else_is_unknown() -> None:
    rule = to_rule(Hit("ana"), sights=Sights(scopes=frozenset({"table"})))
    found = evaluate([rule], to_world({"server": OBSERVED, "database:hr": DENIED}))
    assert {key.outcome for key in found.findings} == {Outcome.FOUND, Outcome.UNKNOWN}
    assert to_outcome(rule, found.findings) is Outcome.FOUND


def _list_unseen(sights: Sights, coverage: Coverage, *, seen: bool = True) -> list[str]:
    return sorted(find_unseen(to_rule(sights=sights), to_world(coverage, seen=seen)))


def test_a_rule_is_unknown_by_what_it_looks_at_and_by_nothing_else() -> None:
    coverage = {"server": OBSERVED, "database:hr": DENIED}
    assert _list_unseen(Sights(scopes=frozenset({"table"})), coverage) == ["database:hr"]
    assert _list_unseen(Sights(scopes=frozenset({"server", "role"})), coverage) == []
    assert _list_unseen(Sights(scopes=None), coverage) == ["database:hr"]
    assert _list_unseen(Sights(scopes=frozenset({"scope of another engine"})), coverage) == []
    assert _list_unseen(Sights(administration=True), {"server": DENIED}) == ["server"]


def test_databases_that_nobody_lists_may_hide_something() -> None:
    coverage = {"server": OBSERVED, "databases": DENIED, "database:shop": OBSERVED}
    assert _list_unseen(Sights(scopes=frozenset({"table"})), coverage) == ["databases"]


def test_settings_that_were_never_seen_and_attributes_that_are_hidden_are_unknown() -> None:
    assert _list_unseen(Sights(settings=True), {"server": OBSERVED}, seen=False) == ["instance"]
    assert _list_unseen(Sights(settings=True), {"server": OBSERVED}) == []
    hidden = AccountState(Account("ana", Kind.USER, unseen=frozenset({"plugin"})))
    rule = to_rule(sights=Sights(accounts=True))
    assert sorted(find_unseen(rule, to_world(states=[hidden]))) == ["attribute plugin"]


def test_what_a_finding_names_can_be_read_back() -> None:
    held = Held("SELECT", Securable("column", "shop", "public", "orders", "id"), grant_option=True)
    (finding,) = evaluate([to_rule(Hit("ana", held=(held,) * 60))], to_world()).findings.values()
    listed = finding.detail["held"]
    assert isinstance(listed, list)
    assert (len(listed), finding.detail["count"]) == (50, 60)
    first = listed[0]
    assert isinstance(first, dict)
    assert to_held(first) == held


def _draw_hits() -> st.SearchStrategy[list[Hit]]:
    parts = st.tuples(st.sampled_from("abc"), st.sampled_from(("", "x")), st.sampled_from(("one", "other")))
    hits = parts.map(lambda drawn: Hit(*drawn))
    return st.lists(hits, max_size=6, unique_by=lambda hit: hit[:2])


@given(_draw_hits(), _draw_hits())
def test_what_opened_and_closed_leads_from_one_evaluation_to_the_other(before: list[Hit], after: list[Hit]) -> None:
    old = evaluate([to_rule(*before)], to_world()).findings
    new = evaluate([to_rule(*after)], to_world()).findings
    changes, other = compare_findings(old, new)
    opened = {finding.key: finding for finding in changes.opened}
    closed = {finding.key for finding in changes.closed}
    assert closed <= old.keys()
    assert not opened.keys() & old.keys()
    kept = {key: finding for key, finding in old.items() if key not in closed}
    assert {**kept, **opened, **{finding.key: finding for finding in other}} == new
    assert not compare_findings(new, new)[0]
    assert compare_findings(new, new)[1] == []


def test_ids_are_unique_and_every_rule_says_all_that_it_should() -> None:
    assert len({rule.id for rule in EVERY}) == len(EVERY)
    assert len(EVERY) >= 60
    for rule in EVERY:
        texts = (rule.title, rule.why, rule.remedy)
        assert all(text and text == text.strip() and "\n" not in text for text in texts), rule.id
        assert rule.title[-1] != "."


def test_rules_of_an_engine_name_scopes_that_it_has() -> None:
    def list_wrong() -> Iterator[tuple[str, str]]:
        for adapter in ADAPTERS.values():
            for rule in adapter.findings.rules:
                for scope in (rule.looks_at.scopes or frozenset()) - adapter.rules.categories.keys():
                    yield rule.id, scope
            yield from (
                ("administration", name) for name in adapter.findings.administration - adapter.rules.categories.keys()
            )

    assert list(list_wrong()) == []
