"""Prepares the demo's source servers: what is there of an earlier demo is taken away, then the shop is set up."""

import secrets
from collections.abc import Sequence

import psycopg
from psycopg import sql

from whalefall_pipeline.embedded import EmbeddedServer
from whalefall_pipeline.sql import load_sql

COLLECTOR = "whalefall_collector"
SHOP = "shop"
SHOP_ROLES = (
    *("shop_app", "ana_analyst", "dora_dba", "backup_agent", "old_contractor", "summer_intern"),
    *("shop_writers", "shop_readers", "shop_owner"),
)
LEDGER_ROLES = ("auditor", "ledger_readers")
SQL = load_sql("whalefall_pipeline.demo", "shop.sql")


def prepare_shop(server: EmbeddedServer) -> str:
    """Set the shop up on a server of its own, and return the collector's password."""
    _run(server, "postgres", [f"drop database if exists {SHOP} with (force)"])
    _drop_roles(server, "postgres", (*SHOP_ROLES, COLLECTOR))
    password = _create_collector(server)
    _run(server, "postgres", [f"create database {SHOP}", *_split("roles")])
    _run(server, SHOP, [*_split("tables"), *_split("grants")])
    return password


def prepare_ledger(server: EmbeddedServer, database: str) -> str:
    """Return the ledger's own server some accounts to show, and return the collector's password."""
    _drop_roles(server, database, (*LEDGER_ROLES, COLLECTOR))
    password = _create_collector(server)
    _run(server, database, _split("ledger_roles"))
    return password


def change_shop(server: EmbeddedServer) -> list[str]:
    """Make three changes, a grant, a revoke and a dropped role, and return their SQL."""
    statements = _split("changes")
    _run(server, SHOP, statements)
    return statements


def _create_collector(server: EmbeddedServer) -> str:
    """Make the login that collects: it needs to connect, nothing else."""
    password = secrets.token_urlsafe(18)
    statement = sql.SQL("create role {} login password {}").format(sql.Identifier(COLLECTOR), sql.Literal(password))
    _run(server, "postgres", [statement])
    return password


def _drop_roles(server: EmbeddedServer, database: str, names: Sequence[str]) -> None:
    with psycopg.connect(server.url(database, driver=""), autocommit=True) as connection:
        found = connection.execute("select rolname from pg_roles where rolname = any (%s)", [list(names)]).fetchall()
        for name in [name for name in names if (name,) in found]:
            connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def _split(block: str) -> list[str]:
    text = SQL[block].replace("{collector}", COLLECTOR)
    return [statement.strip() for statement in text.split(";\n") if statement.strip()]


def _run(server: EmbeddedServer, database: str, statements: Sequence[str | sql.Composed]) -> None:
    with psycopg.connect(server.url(database, driver=""), autocommit=True) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement) if isinstance(statement, str) else statement)  # pyright: ignore[reportArgumentType] - our own .sql file
