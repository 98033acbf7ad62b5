"""The rules of all engines: whom each finds, whom it leaves out, and what it must have seen."""

import pytest

from tests.core.findings.worlds import (
    DENIED,
    ITEMS,
    OBSERVED,
    ORDERS,
    STAFF,
    FinerRules,
    account,
    find,
    given,
    member_of,
    to_world,
)
from whalefall_pipeline.core.access.danger_summary import Taking, Takings
from whalefall_pipeline.core.findings.evaluate import find_unseen
from whalefall_pipeline.core.findings.everywhere import RULES
from whalefall_pipeline.core.findings.model import EngineFindings, Mend, Options
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import Account, AccountState, Held, Kind, Securable

BY_ID = {rule.id: rule for rule in RULES}
BOSS = account("boss", SUPERUSER="is root;may do all")
PEOPLE = (
    BOSS,
    account("admin", GRANT_ADMIN="may grant;owns roles"),
    account("chief", SUPERUSER="is root", GRANT_ADMIN="is root"),
    account("locked", SUPERUSER="is root", LOCKED="is locked;has expired"),
    account("gone", GRANT_ADMIN="may grant", LOCKED="is locked"),
    account("harmless", LOCKED="is locked"),
    account("nologin", SUPERUSER="is root", GRANT_ADMIN="is root", LOCKED="x", NO_LOGIN="none"),
    given("given", SUPERUSER="is root", GRANT_ADMIN="is root", LOCKED="x"),
    account("role", kind=Kind.ROLE, SUPERUSER="is root", GRANT_ADMIN="is root", LOCKED="x"),
    account("group", kind=Kind.GROUP, SUPERUSER="is root", NO_LOGIN="is a group"),
    account("ana"),
)


def find_all(
    name: str, *states: AccountState, superusers: tuple[str, ...] = (), most: int = 3
) -> list[tuple[str, ...]]:
    options = Options(superusers=frozenset(superusers), superusers_at_most=most)
    return list(find(BY_ID[name].find, to_world(*states, options=options)))


def test_superusers_that_are_not_on_the_list() -> None:
    assert find_all("ALL-01", *PEOPLE, superusers=("chief",)) == [
        ("boss", "", "boss: superuser: is root; may do all"),
        ("locked", "", "locked: superuser: is root"),
        ("group", "", "group: superuser: is root"),
    ]


def test_more_superusers_than_are_allowed() -> None:
    message = "4 accounts are superusers, and at most 3 may be"
    assert find_all("ALL-02", *PEOPLE, superusers=("chief",)) == [("", "", message)]
    assert find_all("ALL-02", *PEOPLE, most=4) == []


def test_accounts_that_manage_the_rights_of_others() -> None:
    assert find_all("ALL-03", *PEOPLE) == [
        ("admin", "", "admin: may grant to others: may grant; owns roles"),
        ("gone", "", "gone: may grant to others: may grant"),
    ]


def test_accounts_that_are_locked_and_keep_their_powers() -> None:
    both = account("both", SUPERUSER="x", GRANT_ADMIN="x", LOCKED="is locked")
    assert find_all("ALL-04", *PEOPLE, both) == [
        ("locked", "", "locked: can't log in (is locked; has expired), and keeps SUPERUSER"),
        ("gone", "", "gone: can't log in (is locked), and keeps GRANT_ADMIN"),
        ("both", "", "both: can't log in (is locked), and keeps SUPERUSER and GRANT_ADMIN"),
    ]


def test_privileges_with_the_option_to_pass_them_on() -> None:
    ana = account(
        "ana",
        Held("SELECT", ORDERS, grant_option=True),
        Held("INSERT", ORDERS, grant_option=True),
        Held("SELECT", STAFF, grant_option=True),
        Held("DELETE", ORDERS, grant_option=True, effect="deny"),
        Held("UPDATE", ITEMS),
        *member_of("readers", admin=True),
    )
    bob = account("bob", Held("UPDATE", ITEMS), *member_of("readers", admin=True))
    boss = account("boss", Held("SELECT", ORDERS, grant_option=True), SUPERUSER="is root")
    assert find_all("ALL-05", ana, bob, boss) == [
        ("ana", "hr", "ana holds SELECT WITH GRANT OPTION on table hr.public.staff"),
        (
            "ana",
            "shop",
            "ana holds INSERT WITH GRANT OPTION on table shop.public.orders, SELECT WITH GRANT OPTION on table"
            " shop.public.orders",
        ),
    ]


def test_roles_with_the_option_to_give_them_to_others() -> None:
    role = Securable("role", object="writers")
    ana = account("ana", *member_of("readers", admin=True), *member_of("plain"), Held("SET", role, grant_option=True))
    bob = account("bob", *member_of("owners", database="shop", admin=True), Held("SELECT", ORDERS, grant_option=True))
    assert find_all("ALL-06", ana, bob) == [
        ("ana", "readers", "ana holds MEMBER WITH ADMIN OPTION on role readers"),
        ("bob", "owners", "bob holds MEMBER WITH ADMIN OPTION on database_role shop.owners"),
    ]


def test_roles_that_everybody_is_a_member_of() -> None:
    everybody, ana = (
        account(name, *member_of("readers"), kind=kind) for name, kind in (("PUBLIC", Kind.PUBLIC), ("ana", Kind.USER))
    )
    assert find_all("ALL-07", everybody, ana) == [("PUBLIC", "readers", "PUBLIC is a member of readers")]


