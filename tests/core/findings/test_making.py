"""What rules are made of: who holds something, who is a member, what an account is, and what is set."""

import pytest
from hypothesis import given as given_drawn
from hypothesis import strategies as st

from tests.core.findings.worlds import ITEMS, ORDERS, SERVER, STAFF, account, find, given, member_of, to_world
from tests.core.test_roles import NAMES, to_states
from tests.core.test_roles import edges as drawn_memberships
from whalefall_pipeline.core.findings.making import (
    find_accounts,
    find_held,
    find_members,
    find_privileges,
    find_setting,
    list_held,
    to_everybody,
    to_path,
    to_whole_account,
    to_words,
    to_words_on,
)
from whalefall_pipeline.core.findings.model import PerAccount
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import AccountState, Held, Json, Kind, Securable
from whalefall_pipeline.core.roles import reach_roles

SELECTS = (Held("SELECT", ORDERS), Held("SELECT", ITEMS), Held("SELECT", STAFF))


def is_select(item: Held) -> bool:
    return item.privilege == "SELECT"


@pytest.mark.parametrize("others", [0, 30])
def test_what_is_held_is_found_once_for_each_database_or_what_else_it_is_grouped_by(others: int) -> None:
    world = to_world(account("ana", *SELECTS, Held("INSERT", ORDERS)), *(account(f"x{n}") for n in range(others)))
    scopes = {"table"}
    staff, items, orders = (f"SELECT on {securable}" for securable in (STAFF, ITEMS, ORDERS))
    by_database = find_held(scopes, is_select)
    assert find(by_database, world) == [
        ("ana", "hr", f"ana holds {staff}"),
        ("ana", "shop", f"ana holds {items}, {orders}"),
    ]
    assert [hit.held for hit in by_database(world)] == [(SELECTS[2],), (SELECTS[1], SELECTS[0])]
    assert find(find_held(scopes, is_select, by=to_path), world) == [
        ("ana", str(STAFF), f"ana holds {staff}"),
        ("ana", str(ITEMS), f"ana holds {items}"),
        ("ana", str(ORDERS), f"ana holds {orders}"),
    ]
    whole = find_held(scopes, is_select, by=to_whole_account)
    assert find(whole, world) == [("ana", "", f"ana holds {staff}, {items}, {orders}")]
    assert find(find_held({"schema"}, is_select), world) == []


def test_administrators_roles_and_what_the_server_made_are_asked_about_only_by_name() -> None:
    held = Held("SELECT", ORDERS)
    states = (
        account("ana", held),
        account("boss", held, SUPERUSER="is root"),
        given("given", held),
        account("role", held, kind=Kind.ROLE),
        account("PUBLIC", held, kind=Kind.PUBLIC),
    )
    by_default, everybodys = (
        find_privileges({"table"}, ["SELECT"]),
        find_privileges({"table"}, ["SELECT"], who=to_everybody),
    )
    assert [account for account, *_ in find(by_default, to_world(*states))] == ["ana"]
    assert [account for account, *_ in find(everybodys, to_world(*states))] == ["PUBLIC"]


def test_a_privilege_is_found_where_it_is_granted_and_not_where_it_is_denied() -> None:
    rule = find_privileges({"table"}, ["SELECT", "INSERT"])
    assert isinstance(rule, PerAccount)
    world = to_world(
        account("granted", Held("SELECT", ORDERS)),
        account("denied", Held("SELECT", ORDERS, effect="deny")),
        account("other", Held("UPDATE", ORDERS)),
        account("elsewhere", Held("SELECT", Securable("schema", "shop", "public"))),
    )
    assert [account for account, *_ in find(rule, world)] == ["granted"]


def test_members_of_a_role_are_found_each_by_a_shortest_path() -> None:
    ana = account(
        "ana",
        *member_of("analysts", "plain"),
        Held("SET", Securable("role", object="analysts")),
        Held("SELECT", ORDERS),
    )
    bob = account("bob", *member_of("readers"), *member_of("readers", database="shop"))
    analysts = account("analysts", *member_of("readers"), kind=Kind.ROLE)
    rule = find_members(lambda role: role == "readers")
    world = to_world(ana, bob, analysts, account("readers", kind=Kind.ROLE))
    assert find(rule, world) == [
        ("ana", "readers", "ana is a member of readers (through analysts > readers)"),
        ("bob", "readers", "bob is a member of readers"),
        ("bob", "readers", "bob is a member of readers"),
    ]
    assert [[(item.privilege, str(item.securable)) for item in hit.held] for hit in rule(world)] == [
        [("MEMBER", "role analysts"), ("SET", "role analysts")],
        [("MEMBER", "role readers")],
        [("MEMBER", "database_role shop.readers")],
    ]
    assert isinstance(rule, PerAccount)


@given_drawn(drawn_memberships, st.sampled_from(NAMES))
def test_nobody_is_left_out_who_is_a_member_of_a_role(memberships: frozenset[tuple[str, str]], wanted: str) -> None:
    states = to_states(memberships)
    for only in (None, frozenset({"ada", "b"})):
        world = to_world(*states.values(), only=only)
        members = {hit.account for hit in find_members(lambda role: role == wanted)(world)}
        reaching = {name for name in states if any(path.role == wanted for path in reach_roles(states[name], states))}
        assert members == (reaching if only is None else reaching & only)


def test_accounts_are_found_of_which_there_is_something_to_say() -> None:
    def describe(_world: World, state: AccountState) -> str | list[str]:
        return {"a": "is a", "b": ["is b", "is late"], "c": "", "d": []}[state.account.username]

    rule = find_accounts(lambda world: world.accounts, describe)
    world = to_world(*map(account, "abcd"))
    assert find(rule, world) == [("a", "", "a: is a"), ("b", "", "b: is b; is late")]


def test_a_setting_is_wrong_only_where_it_is_set() -> None:
    rule = find_setting("secure", lambda value: value is False)
    assert find(rule, to_world(attributes={"secure": False})) == [("", "secure", "secure is off")]
    assert find(rule, to_world(attributes={"secure": True, "other": False})) == []
    anything = find_setting("secure", lambda _value: True)
    assert find(anything, to_world(attributes={"other": False})) == []
    assert find(anything, to_world(attributes=None)) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [(True, "on"), (False, "off"), ("", "empty"), (None, "empty"), (0, "0"), ("scram", "scram"), ([], "[]")],
)
def test_a_setting_is_written_as_people_write_it(value: Json, words: str) -> None:
    assert to_words(value) == words


@pytest.mark.parametrize(
    ("number", "line"), [(1, "A"), (3, "A, B, C"), (4, "A, B, C and 1 more"), (6, "A, B, C and 3 more")]
)
def test_three_things_are_named_and_the_others_counted(number: int, line: str) -> None:
    assert list_held([Held(name, SERVER) for name in "ABCDEF"[:number]]) == line


def test_a_privilege_is_named_with_what_it_is_held_on_but_for_the_server() -> None:
    assert to_words_on(Held("SUPER", SERVER, grant_option=True)) == "SUPER WITH GRANT OPTION"
    assert to_words_on(Held("SELECT", ORDERS, effect="deny")) == "DENY SELECT on table shop.public.orders"
    assert to_words_on(Held("USE", Securable("language"))) == "USE on language"
    assert to_words_on(Held("ALTER", Securable("server", object="link"))) == "ALTER on server link"
