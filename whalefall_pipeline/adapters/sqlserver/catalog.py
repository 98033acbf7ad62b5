"""The statements of `catalog.sql`, asked over one connection."""

from whalefall_pipeline.adapters.sqlserver.errors import Asking, Row, StatementError
from whalefall_pipeline.adapters.sqlserver.names import quote_name
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.model import Seen
from whalefall_pipeline.sql import load_sql

STATEMENTS = load_sql("whalefall_pipeline.adapters.sqlserver", "catalog.sql")


class Catalog:
    """One server's catalog."""

    def __init__(self, connection: Asking) -> None:
        self._connection = connection

    @property
    def statements(self) -> int:
        """How many statements were sent so far."""
        return self._connection.statements

    def read(self, name: str, database: str = "") -> list[Row]:
        """Give the rows of a statement, of one database where it is about one; raises StatementError."""
        return self._connection.query(STATEMENTS[name].replace("{database}", quote_name(database)))

    def require(self, name: str) -> list[Row]:
        """Give the rows of a statement that nothing can be read without: when it fails, the whole reading does."""
        try:
            return self.read(name)
        except StatementError as error:
            seen = error.observation
            if seen.status is Seen.TIMED_OUT:
                raise DatabaseConnectionError(f"{name}: {seen.reason}", transient=True) from None
            raise SyncDataError(f"{name}: {seen.reason}") from None
