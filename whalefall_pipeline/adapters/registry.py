"""The engines there are, by `db_type`: one line each."""

from collections.abc import Mapping

from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.adapters.mysql import MysqlAdapter
from whalefall_pipeline.adapters.oracle import OracleAdapter
from whalefall_pipeline.adapters.postgresql import PostgresqlAdapter
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter

ADAPTERS: Mapping[str, Adapter] = {
    "postgresql": PostgresqlAdapter(),
    "mysql": MysqlAdapter(),
    "sqlserver": SqlserverAdapter(),
    "oracle": OracleAdapter(),
}
