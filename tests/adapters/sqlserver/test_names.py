"""Laws of names: whatever a login, a database or a user is called, no two share a username."""

import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from whalefall_pipeline.adapters.sqlserver.names import Principal, quote_literal, quote_name, to_principal, to_username

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=12) | st.text(
    "[].'\"@\\a", min_size=1, max_size=12
)


@given(st.just("") | NAMES, NAMES)
def test_a_username_is_read_back(database: str, name: str) -> None:
    assert to_principal(to_username(database, name)) == Principal(database, name)


def test_usernames_people_know() -> None:
    assert to_username("", "CORP\\dba") == "CORP\\dba"
    assert to_username("App]Db", "o'brien") == "[App]]Db].[o'brien]"
    assert to_username("", "[x]") == "[[x]]]"


@given(NAMES)
def test_a_quoted_name_is_one_identifier(name: str) -> None:
    assert select(f"1 AS {quote_name(name)}").alias == name


@given(NAMES)
def test_a_quoted_literal_is_one_string(text: str) -> None:
    literal = select(quote_literal(text))
    assert isinstance(literal, exp.National)
    assert literal.name == text


def select(expression: str) -> exp.Expr:
    tree = sqlglot.parse_one(f"SELECT {expression}", read="tsql")
    assert isinstance(tree, exp.Select)
    (selected,) = tree.selects
    return selected
