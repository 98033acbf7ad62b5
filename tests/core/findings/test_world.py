"""What the rules of one instance look at: who logs in, who holds, which roles an account reaches."""

from collections.abc import Collection

import pytest

from tests.core.findings.worlds import ORDERS, STAFF, account, given, member_of, to_world
from whalefall_pipeline.core.findings.model import NO_FINDINGS
from whalefall_pipeline.core.findings.world import FEW, World
from whalefall_pipeline.core.model import AccountState, Held, Kind, Securable
from whalefall_pipeline.core.rules import SUPERUSER

SELECT, INSERT = Held("SELECT", ORDERS), Held("INSERT", STAFF)
PEOPLE = (
    account("ana"),
    account("boss", SUPERUSER="is root"),
    account("deputy", *member_of("bosses")),
    account("bosses", kind=Kind.ROLE, SUPERUSER="is root"),
    account("group", kind=Kind.GROUP, NO_LOGIN="its members log in"),
    account("locked", LOCKED="is locked"),
    account("no login", NO_LOGIN="may not"),
    given("given"),
    account("own", kind=Kind.PREDEFINED),
    account("PUBLIC", kind=Kind.PUBLIC),
)


def name(states: Collection[AccountState]) -> list[str]:
    return [state.account.username for state in states]


def test_who_logs_in_who_holds_and_who_stands_for_everybody() -> None:
    world = to_world(*PEOPLE)
    assert name(world.logins) == ["ana", "boss", "deputy", "group", "locked"]
    assert name(world.holders) == ["ana", "group", "locked", "no login"]
    assert name(world.everybody) == ["PUBLIC"]
    assert [world.is_holder(state) for state in PEOPLE[:3]] == [True, False, False]


def test_an_administrator_is_one_through_a_role_too() -> None:
    world = to_world(*PEOPLE)
    assert [world.is_administrator(state) for state in PEOPLE[:4]] == [False, True, True, True]
    assert world.amounts_to(PEOPLE[1], SUPERUSER) == ["is root"]
    assert world.amounts_to(PEOPLE[2], SUPERUSER) == ["is root (through role bosses)"]
    assert world.amounts_to(PEOPLE[0], SUPERUSER) == []


def test_who_has_a_capability_is_found_with_the_reasons() -> None:
    world = to_world(*PEOPLE)
    through, itself = ["is root (through role bosses)"], ["is root"]
    assert world.find_able(SUPERUSER) == {"boss": itself, "deputy": through, "bosses": itself}
    assert world.find_able("nothing that anybody has") == {}
    assert name(world.list_logins(SUPERUSER)) == ["boss", "deputy"]
    some = to_world(*PEOPLE, only=frozenset({"ana", "deputy"}))
    assert some.find_able(SUPERUSER) == {"deputy": through}
    assert some.list_logins("nothing that anybody has") == []


def test_an_engine_that_does_not_say_what_came_with_it_has_given_nothing() -> None:
    assert "given" in name(to_world(*PEOPLE, engine=NO_FINDINGS).logins)


def test_only_some_are_asked_about_in_order_and_those_that_are_gone_are_not() -> None:
    world = to_world(*PEOPLE, only=frozenset({"gone", "boss", "ana"}))
    assert name(world.accounts) == ["ana", "boss"]
    assert name(world.logins) == ["ana", "boss"]
    assert to_world(*PEOPLE).accounts == [*PEOPLE]


def test_what_the_instance_is_set_to_is_empty_where_it_was_never_seen() -> None:
    assert to_world(attributes={"a": 1}).set_to == {"a": 1}
    assert to_world(attributes=None).set_to == {}


@pytest.mark.parametrize("only", [None, frozenset({"ana", "a", "b"}), frozenset({"ana", "a"}), frozenset({"a", "b"})])
def test_a_role_is_no_role_of_its_own_whoever_else_has_the_same(only: frozenset[str] | None) -> None:
    a, b = account("a", *member_of("b"), kind=Kind.ROLE), account("b", *member_of("a"), kind=Kind.ROLE)
    ana = account("ana", *member_of("b"))
    for order in ((a, ana, b), (ana, b, a)):
        world = to_world(a, b, ana, only=only)
        reached = {state.account.username: sorted(path.role for path in world.list_roles(state)) for state in order}
        assert reached == {"a": ["b"], "b": ["a"], "ana": ["a", "b"]}


def test_accounts_with_the_same_roles_share_their_paths() -> None:
    ana, bob = account("ana", *member_of("readers"), SELECT), account("bob", *member_of("readers"))
    world = to_world(ana, bob, account("readers"))
    assert world.list_roles(ana) is world.list_roles(bob)
    assert [path.role for path in world.list_roles(ana)] == ["readers"]


@pytest.mark.parametrize("others", [0, FEW - 2, FEW - 1, FEW + 1])
def test_who_holds_something_is_the_same_of_few_accounts_and_of_many(others: int) -> None:
    ana, bob = account("ana", SELECT, INSERT), account("bob", INSERT, Held("SELECT", Securable("schema", "shop")))
    states = [ana, bob, *(account(f"user {number}") for number in range(others))]
    world = to_world(*states)

    def list_holding(scopes: Collection[str] | None, privilege: str) -> list[tuple[str, list[Held]]]:
        found = world.list_holding(states, scopes, lambda item: privilege in ("", item.privilege))
        return [(state.account.username, sorted(held)) for state, held in found]

    assert list_holding({"table"}, "SELECT") == [("ana", [SELECT])]
    assert list_holding({"table", "schema"}, "INSERT") == [("ana", [INSERT]), ("bob", [INSERT])]
    assert list_holding({"table"}, "") == [("ana", [INSERT, SELECT]), ("bob", [INSERT])]
    assert list_holding(None, "SELECT") == [("ana", [SELECT]), ("bob", [Held("SELECT", Securable("schema", "shop"))])]
    assert list_holding({"column"}, "") == list_holding(None, "DELETE") == []


def test_of_all_that_is_held_in_some_scopes_each_is_found_once() -> None:
    states = account("ana", SELECT), account("bob", SELECT, INSERT, *member_of("readers"))
    world = to_world(*states)
    assert world.find({"table"}, lambda _item: True) == {SELECT, INSERT}
    assert world.find(None, lambda item: item.privilege != "INSERT") == {SELECT, *member_of("readers")}
    assert to_world(*states, only=frozenset({"ana"})).find(None, lambda _item: True) == {SELECT}


def test_what_is_asked_for_all_accounts_is_worked_out_once() -> None:
    asked: list[str] = []

    def build() -> frozenset[Held]:
        asked.append("held")
        return frozenset({SELECT})

    def choose(world: World) -> Collection[AccountState]:
        asked.append("accounts")
        return world.accounts

    world = to_world(*PEOPLE)
    assert world.remember("key", build) is world.remember("key", build)
    assert world.choose(choose) is world.choose(choose)
    assert asked == ["held", "accounts"]
    world.remember("another key", build)
    assert asked == ["held", "accounts", "held"]
