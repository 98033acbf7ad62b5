"""The order of reading: accounts, then grants, each with one statement; this server hides nothing."""

from collections.abc import Generator
from contextlib import contextmanager

from tests.engines.toy_adapter.connection import Connection, connect
from tests.engines.toy_adapter.options import check_options
from tests.engines.toy_adapter.rows import to_account, to_grant
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, SourceSession
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.model import SERVER, Account, Instance, Login, Observation, Reading, Seen
from whalefall_pipeline.sql import load_sql

STATEMENTS = load_sql("tests.engines.toy_adapter", "catalog.sql")


class ToySession(SourceSession):
    """One reading of a toy server."""

    def __init__(self, connection: Connection, version: str) -> None:
        self._connection, self._version, self._tally = connection, version, Tally()

    @property
    def version(self) -> str:
        """See `SourceSession.version`."""
        return self._version

    @property
    def statements(self) -> int:
        """See `SourceSession.statements`."""
        return self._tally.statements

    def read_accounts(self) -> list[Account]:
        """See `SourceSession.read_accounts`."""
        return sorted(map(to_account, self._fetch("accounts")), key=lambda account: account.username)

    def read_grants(self) -> Reading:
        """See `SourceSession.read_grants`."""
        grants = [to_grant(row) for row in self._fetch("grants")]
        return Reading.of(grants, {SERVER: Observation(Seen.OBSERVED)}, self._tally.digest)

    def _fetch(self, name: str) -> list[dict[str, object]]:
        self._tally.count()
        rows: list[dict[str, object]] = self._connection.query(STATEMENTS[name])
        self._tally.add([list(row.values()) for row in rows])
        return rows


@contextmanager
def open_session(instance: Instance, login: Login, limits: Limits, deadline: Deadline) -> Generator[ToySession]:
    """Connect, and yield one reading. See `Adapter.open`."""
    check_options(instance.options)
    with connect(instance, login, limits, deadline) as (connection, version):
        yield ToySession(connection, version)
