"""Links as a graph: identities, who is reached, and who may come to somebody."""

import pytest

from whalefall_pipeline.core.access.graph import ADDED, Graph, ListedLinks
from whalefall_pipeline.core.access.model import Link

ANA_HAS_A = Link("ana", "a", "member of a")
A_HAS_B = Link("a", "b", "member of b")
B_HAS_C = Link("b", "c", "member of c")
LINKS = (
    ANA_HAS_A,
    A_HAS_B,
    B_HAS_C,
    Link("ana", "own", "has by an attribute", own=True),
    Link("a", "role's own", "has by an attribute", own=True),
    Link("ana", "boss", "member of boss", "SET ROLE boss"),
    Link("a", "chief", "member of chief", "SET ROLE chief"),
    Link("boss", "top", "member of top"),
    Link("ana", "in hr", "member of in hr", database="hr"),
    Link("a", "in shop", "member of in shop", database="shop"),
)


def to_graph(*links: Link, database: str | None = "shop") -> Graph:
    return Graph(ListedLinks(links, ["ana", "a", "b", "c", "boss"]), database)


@pytest.mark.parametrize(
    ("root", "identity"),
    [
        ("ana", {"ana", "a", "b", "c", "own", "in shop"}),
        ("a", {"a", "b", "c", "role's own", "in shop"}),
        ("boss", {"boss", "top"}),
        ("nobody", {"nobody"}),
        (f"ana{ADDED}boss", {"ana", "boss", "top"}),
        (f"ana{ADDED}a", {"ana", "a", "b", "c", "in shop"}),
    ],
)
def test_an_identity_is_what_an_account_has_without_a_step(root: str, identity: set[str]) -> None:
    graph = to_graph(*LINKS)
    assert graph.find_identity(root) == identity
    for name in (*"abc", "own", "role's own", "boss", "chief", "top", "in hr", "in shop"):
        assert graph.has_any(root, frozenset({name, "somebody else"})) is (name in identity), name


def test_whom_an_account_may_come_to_is_found_by_steps_too() -> None:
    everywhere = {"ana", "a", "b", "c", "own", "role's own", "boss", "top", "chief", "in shop"}
    assert to_graph(*LINKS).find_reached("ana") == everywhere
    assert to_graph(*LINKS, database="hr").find_reached("ana") == everywhere - {"in shop"} | {"in hr"}
    assert to_graph(*LINKS, database=None).find_reached("ana") == everywhere | {"in hr"}
    assert to_graph(*LINKS).find_reached("boss") == {"boss", "top"}


def test_who_may_come_to_somebody_is_found_with_that_account() -> None:
    assert to_graph(*LINKS).find_reaching(["top", "chief"]) == {"top", "chief", "boss", "ana", "a"}
    assert to_graph(*LINKS).find_reaching([]) == set()


def test_links_come_in_one_order_those_without_a_step_first() -> None:
    links = (
        Link("ana", "b", "member"),
        Link("ana", "b", "member", database="shop"),
        Link("ana", "c", "has"),
        Link("ana", "c", "member"),
        Link("ana", "a", "member", "SET ROLE a"),
        Link("ana", "a", "member", "USE a"),
    )
    for given in (links, tuple(reversed(links))):
        assert to_graph(*given).list_links("ana") == list(links)


def test_what_links_lead_to_and_is_no_account_is_named() -> None:
    assert set(ListedLinks(LINKS, ["ana", "a", "b", "boss", "own"]).others) == {
        *("c", "role's own", "chief", "top", "in hr", "in shop")
    }


def test_a_cycle_of_links_ends() -> None:
    graph = to_graph(ANA_HAS_A, A_HAS_B, Link("b", "ana", "member of ana"))
    assert graph.find_identity("ana") == graph.find_reached("b") == graph.find_reaching(["a"]) == {"ana", "a", "b"}
