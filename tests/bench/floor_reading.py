"""The floor's reading, with a bare driver, one plain tuple per grant.

MySQL and MariaDB are asked for rows by the statements of our own catalogs, PostgreSQL by those that once were.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

import psycopg
import pymysql

from whalefall_pipeline.core.model import Instance, Login
from whalefall_pipeline.sql import load_sql

GrantRow: TypeAlias = tuple[str, str, str, str, bool]
"""Grantee, scope, dotted path, privilege, grant option."""

ADAPTERS = "whalefall_pipeline.adapters"
POSTGRESQL = load_sql("tests.bench", "floor_postgresql.sql")
MYSQL = load_sql(f"{ADAPTERS}.mysql", "catalog.sql")
MARIADB = load_sql(f"{ADAPTERS}.mysql", "catalog_mariadb.sql")
PUBLIC_OID = 0


class Read(NamedTuple):
    """What a source holds: each account's attributes by username, and the grants; and by how many statements."""

    attributes: Mapping[str, Any]
    grants: Iterable[GrantRow]
    statements: int


def read_postgresql(instance: Instance, login: Login) -> Read:
    def connect(database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host=instance.host, port=instance.port, user=login.username, password=login.password, dbname=database
        )

    with connect("postgres") as connection:
        roles = connection.execute(POSTGRESQL["roles"].encode()).fetchall()
        databases = [row[1] for row in connection.execute(POSTGRESQL["databases"].encode()).fetchall() if row[2]]
        rows = connection.execute(POSTGRESQL["memberships_before_16"].encode()).fetchall()
        rows += connection.execute(POSTGRESQL["server_grants"].encode()).fetchall()
        rows += connection.execute(POSTGRESQL["parameter_grants"].encode()).fetchall()
    for database in databases:
        with connect(database) as connection:
            rows += connection.execute(POSTGRESQL["database_grants"].encode()).fetchall()
            rows += connection.execute(POSTGRESQL["changed_grants"].encode()).fetchall()
    names = {PUBLIC_OID: "public", **{role[0]: role[1] for role in roles}}
    attributes = {role[1]: role[2:] for role in roles} | {"public": ()}
    return Read(attributes, _unfold(rows, names), 5 + 2 * len(databases))


def _unfold(rows: Iterable[tuple[Any, ...]], names: Mapping[int, str]) -> Iterator[GrantRow]:
    for scope, database, schema, name, column, privilege, option, _, grantees in rows:
        path = ".".join(part for part in (database, schema, name, column) if part)
        for grantee in grantees:
            yield names[grantee], scope, path, privilege, option


def read_mysql(instance: Instance, login: Login) -> Read:
    connection = pymysql.connect(
        host=instance.host, port=instance.port, user=login.username, password=login.password, ssl_disabled=True
    )
    with connection, connection.cursor() as cursor:

        def fetch(statement: str) -> Any:
            cursor.execute(statement)
            return cursor.fetchall()

        flavour = MARIADB if "mariadb" in str(fetch("select version()")).lower() else MYSQL
        columns = cast("list[tuple[str, str]]", fetch(flavour["columns"]))
        accounts = fetch(_fill_in(flavour["accounts"], [name for table, name in columns if table == "user"]))
        masks = [name for table, name in columns if table == "db" and name.endswith("_priv")]
        found = {
            "databases": fetch(flavour["databases"].format(privileges=", ".join(masks))),
            **{
                name: fetch(flavour[name])
                for name in ("tables", "columns_of_tables", "routines", "proxies", "memberships")
            },
        }
    attributes = {f"{row[0]}@{row[1]}": row[2:] for row in accounts}
    return Read(attributes, _to_mysql_grants(found, masks), 4 + len(found))


def _fill_in(statement: str, visible: list[str]) -> str:
    """Put the columns that the server has where the statement names them in braces."""
    if not visible:
        return statement
    filled = statement.replace("{privileges}", ", ".join(name for name in visible if name.endswith("_priv")))
    return re.sub(r"\{(\w+)\}", lambda found: found[1] if found[1] in visible else "null", filled)


def _to_mysql_grants(found: Mapping[str, Any], masks: list[str]) -> Iterator[GrantRow]:
    for user, host, database, mask in found["databases"]:
        for name, letter in zip(masks, mask, strict=True):
            if letter == "Y":
                yield f"{user}@{host}", "database", database, name, False
    for user, host, database, table, privileges in found["tables"]:
        for privilege in privileges.split(","):
            yield f"{user}@{host}", "table", f"{database}.{table}", privilege, False
    for user, host, role, role_host, admin in found["memberships"]:
        yield f"{user}@{host}", "role", f"{role}@{role_host}", "MEMBER", bool(admin)


READERS = {"postgresql": read_postgresql, "mysql": read_mysql}
