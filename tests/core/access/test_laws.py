"""Laws of verdicts and paths, whatever an engine finds."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.core.access.drawn import (
    NAMES,
    QUESTION,
    Drawn,
    any_drawn,
    drawn,
    find_all_sources,
    find_reached,
    judge,
)
from whalefall_pipeline.core.access.model import Answer, Link, Path, Source, Verdict
from whalefall_pipeline.core.access.walk import MAX_WAYS

RANKS = {Verdict.NO: 0, Verdict.AFTER_STEP: 1, Verdict.YES: 2}
names = st.sampled_from(NAMES)


def decide_all(case: Drawn, *, every_path: bool = False) -> dict[str, Answer]:
    decider = case.decider()
    return {name: decider.decide(name, QUESTION, every_path=every_path) for name in NAMES}


@given(any_drawn())
def test_verdicts_are_those_of_plain_fixed_points(case: Drawn) -> None:
    assert {name: answer.verdict for name, answer in decide_all(case).items()} == {
        name: judge(case, name) for name in NAMES
    }


@given(any_drawn())
def test_who_can_are_those_that_can_each(case: Drawn) -> None:
    each = {name: answer for name, answer in decide_all(case).items() if answer.paths}
    listed = case.decider().find_who_can(QUESTION)
    assert {answer.username: answer.verdict for answer in listed} == {
        name: answer.verdict for name, answer in each.items()
    }
    assert [RANKS[answer.verdict] for answer in listed] == sorted(
        (RANKS[each.verdict] for each in listed), reverse=True
    )
    assert all(to_costs(answer) == to_costs(each[answer.username]) for answer in listed)


def to_costs(answer: Answer) -> set[tuple[Source, int, int]]:
    return {(path.source, len(path.steps), len(path.links)) for path in answer.paths}


@given(any_drawn())
def test_who_is_able_can_now(case: Drawn) -> None:
    now = {name for name, answer in decide_all(case).items() if answer.verdict is Verdict.YES}
    assert case.decider().find_able(QUESTION) == now


@given(any_drawn())
def test_each_source_is_listed_once_by_a_shortest_path(case: Drawn) -> None:
    every = decide_all(case, every_path=True)
    for name, answer in decide_all(case).items():
        sources = [path.source for path in answer.paths]
        assert len(sources) == len(set(sources))
        assert set(sources) == find_all_sources(case, name)
        shortest: dict[Source, tuple[int, int]] = {}
        for path in every[name].paths:
            cost = (len(path.steps), len(path.links))
            shortest[path.source] = min(shortest.get(path.source, cost), cost)
        assert shortest == {path.source: (len(path.steps), len(path.links)) for path in answer.paths}


def test_who_comes_to_an_account_again_as_that_account_has_what_only_it_has() -> None:
    links = (Link("a", "b", "in b"), Link("b", "c", "in c"), Link("c", "b", "to b", "SET ROLE b"))
    own, others = Source("b", "of b alone", own=True), Source("b", "of all in b")
    answer = Drawn(links, (own, others)).decider().decide("a", QUESTION, every_path=True)
    assert [(path.source.words, len(path.links)) for path in answer.paths] == [("of all in b", 1), ("of b alone", 3)]


@given(any_drawn())
def test_every_path_is_real_and_comes_to_no_account_twice_alike(case: Drawn) -> None:
    for name, answer in decide_all(case, every_path=True).items():
        assert answer.complete
        assert len(set(answer.paths)) == len(answer.paths)
        for path in answer.paths:
            check_path(case, name, path)
        costs = [(len(path.steps), len(path.links)) for path in answer.paths]
        assert costs == sorted(costs)
        assert (answer.verdict is Verdict.YES) == bool(costs and costs[0][0] == 0)


def check_path(case: Drawn, username: str, path: Path) -> None:
    at, root = username, username
    passed = {(username, username)}
    for link in path.links:
        assert link in case.links
        assert link.database in ("", QUESTION.securable.database)
        assert link.member == at
        assert not link.own or at == root
        at, root = link.target, link.target if link.step else root
        assert (at, root) not in passed
        passed.add((at, root))
    assert path.source in case.sources
    assert path.source.holder == at
    assert not path.source.own or at == root
    assert (path.actor if path.links else username) == root


@given(any_drawn(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_found_does_not_matter(case: Drawn, random: Random) -> None:
    links, sources = list(case.links), list(case.sources)
    random.shuffle(links)
    random.shuffle(sources)
    other = replace(case, links=tuple(links), sources=tuple(sources))
    assert decide_all(other, every_path=True) == decide_all(case, every_path=True)
    assert other.decider().find_who_can(QUESTION) == case.decider().find_who_can(QUESTION)


@given(drawn(), names, names, st.sampled_from(("", "step")))
def test_another_link_or_source_never_takes_away(case: Drawn, member: str, target: str, step: str) -> None:
    before = decide_all(case)
    more = case.add(links=[Link(member, target, "new", step)] if member != target else [])
    for wider in (more, case.add(sources=[Source(target, "new", step)])):
        after = decide_all(wider)
        assert all(RANKS[after[name].verdict] >= RANKS[before[name].verdict] for name in NAMES)


@given(any_drawn())
def test_all_listed_sources_cut_and_all_but_one_do_not(case: Drawn) -> None:
    for name, answer in decide_all(case).items():
        listed = {path.source for path in answer.paths}
        left = replace(case, sources=tuple(source for source in case.sources if source not in listed))
        assert left.decider().decide(name, QUESTION).verdict is Verdict.NO
        for one in listed:
            kept = replace(left, sources=(*left.sources, one))
            assert kept.decider().decide(name, QUESTION).verdict is not Verdict.NO


@given(any_drawn())
def test_what_was_not_seen_is_never_a_no(case: Drawn) -> None:
    unseen = replace(case, unseen=("database:shop",))
    for name, answer in decide_all(unseen).items():
        assert answer.verdict is judge(unseen, name)
        assert answer.verdict is not Verdict.NO
        assert answer.unseen == ("database:shop",)


@given(any_drawn(), st.frozensets(names, max_size=2))
def test_of_who_comes_to_an_excluded_account_a_no_is_not_known(case: Drawn, excluded: frozenset[str]) -> None:
    case = replace(case, excluded=excluded)
    for name, answer in decide_all(case).items():
        assert answer.verdict is judge(case, name)
        if answer.verdict is Verdict.UNKNOWN:
            assert answer.unseen == tuple(f"account:{each}" for each in sorted(excluded & find_reached(case, name)))


def build_layers(depth: int) -> Drawn:
    """Make two ways at each of some layers, so as many as two to that power from the first to the last."""
    links = [
        Link(f"{layer}{side}", f"{layer + 1}{other}", f"to {layer + 1}{other}")
        for layer in range(depth)
        for side in "xy"
        for other in "xy"
    ]
    sources = (Source(f"{depth}x", "SELECT"), Source(f"{depth}y", "ALL"))
    return Drawn(tuple(links), sources, names=("0x",))


def test_a_bound_on_paths_is_told_and_leaves_each_source_its_shortest() -> None:
    few = build_layers(4).decider().decide("0x", QUESTION, every_path=True)
    assert few.complete
    assert len(few.paths) == 2**4
    many = build_layers(40).decider().decide("0x", QUESTION, every_path=True)
    assert not many.complete
    assert len(many.paths) == MAX_WAYS
    assert {path.source.words for path in many.paths} == {"SELECT", "ALL"}


def test_more_sources_than_are_listed_are_told() -> None:
    links = [Link("a", f"role {number}", "member") for number in range(MAX_WAYS + 1)]
    sources = [Source(link.target, "SELECT") for link in links]
    own = Source("a", "own SELECT", "a step")
    case = Drawn(tuple(links), (*sources, own))
    (answer,) = case.decider().find_who_can(QUESTION)
    assert (answer.complete, answer.verdict, len(answer.paths)) == (False, Verdict.YES, MAX_WAYS)
