"""What comes closest to a privilege that is missing, as a line for a person."""

from collections.abc import Sequence

import pytest

from whalefall_pipeline.core.access.model import Population, Question, Source
from whalefall_pipeline.core.access.sentences import find_nearest, join_names
from whalefall_pipeline.core.model import Account, AccountState, Held, Kind, Securable

ORDERS = Securable("table", "shop", "public", "orders")
ITEMS = Securable("table", "shop", "public", "items")
ORDER_ID = Securable("column", "shop", "public", "orders", "id")
SHOP = Securable("database", "shop")
SERVER = Securable("server")
BOTH = f"has it on {ITEMS}, {ORDERS} only"


def find(
    question: Question, *held: Held, withheld: Sequence[Source] = (), sources: Sequence[Source] = (), role: str = "role"
) -> str:
    """Ask about ana, whose role holds something; another account does too, and is not hers."""
    states = {
        "ana": AccountState(Account("ana", Kind.USER)),
        "role": AccountState(Account("role", Kind.ROLE), frozenset(held)),
        "other": AccountState(Account("other", Kind.USER), frozenset({Held("DELETE", question.securable)})),
    }
    return find_nearest(Population(states), ("ana", role), question, withheld, sources)


@pytest.mark.parametrize(
    ("names", "line"),
    [("", ""), ("a", "a"), ("abc", "a, b, c"), ("abcd", "a, b, c and 1 more"), ("abcdef", "a, b, c and 3 more")],
)
def test_three_names_are_listed_and_the_others_counted(names: str, line: str) -> None:
    assert join_names(names) == line


def test_what_a_denial_takes_is_closest_whatever_else_there_is() -> None:
    question = Question("SELECT", ORDERS)
    withheld = [Source("role", "SELECT on table"), Source("role", "CONTROL"), Source("ana", "CONTROL")]
    line = find(question, Held("INSERT", ORDERS), withheld=withheld, sources=withheld)
    assert line == "CONTROL, SELECT on table, which a denial takes away"


@pytest.mark.parametrize(
    ("holders", "line"),
    [("", "nobody has it"), ("b", "b has it"), ("bab", "a, b have it"), ("dcab", "a, b, c and 1 more have it")],
)
def test_who_has_it_is_named(holders: str, line: str) -> None:
    assert find(Question("SELECT", ORDERS), sources=[Source(name, "SELECT") for name in holders]) == line


@pytest.mark.parametrize(
    ("question", "held", "line"),
    [
        (Question("SELECT", ORDERS), [Held("UPDATE", ORDERS), Held("INSERT", ORDERS)], "has INSERT, UPDATE on it"),
        (Question("SELECT", ORDERS), [Held("INSERT", ORDERS, effect="deny")], ""),
        (Question("SELECT", ORDERS), [Held("INSERT", ITEMS)], ""),
        (Question("SELECT", ORDERS), [Held("SELECT", ITEMS)], ""),
        (Question("SELECT", ORDERS), [Held("SELECT", ORDERS)], ""),
        (Question("SELECT", ORDERS), [Held("SELECT", SHOP)], ""),
        (Question("SELECT", ORDERS), [Held("SELECT", ORDER_ID)], f"has it on {ORDER_ID} only"),
        (Question("SELECT", ORDERS), [Held("SELECT", ORDER_ID, effect="deny")], ""),
        (Question("SELECT", ORDERS), [Held("INSERT", ORDER_ID)], ""),
        (Question("SELECT", SHOP), [Held("SELECT", ORDERS)], f"has it on {ORDERS} only"),
        (Question("SELECT", SHOP), [Held("SELECT", ORDERS), Held("SELECT", ITEMS)], BOTH),
        (Question("SELECT", Securable("database", "hr")), [Held("SELECT", ORDERS)], ""),
        (Question("SELECT", SERVER), [Held("SELECT", ORDERS)], ""),
        (
            Question("SELECT", ORDERS),
            [Held("INSERT", ORDERS), Held("SELECT", ORDER_ID)],
            f"has INSERT on it; has it on {ORDER_ID} only",
        ),
    ],
)  # fmt: skip
def test_what_is_held_there_is_named(question: Question, held: list[Held], line: str) -> None:
    assert find(question, *held) == ("; ".join([line, "nobody has it"]) if line else "nobody has it")


def test_a_part_is_one_where_the_engine_has_no_schemas_too() -> None:
    whole, part = Securable("table", "shop", object="orders"), Securable("column", "shop", object="orders", column="id")
    assert find(Question("SELECT", whole), Held("SELECT", part)) == f"has it on {part} only; nobody has it"


def test_what_is_no_account_holds_nothing() -> None:
    assert find(Question("SELECT", ORDERS), Held("INSERT", ORDERS), role="no account") == "nobody has it"
