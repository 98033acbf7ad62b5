"""The statements of `catalog.sql`, sent over one connection: those about databases for several databases at once."""

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from whalefall_pipeline.adapters.sqlserver.errors import Row, StatementError
from whalefall_pipeline.adapters.sqlserver.names import quote_literal, quote_name
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.model import Observation, Seen
from whalefall_pipeline.sql import load_sql

_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
STATEMENTS = {
    name: _COMMENT.sub("", text)
    for name, text in load_sql("whalefall_pipeline.adapters.sqlserver", "catalog.sql").items()
}
"""Name to statement, without the comments: those about databases are sent many times over."""

GROUP = 8
"""How many databases are read to the end before the next ones are begun."""
BATCHES = {
    "database_rights": 100,
    "database_denials": 100,
    "database_principals": 50,
    "database_external_languages": 100,
    "database_external_models": 100,
}
"""How many databases one statement reads, where it is not GROUP: no statement names more than 256 views."""

_PLACE = re.compile(r"\{(database|name)\}")


class Asking(Protocol):
    """An open connection to a server."""

    @property
    def statements(self) -> int:
        """How many statements were sent so far."""
        ...

    def query(self, statement: str) -> list[Row]:
        """Return all rows of a statement.

        Raises StatementError when the server refuses it or takes too long, DatabaseConnectionError when it is lost.
        """
        ...


class Catalog:
    """One server's catalog."""

    def __init__(self, connection: Asking) -> None:
        self._connection = connection
        self._tally = Tally()

    @property
    def statements(self) -> int:
        """How many statements were sent so far."""
        return self._connection.statements

    @property
    def digest(self) -> bytes:
        """A digest of all rows so far, see `Tally`; a statement that failed gave none."""
        return self._tally.digest

    def read(self, name: str) -> list[Row]:
        """Return the rows of a statement about the server; raises StatementError."""
        return self._query(STATEMENTS[name])

    def require(self, name: str) -> list[Row]:
        """Return the rows of a statement that nothing can be read without: when it fails, the whole reading does."""
        try:
            return self.read(name)
        except StatementError as error:
            seen = error.observation
            if seen.status is Seen.TIMED_OUT:
                raise DatabaseConnectionError(f"{name}: {seen.reason}", transient=True) from None
            raise SyncDataError(f"{name}: {seen.reason}") from None

    def read_each(self, name: str, databases: Sequence[str]) -> Iterator[tuple[str, list[Row] | Observation]]:
        """Yield each database with its rows of a statement, or with why there are none.

        Several databases are read by one statement; when it fails, one after the other, to find out whose fault it is.
        """
        size = BATCHES.get(name, GROUP)
        for start in range(0, len(databases), size):
            batch = databases[start : start + size]
            try:
                found = self._read_batch(name, batch)
            except StatementError as error:
                if len(batch) == 1:
                    yield batch[0], error.observation
                else:
                    yield from self._read_singly(name, batch)
            else:
                yield from found.items()

    def _read_singly(self, name: str, databases: Sequence[str]) -> Iterator[tuple[str, list[Row] | Observation]]:
        for database in databases:
            try:
                yield database, self._read_batch(name, [database])[database]
            except StatementError as error:
                yield database, error.observation

    def _read_batch(self, name: str, databases: Sequence[str]) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {database: [] for database in databases}
        for database, *row in self._query(build_statement(name, databases)):
            if database not in found:
                raise SyncDataError(f"{name}: a row is of {database!r}, which was not asked for")
            found[database].append(tuple(row))
        return found

    def _query(self, statement: str) -> list[Row]:
        rows = self._connection.query(statement)
        self._tally.add(rows)
        return rows


def build_statement(name: str, databases: Sequence[str]) -> str:
    """Build a statement about databases for all of these."""
    return "\nUNION ALL\n".join(_fill(STATEMENTS[name], database) for database in databases)


def _fill(statement: str, database: str) -> str:
    filled = {"database": quote_name(database), "name": quote_literal(database)}
    return _PLACE.sub(lambda place: filled[place[1]], statement)
