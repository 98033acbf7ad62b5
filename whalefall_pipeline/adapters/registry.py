"""The engines there are, by `db_type`: one line each."""

from collections.abc import Mapping

from whalefall_pipeline.adapters.adapter import Adapter
from whalefall_pipeline.adapters.postgresql.reader import PostgresqlAdapter

ADAPTERS: Mapping[str, Adapter] = {
    "postgresql": PostgresqlAdapter(),
}
