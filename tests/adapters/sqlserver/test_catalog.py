"""The statements themselves: T-SQL, one database each, and no function that looks in another one."""

import pytest
import sqlglot
from sqlglot import exp

from whalefall_pipeline.adapters.sqlserver.catalog import BATCHES, GROUP, STATEMENTS, Catalog, build_statement
from whalefall_pipeline.adapters.sqlserver.errors import StatementError
from whalefall_pipeline.adapters.sqlserver.rows import (
    DatabaseRow,
    ExternalRow,
    LoginRow,
    OwnerRow,
    PermissionRow,
    ServerRow,
    UserRow,
)
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.model import Observation, Seen

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
    "database_external_languages": ExternalRow,
    "database_external_models": ExternalRow,
}
QUERIES = [name for name in STATEMENTS if name != "session"]
CURRENT_DATABASE_ONLY = {"OBJECT_NAME", "SCHEMA_NAME", "COL_NAME", "TYPE_NAME", "USER_NAME", "OBJECT_ID"}


def build_query(name: str, *databases: str) -> str:
    """Fill in databases where a statement is about them."""
    return build_statement(name, databases or (DATABASE,)) if name.startswith("database_") else STATEMENTS[name]


def parse(name: str, *databases: str) -> exp.Query:
    (tree,) = sqlglot.parse(build_query(name, *databases), read="tsql")
    assert isinstance(tree, exp.Query)
    return tree


@pytest.mark.parametrize("name", QUERIES)
def test_every_statement_is_one_query_in_t_sql(name: str) -> None:
    """And again when it is written out of its tree: nothing of it was skipped over."""
    tree = parse(name)
    assert sqlglot.parse_one(tree.sql("tsql"), read="tsql") == tree


@pytest.mark.parametrize("name", QUERIES)
def test_a_statement_about_a_database_names_that_one_only(name: str) -> None:
    catalogs = {table.catalog for table in parse(name).find_all(exp.Table)} - {""}
    assert catalogs <= ({DATABASE} if name.startswith("database_") else {"master"})
    tables = [table for table in parse(name).find_all(exp.Table) if table.db == "sys"]
    assert all(bool(table.catalog) is name.startswith("database_") or table.catalog == "master" for table in tables)


@pytest.mark.parametrize("name", QUERIES)
def test_no_id_is_looked_up_in_the_current_database(name: str) -> None:
    called = {function.sql_name().upper() for function in parse(name).find_all(exp.Func)}
    called |= {function.name.upper() for function in parse(name).find_all(exp.Anonymous)}
    assert not called & CURRENT_DATABASE_ONLY


@pytest.mark.parametrize("name", ROWS)
def test_a_row_has_a_field_for_each_column(name: str) -> None:
    tree = parse(name)
    assert len(tree.selects) - name.startswith("database_") == len(ROWS[name]._fields)


NUMBERS = (
    "class", "major_id", "minor_id", "grantee_id", "grantee_principal_id", "execute_as_principal_id", "owner_id", "sid",
    "owner_sid", "has_access", "database_id", "object_id",
)  # fmt: skip
"""Columns that are no text, beside those that end in `_id` or begin with `is_`."""


@pytest.mark.parametrize("name", QUERIES)
def test_texts_that_a_union_brings_together_have_one_collation(name: str) -> None:
    """Databases differ in theirs, and Service Broker's names are binary: without it SQL Server's error 451 or 468."""
    if name == "databases":
        return  # of master's own views, which have one collation
    for union in parse(name, "a", "b").find_all(exp.Union) if name.startswith(("database_", "server_")) else ():
        for select in union.find_all(exp.Select):
            for column in (item.unalias() for item in select.selects):
                if isinstance(column, exp.Column):
                    number = column.name in NUMBERS or column.name.endswith("_id") or column.name.startswith("is_")
                    assert number or _is_collated_below(column, select), f"{name}: {column.sql('tsql')}"


def _is_collated_below(column: exp.Column, select: exp.Select) -> bool:
    """Whether it only hands on what a query inside has collated already."""
    inner = select.find(exp.Subquery)
    return inner is not None and inner.alias == column.table


@pytest.mark.parametrize("name", QUERIES)
def test_a_null_in_a_union_has_a_type(name: str) -> None:
    """Two bare NULLs make a column of numbers, and the text that follows can't be converted: error 245."""
    for select in parse(name, "a", "b").find_all(exp.Select):
        assert not any(isinstance(item.unalias(), exp.Null) for item in select.selects)


def test_names_are_quoted_whatever_they_hold() -> None:
    assert {table.catalog for table in parse("database_owners").find_all(exp.Table)} - {""} == {DATABASE}
    names = [literal.name for literal in parse("database_role_members").find_all(exp.National)]
    assert names == [DATABASE]


def test_no_statement_names_more_views_than_a_query_may() -> None:
    """256 tables in one SELECT is what every version takes (Microsoft Learn, "Maximum capacity specifications")."""
    databases = [str(number) for number in range(200)]
    for name in QUERIES:
        if name.startswith("database_"):
            size = BATCHES.get(name, GROUP)
            assert len(list(parse(name, *databases[:size]).find_all(exp.Table))) <= 256, name


def test_no_comment_is_sent() -> None:
    assert not any("--" in text for text in STATEMENTS.values())


class Failing:
    """A server that fails each statement in one way, or answers each with a row of one database."""

    statements = 0

    def __init__(self, how: Observation | str) -> None:
        self.how = how

    def query(self, statement: str) -> list[tuple[object, ...]]:
        self.statements += 1
        if isinstance(self.how, Observation):
            raise StatementError(self.how)
        return [(self.how, "dbo")]


def test_a_statement_that_all_need_fails_the_reading_and_is_tried_again_only_where_it_took_too_long() -> None:
    with pytest.raises(DatabaseConnectionError, match="server_principals: too slow") as late:
        Catalog(Failing(Observation(Seen.TIMED_OUT, "too slow"))).require("server_principals")
    assert late.value.transient
    with pytest.raises(SyncDataError, match="server_principals: no permission"):
        Catalog(Failing(Observation(Seen.DENIED, "no permission"))).require("server_principals")


@pytest.mark.parametrize(("databases", "statements"), [(["a"], 1), (["a", "b"], 3)])
def test_a_database_whose_statement_failed_alone_is_not_asked_again(databases: list[str], statements: int) -> None:
    server, denied = Failing(Observation(Seen.DENIED, "no permission")), Observation(Seen.DENIED, "no permission")
    assert dict(Catalog(server).read_each("database_owners", databases)) == dict.fromkeys(databases, denied)
    assert server.statements == statements


def test_a_row_of_a_database_that_was_not_asked_for_is_no_answer() -> None:
    assert dict(Catalog(Failing("a")).read_each("database_owners", ["a", "b"])) == {"a": [("dbo",)], "b": []}
    with pytest.raises(SyncDataError, match="a row is of 'c', which was not asked for"):
        list(Catalog(Failing("c")).read_each("database_owners", ["a", "b"]))
