"""The stand-in's data dictionary: tables on DuckDB, and views of them as each container and login sees them."""

import threading
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

ROOT_ID = 1
ROOT_NAME = "CDB$ROOT"
VIEW_NAMES = {"pwfile_users": "v_$pwfile_users"}
"""Tables whose view is not called DBA_ and CDB_."""
INTERNAL = ("dual", "objects", "pdbs", "visible")


class Dictionary:
    """One container database's dictionary. Used from several threads, one statement at a time."""

    def __init__(self, version: str) -> None:
        self._lock = threading.Lock()
        self._database = duckdb.connect(config={"threads": 1})
        self._database.execute("CREATE SCHEMA base")
        is_later = int(version.partition(".")[0]) >= 23
        for name in ("schema.sql", "schema_23ai.sql") if is_later else ("schema.sql",):
            self._database.execute(_load(name))
        self._tables = [
            name for (name,) in self.run("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'base'")
        ]
        self.start_anew()
        views = (view for con_id in [ROOT_ID, *self.pdbs.values()] for view in self._build_views(con_id))
        self._database.execute(";\n".join(views))

    def start_anew(self) -> None:
        """Forget all rows, and fill in what a new container database has."""
        with self._lock:
            self._database.execute(";\n".join(f"DELETE FROM base.{table}" for table in self._tables))
            self._database.execute(_load("content.sql"))

    @property
    def pdbs(self) -> dict[str, int]:
        """The pluggable databases, the seed included, by name."""
        return {name: con_id for con_id, name in self.run("SELECT pdb_id, pdb_name FROM base.pdbs")}

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement of DuckDB's over the tables themselves."""
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def insert(self, table: str, **values: object) -> None:
        """Add a row."""
        marks = ", ".join("?" for _ in values)
        self.run(f"INSERT INTO base.{table} ({', '.join(values)}) VALUES ({marks})", *values.values())

    def update(self, table: str, changes: dict[str, object], **where: object) -> None:
        """Change rows."""
        condition = " AND ".join(f"{name} = ?" for name in where)
        assignments = ", ".join(f"{name} = ?" for name in changes)
        self.run(f"UPDATE base.{table} SET {assignments} WHERE {condition}", *changes.values(), *where.values())

    def delete(self, table: str, **where: object) -> int:
        """Remove rows, and say how many."""
        condition = " AND ".join(f"{name} = ?" for name in where)
        return len(self.run(f"DELETE FROM base.{table} WHERE {condition} RETURNING 1", *where.values()))

    def exists(self, table: str, **where: object) -> bool:
        """Whether there is such a row."""
        condition = " AND ".join(f"{name} = ?" for name in where)
        return bool(self.run(f"SELECT 1 FROM base.{table} WHERE {condition} LIMIT 1", *where.values()))

    def query(self, statement: str, con_id: int) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run an Oracle query as a session in that container; the views that it read come first.

        Raises sqlglot's ParseError for what is no Oracle SQL, and duckdb.Error (CatalogException for a view that is
        not there, BinderException for a column).
        """
        views, translated = _translate(statement, _schema_of(con_id))
        return views, self.run(translated)

    def _build_views(self, con_id: int) -> Iterator[str]:
        schema = _schema_of(con_id)
        names = {ROOT_ID: ROOT_NAME} | {number: name for name, number in self.pdbs.items()}
        mine = f"con_id = {con_id}"
        # Database Reference, "CDB_* Views": all open containers that CONTAINER_DATA shows, restricted ones left out
        shown = f"""con_id IN (SELECT con_id FROM base.visible) AND con_id IN (
            SELECT {ROOT_ID} UNION ALL SELECT pdb_id FROM base.pdbs
            WHERE open_mode <> 'MOUNTED' AND restricted = 'NO' AND pdb_name <> 'PDB$SEED')"""
        yield f"CREATE SCHEMA {schema}"
        yield f"CREATE VIEW {schema}.dual AS SELECT * FROM base.dual"
        yield f"""CREATE MACRO {schema}.sys_context(namespace, parameter) AS
            CASE parameter WHEN 'CON_ID' THEN '{con_id}' WHEN 'CON_NAME' THEN '{names[con_id]}' END"""
        for table in self._tables:
            if table in INTERNAL:
                continue
            if table in VIEW_NAMES:
                seen = "true" if con_id == ROOT_ID else f"con_id IN (0, {con_id})"
                yield f"CREATE VIEW {schema}.{VIEW_NAMES[table]} AS SELECT * FROM base.{table} WHERE {seen}"
                continue
            condition = shown if con_id == ROOT_ID else mine
            yield f"CREATE VIEW {schema}.dba_{table} AS SELECT * EXCLUDE con_id FROM base.{table} WHERE {mine}"
            yield f"CREATE VIEW {schema}.cdb_{table} AS SELECT * FROM base.{table} WHERE {condition}"
        yield f"CREATE VIEW {schema}.dba_pdbs AS SELECT pdb_id, pdb_name, status FROM base.pdbs"
        yield f"""CREATE VIEW {schema}.v_$pdbs AS SELECT pdb_id AS con_id, pdb_name AS name, open_mode, restricted
            FROM base.pdbs WHERE pdb_id IN (SELECT con_id FROM base.visible)"""
        yield f"""CREATE VIEW {schema}.dba_tab_columns AS
            SELECT 'SYS' AS owner, upper(table_name) AS table_name, upper(column_name) AS column_name
            FROM duckdb_columns() WHERE schema_name = '{schema}'"""


def _load(name: str) -> str:
    return resources.files(__package__ or __name__).joinpath(name).read_text(encoding="utf-8")


@cache
def _translate(statement: str, schema: str) -> tuple[list[str], str]:
    tree = sqlglot.parse_one(statement, read="oracle")
    views: list[str] = []
    for table in tree.find_all(exp.Table):
        if table.name.lower() != "dual":
            views.append(table.name.upper())
        table.set("db", exp.to_identifier(schema))
    for call in list(tree.find_all(exp.Anonymous)):
        if call.name.upper() == "SYS_CONTEXT":
            call.set("this", f"{schema}.sys_context")
    return views, tree.sql(dialect="duckdb")


def _schema_of(con_id: int) -> str:
    return f"container_{con_id}"