def test_grants_to_accounts_that_do_not_exist() -> None:
    strangers = {"zoe": [Held("SELECT", ORDERS), Held("INSERT", ORDERS)], "eve": [Held("SELECT", STAFF)]}
    assert find(BY_ID["ALL-08"].find, to_world(strangers=strangers)) == [
        ("eve", "", "eve, which is no account, holds SELECT on table hr.public.staff"),
        ("zoe", "", f"zoe, which is no account, holds INSERT on {ORDERS}, SELECT on {ORDERS}"),
    ]


def test_everybody_is_an_administrator() -> None:
    states = (
        account("a", kind=Kind.PUBLIC, SUPERUSER="x"),
        account("b", kind=Kind.PUBLIC, GRANT_ADMIN="x"),
        account("c", kind=Kind.PUBLIC, SUPERUSER="x", GRANT_ADMIN="x"),
        account("d", kind=Kind.PUBLIC),
    )
    assert find_all("ALL-09", *states, BOSS) == [
        ("a", "", "a: everybody has SUPERUSER"),
        ("b", "", "b: everybody has GRANT_ADMIN"),
        ("c", "", "c: everybody has SUPERUSER and GRANT_ADMIN"),
    ]


def to_world_of_takings(takings: Takings | None) -> World:
    states = (account("ana"), account("bob"), account("named"), given("given"), BOSS)
    return to_world(*states, takings=takings, options=Options(superusers=frozenset({"named"})))


NAMES = ("bob", "ana", "named", "given", "boss", "no account")


def test_accounts_that_could_become_superusers() -> None:
    takings = Takings([Taking(name, "may load code") for name in NAMES], more_superusers=7)
    world = to_world_of_takings(takings)
    assert find(BY_ID["ALL-10"].find, world) == [
        ("bob", "", "bob could become a superuser: may load code"),
        ("ana", "", "ana could become a superuser: may load code"),
        ("", "", "7 more accounts could become a superuser"),
    ]
    assert find(BY_ID["ALL-11"].find, world) == []


def test_accounts_that_could_take_over_others() -> None:
    takers = [Taking(name, "may set passwords", ["eve", "zoe"], 2) for name in NAMES[1:]]
    takings = Takings([], [Taking("bob", "may set passwords", ["a", "b", "c"], 5), *takers], more_takers=7)
    world = to_world_of_takings(takings)
    assert find(BY_ID["ALL-11"].find, world) == [
        ("bob", "", "bob could take over a, b, c and 2 more: may set passwords"),
        ("ana", "", "ana could take over eve, zoe: may set passwords"),
        ("named", "", "named could take over eve, zoe: may set passwords"),
        ("", "", "7 more accounts could take over others"),
    ]
    assert find(BY_ID["ALL-10"].find, world) == []


@pytest.mark.parametrize("name", ["ALL-10", "ALL-11"])
def test_where_nobody_knows_who_could_become_more_nothing_is_found(name: str) -> None:
    assert find(BY_ID[name].find, to_world_of_takings(None)) == []


TAKERS = {"ALL-10", "ALL-11"}
OF_ALL_GRANTS = {"ALL-05", "ALL-08", *TAKERS}
OF_ROLES = {"ALL-06", "ALL-07"}


def list_unknown(world: World) -> set[str]:
    return {rule.id for rule in RULES if find_unseen(rule, world)}


def test_each_rule_is_unknown_where_what_it_looks_at_was_not_seen() -> None:
    engine = EngineFindings(administration=frozenset({"server"}))
    seen = to_world(takings=Takings(), engine=engine, rules=FinerRules())
    assert list_unknown(seen) == set()
    parts = {"server": OBSERVED, "database:hr": OBSERVED}

    def hide(*states: AccountState, **given: object) -> set[str]:
        known = {"takings": Takings(), "engine": engine, "rules": FinerRules(), **given}
        return list_unknown(to_world(*states, **known))

    assert hide(AccountState(Account("ana", Kind.USER, unseen=frozenset({"plugin"})))) == BY_ID.keys()
    assert hide(takings=None) == TAKERS
    assert hide(attributes=None) == TAKERS
    assert hide(coverage={**parts, "database:hr/object_privileges": DENIED}) == OF_ALL_GRANTS
    assert hide(coverage={**parts, "database:hr/roles": DENIED}) == OF_ALL_GRANTS | OF_ROLES
    administration = EngineFindings(administration=frozenset({"table"}))
    hidden_table = {**parts, "database:hr/object_privileges": DENIED}
    assert hide(coverage=hidden_table, engine=administration) == BY_ID.keys() - {"ALL-07"}


def test_rules_that_count_or_look_at_strangers_and_ways_are_asked_about_the_whole_instance() -> None:
    assert {rule.id for rule in RULES if not rule.is_per_account} == {"ALL-02", "ALL-08", *TAKERS}
    assert [rule.id for rule in RULES if rule.of_superusers] == ["ALL-02"]


def test_what_is_held_can_be_mended() -> None:
    mends = {rule.id: rule.mend for rule in RULES if rule.mend is not Mend.NONE}
    assert mends == {"ALL-05": Mend.WITHOUT_OPTION, "ALL-06": Mend.WITHOUT_OPTION, "ALL-07": Mend.REVOKE}
