"""A stand-in for the tests of this folder, and readings of it."""

from collections.abc import Callable, Generator
from dataclasses import replace

import pytest

from tests.engines.sqlserver import SqlserverEngine, start
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.core.model import Account, AccountState, Grant, Instance, Login, Reading

SECONDS = 30.0


class Readings:
    """Reads the stand-in as a sync does."""

    def __init__(self, engine: SqlserverEngine) -> None:
        self.instance: Instance = engine.instance
        self.login: Login = engine.login

    def read(self, limits: Limits | None = None, seconds: float = SECONDS) -> tuple[list[Account], Reading]:
        with SqlserverAdapter().open(self.instance, self.login, limits or Limits(), Deadline(seconds)) as session:
            return session.read_accounts(), session.read_grants()

    def states(self) -> dict[str, AccountState]:
        accounts, reading = self.read()
        return {
            account.username: AccountState.of(
                account, frozenset(grant for grant in reading.grants if grant.grantee == account.username)
            )
            for account in accounts
        }

    def grants(self) -> set[Grant]:
        return set(self.read()[1].grants)

    def with_options(self, **options: str) -> Instance:
        return replace(self.instance, options={**self.instance.options, **options})


@pytest.fixture(scope="package")
def running() -> Generator[SqlserverEngine]:
    with start() as engine:
        yield engine


@pytest.fixture
def engine(running: SqlserverEngine) -> SqlserverEngine:
    running.reset()
    running.prepare()
    return running


@pytest.fixture
def readings(engine: SqlserverEngine) -> Readings:
    return Readings(engine)


@pytest.fixture
def start_other() -> Generator[Callable[[], SqlserverEngine]]:
    """Starts an empty stand-in beside the first."""
    with start() as other:

        def begin() -> SqlserverEngine:
            other.reset()
            other.prepare()
            return other

        yield begin
