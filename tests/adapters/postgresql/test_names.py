"""Names of PostgreSQL's objects that are not what they should be end in an error, and never in a statement."""

import pytest

from whalefall_pipeline.adapters.postgresql.names import requote, split_routine, to_sql
from whalefall_pipeline.core.model import Securable


@pytest.mark.parametrize(
    ("name", "proper", "arguments"),
    [
        ("total()", "total", "()"),
        ("total(integer)", "total", "(integer)"),
        ('odd((integer, public."Odd(")', "odd(", '(integer, public."Odd(")'),
    ],
)
def test_a_routine_is_its_name_and_its_argument_types(name: str, proper: str, arguments: str) -> None:
    assert split_routine(name) == (proper, arguments)


@pytest.mark.parametrize("name", ["", "total", '"total("'])
def test_a_routine_without_argument_types_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="a routine without argument types"):
        split_routine(name)


@pytest.mark.parametrize("arguments", ["(integer); drop table orders", "(integer", "(a'b)"])
def test_what_is_no_list_of_types_is_never_quoted(arguments: str) -> None:
    with pytest.raises(ValueError, match="not a list of types"):
        requote(arguments)


@pytest.mark.parametrize("name", ["", "+", "+(integer", "plus(integer,integer)"])
def test_what_is_no_operator_is_never_quoted(name: str) -> None:
    assert to_sql(Securable("operator", "shop", "sales", "+(integer,NONE)")) == '"sales".+(integer,none)'
    with pytest.raises(ValueError, match="not the name of an operator"):
        to_sql(Securable("operator", "shop", "sales", name))
