"""T-SQL, as far as the adapter's statements use it, as DuckDB's SQL: a few changes of the syntax tree."""

from functools import lru_cache
from typing import cast

import sqlglot
from sqlglot import exp

from tests.servers.sqlserver_standin.views import SERVER_VIEWS, SHOWN

SPID = "51"
_TYPES = {exp.DataType.Type.VARBINARY: "BLOB", exp.DataType.Type.BIT: "BOOLEAN"}


@lru_cache(maxsize=512)
def rewrite(statement: str) -> tuple[str, frozenset[str]]:
    """Return DuckDB's SQL, and the databases that the statement names; ValueError for what is no query."""
    tree = sqlglot.parse_one(statement.replace("@@SPID", SPID), read="tsql")
    if not isinstance(tree, exp.Query):
        raise ValueError(f"the stand-in answers queries only, not {statement[:80]!r}")  # noqa: TRY004 - of a text
    databases = frozenset(table.catalog for table in tree.find_all(exp.Table) if table.catalog)
    return tree.transform(_rewrite).sql("duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE), databases


def _rewrite(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Collate):
        return cast("exp.Expr", node.this)
    if isinstance(node, exp.DataType) and node.this in _TYPES:
        return exp.DataType.build(_TYPES[node.this])
    if isinstance(node, exp.National):
        return exp.Literal.string(node.name)
    if isinstance(node, exp.Table) and node.db == "sys" and not node.catalog:
        if node.name not in (*SERVER_VIEWS, *SHOWN):
            raise ValueError(f"sys.{node.name} would be the current database's: name the database")
        node.set("catalog", exp.to_identifier("master", quoted=True))
    return node
