"""Reads a server under test as a sync does."""

from typing import NamedTuple

from tests.engines.engine import Server
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.model import AccountState, Grant, Login, Reading
from whalefall_pipeline.core.states import build_states

LIMITS = Limits(connect_seconds=30, statement_seconds=60)


class Seen(NamedTuple):
    """What one reading gave, its accounts with their grants by username."""

    states: dict[str, AccountState]
    reading: Reading
    statements: int
    version: str = ""

    @property
    def grants(self) -> frozenset[Grant]:
        return frozenset(self.reading.grants)


def read(server: Server, login: Login | None = None) -> Seen:
    with server.adapter.open(server.instance, login or server.login, LIMITS, Deadline(120)) as session:
        accounts = session.read_accounts()
        reading = session.read_grants()
        return Seen(build_states(accounts, reading.held)[0], reading, session.statements, session.version)


def read_states(server: Server) -> dict[str, AccountState]:
    """Return the accounts that tests made, and what they hold."""
    return server.exclude_given(read(server).states.values())
