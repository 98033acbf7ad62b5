"""An instance's lock goes with the connection on which something went wrong."""

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet
from whalefall_pipeline.core.errors import LedgerError
from whalefall_pipeline.ledger.database import run_alone
from whalefall_pipeline.sync import lock
from whalefall_pipeline.sync.cancellation import Cancellation

GIVEN_THEN_LOST = "select pg_try_advisory_lock(%(space)s, %(id)s::int), 1 / (random() * 0)::int"


def test_a_lock_that_was_given_by_a_statement_that_failed_is_free_again(
    fleet: Fleet, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance, tried = fleet.instances[0], lock.TRY_LOCK
    monkeypatch.setattr(lock, "TRY_LOCK", GIVEN_THEN_LOST)
    with (
        ledger.connect() as connection,
        pytest.raises(LedgerError, match="division by zero"),
        lock.holding(connection, "session", instance, wait_seconds=0, cancellation=Cancellation()),
    ):
        pass
    with ledger.connect() as connection, ledger.connect() as other:
        del connection  # takes the pool's first one, which would still have it
        assert run_alone(other, tried, {"space": lock.SPACE, "id": instance.id}) is True
