"""Reads one instance through its adapter, again where that may help."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import SourceSession
from whalefall_pipeline.core.errors import DatabaseConnectionError, WhalefallError
from whalefall_pipeline.core.model import Account, Login, Reading, Security
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.target import Target, read_clock
from whalefall_pipeline.sync.apart import run_apart
from whalefall_pipeline.sync.expect import Expected
from whalefall_pipeline.sync.opening import open_source
from whalefall_pipeline.sync.plan import Collector, Plan
from whalefall_pipeline.sync.tell import Outcome


@dataclass(frozen=True, slots=True)
class Collected:
    """What one attempt read; `lost` is why the grants are missing although the accounts are there.

    Where `is_same`, nothing was read: the instance holds what is `expected`.
    """

    target: Target
    accounts: list[Account]
    may_hide: Callable[[str], bool]
    reading: Reading | None
    version: str
    identity: str = ""
    lost: WhalefallError | None = None
    expected: Expected | None = None

    @property
    def is_same(self) -> bool:
        """Whether the instance holds what its newest reading gave."""
        return self.expected is not None


@dataclass
class Noted:
    """What an attempt came to know before it ended, be it by an error."""

    version: str = ""
    statements: int = 0
    security: Security = field(default_factory=Security)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Readings of one instance until one succeeds: how, with which login, until when. Its outcome counts them.

    `begun_at` is the moment of the first, by the ledger's clock. Nothing is fetched from an instance that holds what is
    `expected`.
    """

    plan: Plan
    outcome: Outcome
    collector: Collector
    login: Login
    deadline: Deadline
    begun_at: datetime
    expected: Expected | None = None

    def read(self, connection: Connection) -> Collected:
        """Read accounts and grants; again when the instance could not be reached or was lost, as the plan says.

        A refused login is never tried again: that would lock the account. `connection` is the ledger's, for its clock.
        """
        while True:
            collected, error = self._try(connection)
            again = isinstance(error, DatabaseConnectionError) and error.transient and self.deadline.remaining
            if collected and not (collected.lost and again and self.outcome.attempts < self.plan.attempts):
                return collected
            if error and not (again and self.outcome.attempts < self.plan.attempts):
                raise error
            self._pause()

    def _try(self, connection: Connection) -> tuple[Collected | None, WhalefallError | None]:
        """Return what one attempt read, or why it read nothing, or not all."""
        outcome, plan, noted = self.outcome, self.plan, Noted()
        target = Target(plan.session_id, outcome.instance, self._find_moment(connection))
        outcome.attempts += 1
        try:
            collected = run_apart(
                lambda: self._read_once(target, noted),
                *(self.deadline, plan.cancellation),
                overrun_seconds=plan.overrun_seconds,
            )
        except WhalefallError as error:
            return None, error
        finally:
            outcome.version, outcome.security = noted.version, noted.security
            outcome.statements += noted.statements
        return collected, collected.lost

    def _find_moment(self, connection: Connection) -> datetime:
        if not self.outcome.attempts:
            return self.begun_at
        with transaction(connection):
            return read_clock(connection)

    def _read_once(self, target: Target, noted: Noted) -> Collected:
        with open_source(self.collector, target.instance, self.login, self.deadline) as session:
            try:
                noted.version, noted.security = session.version, session.security
                if self._is_same(session, target):
                    nothing = (session.may_hide, None, noted.version, session.identity)
                    return Collected(target, [], *nothing, expected=self.expected)
                accounts = session.read_accounts()
                reading, lost = self._read_grants(session) if self.plan.permissions else (None, None)
                found = (accounts, session.may_hide, reading, noted.version, session.identity)
                return Collected(target, *found, lost=lost)
            finally:
                noted.statements = session.statements
                noted.security = session.security

    def _is_same(self, session: SourceSession, target: Target) -> bool:
        expected = self.expected
        if expected is None or not expected.is_of(session.version, session.identity, target.place):
            return False
        return session.is_same(expected.source)

    def _read_grants(self, session: SourceSession) -> tuple[Reading | None, WhalefallError | None]:
        try:
            return session.read_grants(), None
        except WhalefallError as error:
            return None, error

    def _pause(self) -> None:
        """Wait before the next attempt: longer each time, with jitter, so that a fleet does not knock at once."""
        jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        pause = self.plan.backoff_seconds * 2 ** (self.outcome.attempts - 1) * jitter
        self.plan.cancellation.wait(min(pause, self.deadline.remaining))
