"""PostgreSQL 14 and later."""

from whalefall_pipeline.adapters.postgresql.reader import PostgresqlAdapter

__all__ = ["PostgresqlAdapter"]
