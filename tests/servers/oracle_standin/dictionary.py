"""The stand-in's data dictionary: tables on DuckDB, and views of them as each container and login sees them."""

import threading
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from tests.servers.oracle_standin.tables import ROOT_ID, ROOT_NAME, Tables, Value

VIEW_NAMES = {"pwfile_users": "v_$pwfile_users", "database": "v_$database", "parameter": "v_$parameter"}
"""Tables whose view is not called DBA_ and CDB_."""
COLLECTOR = "C##WHALEFALL"
"""The login of the tests; its sessions are the only ones that read views."""
INTERNAL = ("dual", "objects", "pdbs", "container_data")


class Dictionary:
    """One container database's dictionary. Used from several threads, one statement at a time."""

    def __init__(self, version: str) -> None:
        self._lock = threading.Lock()
        self._database = duckdb.connect(config={"threads": 1})
        self._database.execute("CREATE SCHEMA base")
        is_later = int(version.partition(".")[0]) >= 23
        for name in ("schema.sql", *(["schema_23ai.sql"] if is_later else []), "content.sql"):
            self._database.execute(_load(name))
        self.tables = self._read_tables()
        self._built: set[int] = set()

    def query(self, statement: str, con_id: int) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run an Oracle query as a session in that container; the views that it read come first.

        Raises sqlglot's ParseError for what is no Oracle SQL, and duckdb.Error (CatalogException for a view that is
        not there, BinderException for a column).
        """
        views, translated = _translate(statement, _schema_of(con_id))
        with self._lock:
            if con_id not in self._built:
                self._database.execute(";\n".join(self._build_views(con_id)))
                self._built.add(con_id)
            for table in sorted(self.tables.changed):
                self._write_table(table)
            self.tables.changed.clear()
            return views, self._database.execute(translated).fetchall()

    def _read_tables(self) -> Tables:
        columns: dict[str, list[str]] = {}
        defaults: dict[str, list[str]] = {}
        listed = "SELECT table_name, column_name, coalesce(column_default, 'NULL') FROM duckdb_columns()"
        for table, column, default in self._database.execute(f"{listed} WHERE schema_name = 'base'").fetchall():
            columns.setdefault(table, []).append(column)
            defaults.setdefault(table, []).append(default)
        rows = {
            table: [dict(zip(names, row, strict=True)) for row in self._select(f"* FROM base.{table}")]
            for table, names in columns.items()
        }
        given = {
            table: dict(zip(columns[table], self._select(", ".join(values))[0], strict=True))
            for table, values in defaults.items()
        }
        return Tables(rows, given)

    def _select(self, what: str) -> list[tuple[Any, ...]]:
        return self._database.execute(f"SELECT {what}").fetchall()

    def _write_table(self, table: str) -> None:
        rows = ", ".join(f"({', '.join(map(_to_literal, row.values()))})" for row in self.tables.rows[table])
        self._database.execute(f"DELETE FROM base.{table}")
        if rows:
            self._database.execute(f"INSERT INTO base.{table} VALUES {rows}")

    def _build_views(self, con_id: int) -> Iterator[str]:
        schema = _schema_of(con_id)
        names = {ROOT_ID: ROOT_NAME} | {number: name for name, number in self.tables.pdbs.items()}
        mine = f"con_id = {con_id}"
        # Database Reference, "CDB_* Views": all open containers, restricted ones left out
        is_open = f"""con_id IN (SELECT {ROOT_ID} UNION ALL SELECT pdb_id FROM base.pdbs
            WHERE open_mode <> 'MOUNTED' AND restricted = 'NO' AND pdb_name <> 'PDB$SEED')"""
        yield f"CREATE SCHEMA {schema}"
        yield f"CREATE VIEW {schema}.dual AS SELECT * FROM base.dual"
        yield f"""CREATE MACRO {schema}.sys_context(namespace, parameter) AS
            CASE parameter WHEN 'CON_ID' THEN '{con_id}' WHEN 'CON_NAME' THEN '{names[con_id]}'
                WHEN 'SESSION_USER' THEN '{COLLECTOR}' WHEN 'NETWORK_PROTOCOL' THEN 'tcp' END"""
        for table in self.tables.rows:
            if table in INTERNAL:
                continue
            if table in VIEW_NAMES:
                seen = _is_shown(VIEW_NAMES[table]) if con_id == ROOT_ID else f"con_id IN (0, {con_id})"
                yield f"CREATE VIEW {schema}.{VIEW_NAMES[table]} AS SELECT * FROM base.{table} WHERE {seen}"
                continue
            condition = f"{is_open} AND {_is_shown(f'cdb_{table}')}" if con_id == ROOT_ID else mine
            yield f"CREATE VIEW {schema}.dba_{table} AS SELECT * EXCLUDE con_id FROM base.{table} WHERE {mine}"
            yield f"CREATE VIEW {schema}.cdb_{table} AS SELECT * FROM base.{table} WHERE {condition}"
        yield from _build_container_views(schema, con_id)
        yield f"""CREATE VIEW {schema}.dba_tab_columns AS
            SELECT 'SYS' AS owner, upper(table_name) AS table_name, upper(column_name) AS column_name
            FROM duckdb_columns() WHERE schema_name = '{schema}'"""


def _build_container_views(schema: str, con_id: int) -> Iterator[str]:
    """Build the views about containers. DBA_PDBS is declared CONTAINER_DATA like the V$ views (`cdcore_pdbs.sql`)."""
    pdbs = "(SELECT *, pdb_id AS con_id FROM base.pdbs)"
    for view, columns in (
        ("dba_pdbs", "pdb_id, pdb_name, status, application_root, application_root_con_id, is_proxy_pdb, guid"),
        ("v_$pdbs", "con_id, pdb_name AS name, open_mode, restricted, open_time, guid"),
    ):
        seen = _is_shown(view) if con_id == ROOT_ID else f"con_id = {con_id}"
        yield f"CREATE VIEW {schema}.{view} AS SELECT {columns} FROM {pdbs} WHERE {seen}"
    rows = "true" if con_id == ROOT_ID else "false"
    yield f"CREATE VIEW {schema}.dba_container_data AS SELECT * FROM base.container_data WHERE {rows}"


def _is_shown(view: str) -> str:
    """Build the condition that CONTAINER_DATA of the collector shows a row of a view in the root.

    SQL Language Reference, "ALTER USER", container_data_clause: an attribute for one object goes before the default
    one; the root, and what concerns the whole database, is always shown; without any attribute, nothing else is.
    """
    name = view.upper()
    own = f"d.owner = 'SYS' AND d.object_name IN ('{name}', '{name.replace('V_$', 'V$')}')"
    return f"""(con_id IN (0, {ROOT_ID}) OR EXISTS (
        SELECT 1 FROM base.container_data d WHERE d.username = '{COLLECTOR}' AND (({own}) OR (d.default_attr = 'Y'
            AND NOT EXISTS (SELECT 1 FROM base.container_data d WHERE d.username = '{COLLECTOR}' AND {own})))
        AND (d.all_containers = 'Y' OR d.container_name IN (
            SELECT pdb_name FROM base.pdbs WHERE pdb_id = con_id))))"""


def _to_literal(value: Value) -> str:
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, bytes):
        return f"unhex('{value.hex()}')"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "NULL" if value is None else str(value)


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
