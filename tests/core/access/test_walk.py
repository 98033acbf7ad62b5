"""Ways over links: which of those that are alike is listed, and what a bound on their number leaves."""

from collections.abc import Iterable, Sequence

import pytest

from whalefall_pipeline.core.access import walk as walk_module
from whalefall_pipeline.core.access.graph import Graph, ListedLinks
from whalefall_pipeline.core.access.model import Link, Source
from whalefall_pipeline.core.access.walk import MAX_WAYS, Walk, Way

A, B = Link("ana", "a", "member of a"), Link("ana", "b", "member of b")
A_C, B_C = Link("a", "c", "member of c"), Link("b", "c", "member of c")
OF_C = Source("c", "SELECT")


def walk(links: Iterable[Link], ends: Sequence[Source]) -> Walk[Source]:
    return Walk(Graph(ListedLinks(links, []), "shop"), ends)


def test_of_ways_that_are_alike_the_first_by_name_is_listed() -> None:
    for links in ((A, B, A_C, B_C), (B_C, A_C, B, A)):
        assert walk(links, [OF_C]).find_ways("ana") == [Way(0, (A, A_C), OF_C)]
    further = [Link("zoe", "ana", "member of ana"), A, B, A_C, B_C]
    assert [way.links[1:] for way in walk(further, [OF_C]).find_ways("zoe")] == [(A, A_C)]


def test_a_longer_way_without_a_step_comes_before_a_shorter_one_with_a_step() -> None:
    step = Link("ana", "c", "member of c", "SET ROLE c")
    found = walk([step, A, A_C], [OF_C])
    assert found.find_ways("ana") == [Way(0, (A, A_C), OF_C)]
    assert found.find_all_ways("ana") == ([Way(0, (A, A_C), OF_C), Way(1, (step,), OF_C)], True)


def test_the_first_way_is_what_an_account_has_itself_unless_that_takes_a_step() -> None:
    own, after_step = Source("ana", "own"), Source("ana", "an owner's", "grant it")
    assert walk([A, A_C], [after_step, own, OF_C]).find_first("ana") == [Way(0, (), own)]
    assert walk([A, A_C], [after_step, OF_C]).find_first("ana") == [Way(0, (A, A_C), OF_C)]
    assert walk([A, A_C], [after_step]).find_first("ana") == [Way(1, (), after_step)]
    assert walk([A, A_C], [OF_C]).find_first("b") == []


def test_what_only_its_holder_has_counts_after_a_step_and_not_through_a_membership() -> None:
    only = Source("boss", "all", own=True)
    step = Link("ana", "boss", "member of boss", "SET ROLE boss")
    assert walk([step], [only]).find_ways("ana") == [Way(1, (step,), only)]
    assert walk([step._replace(adds=True)], [only]).find_ways("ana") == [Way(1, (step._replace(adds=True),), only)]
    assert walk([step._replace(step="")], [only]).find_ways("ana") == []
    through = Link("ana", "a", "member of a")
    assert walk([through, step._replace(member="a", own=True)], [only]).find_ways("ana") == []


@pytest.mark.parametrize("prefix", [(), (Link("zoe", "ana", "member of ana"),)])
def test_the_shortest_are_listed_where_there_are_more_than_are_listed(prefix: tuple[Link, ...]) -> None:
    near = [Source("ana", f"near {number:03}") for number in range(MAX_WAYS - 1)]
    far = [Source("c", f"far {number:03}") for number in range(3)]
    found = walk([*prefix, A, A_C], [*far, *near])
    start = prefix[0].member if prefix else "ana"
    ways = [Way(0, prefix, end) for end in near] + [Way(0, (*prefix, A, A_C), far[0])]
    assert found.find_ways(start) == ways
    assert found.find_all_ways(start) == (ways, False)


def test_each_end_keeps_its_shortest_way_where_not_all_simple_ways_are_listed() -> None:
    between = [Link("ana", f"m{number:03}", "member") for number in range(MAX_WAYS + 5)]
    onward = [Link(link.target, "c", "member") for link in between]
    further = Link("c", "d", "member of d")
    ends = [OF_C, Source("d", "ALL")]
    found = walk([*between, *onward, further], ends)
    ways, is_complete = found.find_all_ways("ana")
    assert (len(ways), is_complete) == (MAX_WAYS, False)
    assert len({(way.links, way.end) for way in ways}) == MAX_WAYS
    assert [way.end for way in ways].count(ends[1]) == 1
    assert ways == sorted(ways, key=lambda way: (way.steps, len(way.links)))
    assert set(found.find_ways("ana")) <= set(ways)


def test_no_more_ways_are_listed_than_there_may_be_however_many_more_were_found() -> None:
    far = [Source("d", f"source {number:03}") for number in range(MAX_WAYS)]
    found = walk([A, B, A_C, B_C, Link("c", "d", "member of d")], [OF_C, *far])
    ways, is_complete = found.find_all_ways("ana")
    assert (ways, is_complete) == (found.find_ways("ana"), False)
    assert len(ways) == MAX_WAYS


def test_where_looking_further_would_take_too_long_each_end_keeps_its_shortest_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walk_module, "MAX_LOOKS", 4)
    further = Link("c", "d", "member of d")
    found = walk([A, B, A_C, B_C, further], [OF_C, Source("d", "ALL")])
    ways, is_complete = found.find_all_ways("ana")
    assert not is_complete
    assert ways == found.find_ways("ana")
    monkeypatch.undo()
    assert len(found.find_all_ways("ana")[0]) == 4


def test_an_end_in_one_database_is_reached_by_links_of_that_database_or_of_all() -> None:
    shop, hr = Link("ana", "a", "member", database="shop"), Link("a", "c", "member", database="hr")
    every = Walk(Graph(ListedLinks([shop, hr], [])), [OF_C])
    assert every.find_ways("ana") == []
    assert [way.end for way in every.find_ways("a")] == [OF_C]
    same = Walk(Graph(ListedLinks([shop, hr._replace(database="shop")], [])), [OF_C])
    assert [way.end for way in same.find_ways("ana")] == [OF_C]
