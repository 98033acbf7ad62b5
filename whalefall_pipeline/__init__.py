"""Database accounts and their permissions as Dagster assets, with history, in a PostgreSQL ledger."""

__version__ = "0.2.0"
