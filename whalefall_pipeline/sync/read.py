"""Reads one instance through its adapter, again where that may help."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.errors import DatabaseConnectionError, WhalefallError
from whalefall_pipeline.core.model import Account, Login, Reading
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.target import Target, read_clock
from whalefall_pipeline.sync.plan import Collector, Plan
from whalefall_pipeline.sync.tell import Outcome


@dataclass(frozen=True, slots=True)
class Collected:
    """What one attempt read; `lost` is why the grants are missing although the accounts are there."""

    target: Target
    accounts: list[Account]
    may_hide: Callable[[str], bool]
    reading: Reading | None
    version: str
    lost: WhalefallError | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """One instance to read: how, with which login, until when. Its outcome counts attempts and statements."""

    plan: Plan
    outcome: Outcome
    collector: Collector
    login: Login
    deadline: Deadline

    def read(self, connection: Connection) -> Collected:
        """Read accounts and grants; again when the instance could not be reached or was lost, as the plan says.

        A refused login is never tried again: that would lock the account. `connection` is the ledger's, for its clock.
        """
        while True:
            read, error = self._try(connection)
            again = isinstance(error, DatabaseConnectionError) and error.transient and self.deadline.remaining
            if read and not (read.lost and again and self.outcome.attempts < self.plan.attempts):
                return read
            if error and not (again and self.outcome.attempts < self.plan.attempts):
                raise error
            self._pause()

    def _try(self, connection: Connection) -> tuple[Collected | None, WhalefallError | None]:
        self.outcome.attempts += 1
        with transaction(connection):
            target = Target(self.plan.session_id, self.outcome.instance, read_clock(connection))
        try:
            read = self._read_once(target)
        except WhalefallError as error:
            return None, error
        except Exception as error:
            if self.login.password and self.login.password in str(error):
                raise WhalefallError(f"{type(error).__name__} (its text holds the password)") from None
            raise
        return read, read.lost

    def _read_once(self, target: Target) -> Collected:
        outcome = self.outcome
        opened = self.collector.adapter.open(outcome.instance, self.login, self.collector.limits, self.deadline)
        with opened as session:
            try:
                outcome.version, outcome.security = session.version, session.security
                accounts = session.read_accounts()
                if not self.plan.permissions:
                    return Collected(target, accounts, session.may_hide, None, session.version)
                try:
                    return Collected(target, accounts, session.may_hide, session.read_grants(), session.version)
                except WhalefallError as error:
                    return Collected(target, accounts, session.may_hide, None, session.version, lost=error)
            finally:
                outcome.statements += session.statements

    def _pause(self) -> None:
        """Wait before the next attempt: longer each time, with jitter, so that a fleet does not knock at once."""
        jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        pause = self.plan.backoff_seconds * 2 ** (self.outcome.attempts - 1) * jitter
        self.plan.cancellation.wait(min(pause, self.deadline.remaining))
