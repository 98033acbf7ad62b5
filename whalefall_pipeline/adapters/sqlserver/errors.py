"""What the catalog asks of a connection, without the driver: one statement in, all its rows out."""

from typing import Any, Protocol, TypeAlias

from whalefall_pipeline.core.model import Observation

Row: TypeAlias = tuple[Any, ...]


class StatementError(Exception):
    """One statement failed or timed out, and the server is still there: `observation` says why, in a stable line."""

    def __init__(self, observation: Observation) -> None:
        super().__init__(observation.reason)
        self.observation = observation


class Asking(Protocol):
    """An open connection to a server."""

    @property
    def statements(self) -> int:
        """How many statements were sent so far."""
        ...

    def query(self, statement: str) -> list[Row]:
        """Give all rows of a statement.

        Raises StatementError when the server refuses it or takes too long, DatabaseConnectionError when it is lost.
        """
        ...
