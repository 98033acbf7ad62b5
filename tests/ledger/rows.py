"""Reads the ledger's tables as they are, for assertions."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, text

DATA_TABLES = (
    *("instance_accounts", "account_snapshots", "account_attributes", "account_holding", "account_changes"),
    *("instance_grant", "instance_scopes", "instance_attributes", "instance_change_log"),
)


def to_url(engine: Engine) -> str:
    """Return where the ledger is, with its login."""
    return engine.url.render_as_string(hide_password=False)


def read(engine: Engine, statement: str, **values: object) -> Sequence[Mapping[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(statement), values).mappings()]


def read_versions(engine: Engine) -> dict[str, list[Any]]:
    """Return every data row's place and writing transaction: equal before and after means that nothing was written."""
    return {
        table: [tuple(row.values()) for row in read(engine, f"select ctid::text, xmin::text from {table} order by 1")]
        for table in DATA_TABLES
    }


def read_log(engine: Engine) -> list[tuple[str, str]]:
    rows = read(engine, "select username, change_type from account_change_log order by id")
    return [(row["username"], row["change_type"]) for row in rows]
