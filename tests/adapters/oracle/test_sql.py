"""Every statement that is sent to Oracle is Oracle SQL, portable, and asks for nothing that it must not."""

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from whalefall_pipeline.adapters.oracle.catalog import OF_ALL, OF_ONE, VIEWS

STATEMENTS = [
    pytest.param(text, id=f"{where}-{name}")
    for where, statements in (("one", OF_ONE), ("all", OF_ALL))
    for name, text in statements.items()
]
FORBIDDEN_COLUMNS = {"PASSWORD", "LAST_LOGIN", "BYTES", "BLOCKS", "SPARE4"}


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_is_one_statement_of_oracles(text: str) -> None:
    trees = sqlglot.parse(text, read="oracle", error_level=ErrorLevel.RAISE)
    assert len(trees) == 1
    assert isinstance(trees[0], exp.Select | exp.Set)
    assert not list(trees[0].find_all(exp.Connect))
    assert "(+)" not in text


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_reads_no_secret_and_nothing_that_changes_by_itself(text: str) -> None:
    tree = sqlglot.parse_one(text, read="oracle")
    assert not {column.name.upper() for column in tree.find_all(exp.Column)} & FORBIDDEN_COLUMNS
    assert not list(tree.find_all(exp.Star)) or "COUNT(*)" in text


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_view_is_named_with_its_owner(text: str) -> None:
    tables = [table for table in sqlglot.parse_one(text, read="oracle").find_all(exp.Table) if table.name != "dual"]
    assert all(table.db == "sys" for table in tables)


def read_columns(text: str) -> list[str]:
    select = sqlglot.parse_one(text, read="oracle").find(exp.Select)
    return [column.alias_or_name for column in select.expressions] if select else []


def test_the_root_is_asked_for_the_same_columns() -> None:
    assert OF_ALL.keys() - OF_ONE.keys() == {"containers", "container_data"}
    for name, text in OF_ONE.items():
        assert read_columns(OF_ALL[name]) == read_columns(text)


def test_a_denied_view_is_named_as_the_statement_names_it() -> None:
    assert OF_ALL.keys() == VIEWS.keys() | {"read_only", "session"}
    for name, view in VIEWS.items():
        assert f"sys.{view.lower()}" in {**OF_ALL, **OF_ONE}[name]
