"""What the reader asks of a connection: one statement in, all its rows out. The only seam between reader and driver."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle.options import Target
from whalefall_pipeline.adapters.oracle.rows import Row


class CatalogError(Exception):
    """One statement failed and the connection is still good; `code` is the server's or the driver's (`ORA-00942`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Connection(Protocol):
    """An open session of a server."""

    @property
    def version(self) -> str:
        """The server's version, as `19.22.0.0.0`."""
        ...

    def fetch(self, statement: str) -> list[Row]:
        """Run one statement and give its rows, none for a statement that is no query.

        Raises CatalogError when only this statement failed, DatabaseConnectionError when the connection is lost or
        out of time, SyncCancelledError when the reading was cancelled.
        """
        ...

    def close(self) -> None:
        """End the session. Raises nothing: what can't be closed is dropped."""
        ...


Connect: TypeAlias = Callable[[Target, Limits, Deadline], Connection]
"""Opens a connection. Raises DatabaseConnectionError, or InvalidInstanceError for a file that is not there."""
