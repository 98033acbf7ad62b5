"""Ways to dangers: the same walks, over the links of all databases."""

from dataclasses import replace

from hypothesis import given

from tests.core.access.drawn import NAMES, Drawn, DrawnAccess, drawn, find_all_sources, find_roots, list_links
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.access.model import Danger, Escalation, Escalations, Link
from whalefall_pipeline.core.model import Kind, Seen, Unseen

SUPERUSER = Danger("boss", "", 0, "superuser", "", own=True)
TO_BOSS = Link("dba", "boss", "member of boss", "SET ROLE boss")


def find(*links: Link, dangers: tuple[Danger, ...] = (SUPERUSER,)) -> Escalations:
    return Drawn(links, (), dangers=dangers, names=("ana", "boss", "dba")).escalations()


def test_a_step_to_a_superuser_is_told_and_a_superuser_is_not() -> None:
    found = find(TO_BOSS, Link("ana", "dba", "member of dba"))
    assert found.superusers == ("boss",)
    assert [(way.username, way.steps) for way in found.ways] == [
        ("dba", ("SET ROLE boss",)),
        ("ana", ("SET ROLE boss",)),
    ]
    assert str(found.ways[1]) == "member of dba, member of boss, superuser"


def test_the_worst_comes_first() -> None:
    mild = Danger("ana", "dba", 3, "may set its password", "ALTER USER dba")
    found = find(TO_BOSS, dangers=(mild, SUPERUSER))
    assert found.ways == (Escalation("dba", (TO_BOSS,), SUPERUSER), Escalation("ana", (), mild))


def test_nobody_takes_over_itself() -> None:
    assert find(dangers=(Danger("dba", "dba", 3, "may set its own password", "ALTER USER dba"),)).ways == ()


def test_a_way_holds_in_one_database() -> None:
    into_shop = Link("ana", "shop owners", "member of shop owners", database="shop")
    in_hr = Link("shop owners", "dba", "member of dba", database="hr")
    assert find(TO_BOSS, into_shop, in_hr).ways == (Escalation("dba", (TO_BOSS,), SUPERUSER),)
    in_shop = in_hr._replace(database="shop")
    assert {way.username for way in find(TO_BOSS, into_shop, in_shop).ways} == {"ana", "dba"}


def test_a_danger_of_one_database_is_not_reached_in_another() -> None:
    link = Link("ana", "boss", "member of boss", database="shop")
    danger = Danger("boss", "", 1, "owns a function of a superuser's trigger", "replace it", database="hr")
    assert [way.username for way in find(link, dangers=(danger,)).ways] == ["boss"]
    assert [way.username for way in find(link, dangers=(danger._replace(database="shop"),)).ways] == ["boss", "ana"]


@given(drawn())
def test_dangers_are_reached_as_sources_are(case: Drawn) -> None:
    links = tuple(list_links(case))
    dangers = tuple(Danger(end.holder, "", 1, end.words, "takes over", own=end.own) for end in case.sources)
    here = Drawn(links, case.sources, dangers=dangers)
    reached = {(way.username, way.danger.words) for way in here.escalations().ways}
    assert reached == {(name, end.words) for name in NAMES for end in find_all_sources(here, name)}
    assert all(way.username in find_roots(here, way.username) for way in here.escalations().ways)


def test_what_is_excluded_is_not_seen_whatever_the_engine_needs() -> None:
    found = Drawn((), (), unseen=("account:bob", "server"), excluded=frozenset({"bob", "ana"})).escalations()
    assert found.unseen == ("account:bob", "server", "account:ana")


def test_what_is_hidden_from_the_login_is_unseen_only_where_the_engine_says_so() -> None:
    case = Drawn((), (), unseen=("server",))
    statuses = {"database:hr": Seen.DENIED, "database:shop": Seen.EXCLUDED}
    unseen = {scope: Unseen(scope, status, "why", None) for scope, status in statuses.items()}
    found = find_escalations(DrawnAccess(case), replace(case.population(), unseen=unseen))
    assert found.unseen == ("server", "database:shop")


def test_ways_that_are_alike_are_in_the_order_of_their_accounts_and_then_of_their_words() -> None:
    to_zoe, to_ada = Danger("ana", "zoe", 3, "alters zoe", "ALTER"), Danger("ana", "ada", 3, "may alter ada", "ALTER")
    of_boss = to_zoe._replace(holder="boss")
    found = find(dangers=(of_boss, to_ada, to_zoe))
    assert [(way.username, way.danger) for way in found.ways] == [("ana", to_zoe), ("ana", to_ada), ("boss", of_boss)]


def test_the_engines_own_roles_go_no_way_and_are_no_superusers() -> None:
    case = Drawn(
        (TO_BOSS,), (), dangers=(SUPERUSER,), names=(), kinds={"boss": Kind.PREDEFINED, "dba": Kind.PREDEFINED}
    )
    assert case.escalations() == Escalations((), ())
    with_user = replace(case, kinds={"boss": Kind.PREDEFINED, "dba": Kind.USER})
    assert [way.username for way in with_user.escalations().ways] == ["dba"]


def test_what_is_a_part_of_an_account_takes_nothing_from_it() -> None:
    part = Danger("shop/dba", "dbo", 3, "may alter dba's user", "ALTER", of="ana")
    link = Link("ana", "shop/dba", "is dba in shop")
    assert [way.username for way in find(link, link._replace(member="boss"), dangers=(part,)).ways] == ["boss"]
