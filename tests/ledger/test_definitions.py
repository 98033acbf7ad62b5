"""Definitions become visible in the order of `updated_at`, which is how the sensor `changed_instances` reads them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, text

from tests.engines.scripted import Fleet
from tests.ledger.rows import read
from whalefall_pipeline.core.errors import LedgerError
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import change_instance, read_instances, remove_instance

AT_ONCE = text("set lock_timeout = 1")


def change_at_once(connection: Connection, work: Callable[[Connection], object]) -> None:
    """Do it in a transaction that waits for no other."""
    with transaction(connection):
        connection.execute(AT_ONCE)
        work(connection)


def test_a_change_waits_for_one_that_is_not_committed_yet(fleet: Fleet, ledger: Engine) -> None:
    fleet.register("two")
    with ledger.connect() as first, ledger.connect() as second:
        with transaction(first):
            one, two = (replace(item, port=7000 + item.id) for item in read_instances(first))
            change_instance(first, one)
            for work in (partial(change_instance, instance=two), partial(remove_instance, name="two")):
                with pytest.raises(LedgerError, match="lock timeout"):
                    change_at_once(second, work)
        change_at_once(second, partial(change_instance, instance=two))
    ordered = read(ledger, "select name, port from instances order by updated_at")
    assert [tuple(row.values()) for row in ordered] == [(one.name, one.port), (two.name, two.port)]
