"""What of a rule's answer opens, stays and closes; and what is unknown."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.core.findings.worlds import DENIED, NOW, OBSERVED, FinerRules
from tests.core.strategies import RULES as ENGINE
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.access.danger_summary import Takings
from whalefall_pipeline.core.findings import everywhere
from whalefall_pipeline.core.findings.evaluate import (
    ANY_DATABASE,
    compare_findings,
    digest_rules,
    evaluate,
    find_unseen,
    list_places,
    put_in_order,
    to_held,
    to_outcome,
)
from whalefall_pipeline.core.findings.model import (
    EngineFindings,
    Hit,
    Options,
    Outcome,
    PerAccount,
    Rule,
    Severity,
    Sights,
)
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import Account, AccountState, Coverage, Held, Kind, Observation, Securable, Seen

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


def test_what_a_rule_finds_twice_is_one_finding_and_of_another_rule_another() -> None:
    hits = Hit("ana", "x", "one"), Hit("bob", "x"), Hit("ana", "x", "other"), Hit("ana")
    evaluation = evaluate([to_rule(*hits), to_rule(*hits[:1], name="T-2")], to_world())
    found = [finding[:3] for finding in evaluation.found]
    assert found == [("T-1", "ana", "x"), ("T-1", "bob", "x"), ("T-1", "ana", ""), ("T-2", "ana", "x")]
    assert evaluation.found[0].message == "other"
    assert list(evaluation.findings.values()) == evaluation.found


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


def test_parts_of_a_catalog_and_who_could_become_more_are_looked_at_where_a_rule_asks() -> None:
    profiles = Sights(parts=frozenset({"server/profiles"}))
    assert _list_unseen(profiles, {"server": OBSERVED, "server/profiles": DENIED}) == ["server/profiles"]
    assert _list_unseen(profiles, {"server": DENIED}) == ["server/profiles"]
    assert _list_unseen(profiles, {"server": OBSERVED, "server/other": DENIED}) == []
    assert _list_unseen(profiles, {"server": OBSERVED, "server/profiles": Observation(Seen.EXCLUDED, "no")}) == []
    ways = to_rule(sights=Sights(dangers=True))
    assert [*find_unseen(ways, to_world())] == ["ways"]
    assert not find_unseen(ways, replace(to_world(), takings=Takings()))


def test_an_unknown_rule_says_what_was_not_seen_and_why() -> None:
    rule = to_rule(sights=Sights(scopes=frozenset({"table"}), settings=True))
    world = to_world({"server": OBSERVED, "database:hr": DENIED}, seen=False)
    (finding,) = evaluate([rule], world).findings.values()
    assert finding.message == "not observed: database:hr, instance"
    reasons = {"database:hr": "no CONNECT", "instance": "what the instance is set to was never seen"}
    assert finding.detail == {"unseen": reasons}


def test_what_is_excluded_is_not_missed() -> None:
    coverage = {"server": OBSERVED, "database:hr": Observation(Seen.EXCLUDED, "nobody may")}
    assert _list_unseen(Sights(scopes=None), coverage) == []


def test_the_places_of_a_scope_are_those_of_every_database_and_of_one_that_is_not_listed() -> None:
    coverage: Coverage = {"server": OBSERVED, "server/profiles": OBSERVED, "database:hr": OBSERVED}
    coverage = {**coverage, "database:shop/object_privileges": DENIED}
    unlisted = f"database:{ANY_DATABASE}"
    assert list_places("table", coverage, ENGINE) == [unlisted, "database:hr", "database:shop", "server"]
    assert list_places("role", coverage, ENGINE) == ["server"]
    assert list_places("table", {"database:hr/2025": OBSERVED}, ENGINE) == [unlisted, "database:hr/2025", "server"]


def test_a_part_that_is_not_listed_is_named_by_the_whole_that_spoke_for_it() -> None:
    world = replace(to_world(), rules=FinerRules())
    tables = to_rule(sights=Sights(scopes=frozenset({"table"})))

    def find(coverage: Coverage) -> dict[str, str]:
        return find_unseen(tables, replace(world, coverage=coverage))

    assert find({"server": OBSERVED, "database:hr": DENIED}) == {"database:hr": "no CONNECT"}
    part = "database:hr/object_privileges"
    assert find({"server": OBSERVED, part: DENIED}) == {part: "no CONNECT"}
    assert find({"server": OBSERVED, "databases": DENIED, "database:hr": OBSERVED}) == {"databases": "no CONNECT"}
    assert find({"server": DENIED, "database:hr": OBSERVED}) == {"server": "no CONNECT"}


def test_rules_that_find_accounts_one_by_one_are_asked_about_some_alone_and_others_about_all() -> None:
    def find(world: World) -> Iterator[Hit]:
        return (Hit(state.account.username) for state in world.accounts)

    one_by_one = replace(to_rule(name="T-1"), find=PerAccount(find))
    whole = replace(to_rule(name="T-2"), find=find)
    world = to_world(states=[AccountState(Account(name, Kind.USER)) for name in ("ana", "bob")])
    found = evaluate([one_by_one, whole], world, only={"bob"}).findings
    assert [key[:2] for key in found] == [("T-1", "bob"), ("T-2", "ana"), ("T-2", "bob")]
    assert [key[:2] for key in evaluate([one_by_one], world).findings] == [("T-1", "ana"), ("T-1", "bob")]


def test_a_rule_is_clear_whatever_other_rules_found() -> None:
    rule, other = to_rule(name="T-1"), to_rule(Hit("ana"), name="T-2")
    unknown = to_rule(name="T-3", sights=Sights(dangers=True))
    findings = evaluate([rule, other, unknown], to_world()).findings
    outcomes = [to_outcome(each, findings) for each in (rule, other, unknown)]
    assert outcomes == [Outcome.CLEAR, Outcome.FOUND, Outcome.UNKNOWN]


def test_a_finding_names_a_privilege_without_the_levels_that_it_has_not() -> None:
    held = Held("CONNECT", Securable("database", "shop"), effect="deny")
    (finding,) = evaluate([to_rule(Hit("ana", held=(held,)))], to_world()).findings.values()
    named = {"privilege": "CONNECT", "scope": "database", "database": "shop", "grant_option": False, "effect": "deny"}
    assert finding.detail == {"held": [named], "count": 1}
    assert to_held(named) == held


def test_findings_are_put_in_order_the_worst_first_then_by_what_they_are_known_by() -> None:
    rules = [
        replace(to_rule(Hit("bob"), Hit("ana"), name=name), severity=Severity(severity))
        for name, severity in (("T-3", "low"), ("T-2", "critical"), ("T-1", "low"))
    ]
    found = put_in_order(evaluate(rules, to_world()).findings.values())
    names = [(finding.rule_id, finding.account) for finding in found]
    assert names == [(rule, account) for rule in ("T-2", "T-1", "T-3") for account in ("ana", "bob")]


def test_findings_are_made_by_rules_options_and_rules_of_ones_own() -> None:
    rule = to_rule()
    digests = {
        digest_rules([rule], Options()),
        digest_rules([], Options()),
        digest_rules([rule, rule], Options()),
        *(digest_rules([each], Options()) for each in (replace(rule, id="T-2"), replace(rule, title="other"))),
        digest_rules([replace(rule, severity=Severity.HIGH)], Options()),
        digest_rules([rule], Options(superusers_at_most=4)),
        digest_rules([rule], Options(password_days=4)),
        digest_rules([rule], Options(superusers=frozenset({"ana"}))),
        digest_rules([rule], Options(), {"rules": []}),
    }
    assert len(digests) == 10
    people = frozenset({"ana", "bob", "eve"})
    assert digest_rules([rule], Options(superusers=people)) == digest_rules(
        [rule], Options(superusers=frozenset(sorted(people)))
    )


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
    changes, other = compare_findings(old, list(new.values()))
    opened = {finding.key: finding for finding in changes.opened}
    closed = {finding.key for finding in changes.closed}
    assert closed <= old.keys()
    assert not opened.keys() & old.keys()
    kept = {key: finding for key, finding in old.items() if key not in closed}
    assert {**kept, **opened, **{finding.key: finding for finding in other}} == new
    assert not compare_findings(new, list(new.values()))[0]
    assert compare_findings(new, list(new.values()))[1] == []


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
