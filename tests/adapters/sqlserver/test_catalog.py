"""The statements themselves: T-SQL, one database each, and no function that looks in another one."""

import pytest
import sqlglot
from sqlglot import exp

from whalefall_pipeline.adapters.sqlserver.catalog import STATEMENTS
from whalefall_pipeline.adapters.sqlserver.names import quote_name
from whalefall_pipeline.adapters.sqlserver.rows import (
    DatabaseRow,
    LoginRow,
    OwnerRow,
    PermissionRow,
    ServerRow,
    UserRow,
)

DATABASE = "it's ]odd[ {database}"
ROWS = {
    "server": ServerRow,
    "databases": DatabaseRow,
    "server_principals": LoginRow,
    "server_permissions": PermissionRow,
    "server_owners": OwnerRow,
    "database_principals": UserRow,
    "database_permissions": PermissionRow,
    "database_owners": OwnerRow,
}
CURRENT_DATABASE_ONLY = {"OBJECT_NAME", "SCHEMA_NAME", "COL_NAME", "TYPE_NAME", "USER_NAME", "OBJECT_ID"}


def parse(name: str) -> exp.Query:
    (tree,) = sqlglot.parse(STATEMENTS[name].replace("{database}", quote_name(DATABASE)), read="tsql")
    assert isinstance(tree, exp.Query)
    return tree


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_is_one_query_in_t_sql(name: str) -> None:
    """And again when it is written out of its tree: nothing of it was skipped over."""
    tree = parse(name)
    assert sqlglot.parse_one(tree.sql("tsql"), read="tsql") == tree


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_about_a_database_names_that_one_only(name: str) -> None:
    catalogs = {table.catalog for table in parse(name).find_all(exp.Table)}
    assert catalogs == {DATABASE} if name.startswith("database_") else catalogs <= {"", "master"}


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_id_is_looked_up_in_the_current_database(name: str) -> None:
    called = {function.sql_name().upper() for function in parse(name).find_all(exp.Func)}
    called |= {function.name.upper() for function in parse(name).find_all(exp.Anonymous)}
    assert not called & CURRENT_DATABASE_ONLY


@pytest.mark.parametrize("name", ROWS)
def test_a_row_has_a_field_for_each_column(name: str) -> None:
    tree = parse(name)
    assert len(tree.selects) == len(ROWS[name]._fields)


@pytest.mark.parametrize("name", STATEMENTS)
def test_names_that_a_union_brings_together_have_one_collation(name: str) -> None:
    """Service Broker's names are binary, all others follow their database: without it SQL Server's error 451."""
    for union in parse(name).find_all(exp.Union):
        for select in union.find_all(exp.Select):
            for column in (item.unalias() for item in select.selects):
                bare = isinstance(column, exp.Column) and column.name in ("name", "type")
                assert not bare, f"{name}: {column.sql('tsql')}"


def test_names_are_quoted_whatever_they_hold() -> None:
    assert {table.catalog for table in parse("database_owners").find_all(exp.Table)} == {DATABASE}
