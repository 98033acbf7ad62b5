"""The sensor keeps the partitions equal to the active instances, many of them in bounded ticks."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Connection, Engine

from tests.engines.scripted import Fleet
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.defs import sensors
from whalefall_pipeline.defs.partitions import PARTITIONS_NAME
from whalefall_pipeline.defs.resources import LEDGER, LedgerResource
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import read_instances, remove_instance


def test_partitions_follow_instances(ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_engine(_resource: LedgerResource) -> Engine:
        return ledger

    monkeypatch.setattr(LedgerResource, "get_engine", get_engine)
    monkeypatch.setattr(sensors, "DELETED_AT_ONCE", 2)
    names = ["ant", "bee", "cat", "dog"]
    Fleet(ledger, tmp_path).register(*names)
    with dg.DagsterInstance.ephemeral() as instance:

        def tick() -> tuple[object, list[str]]:
            context = dg.build_sensor_context(instance, resources={LEDGER: LedgerResource()})
            said = sensors.instance_partitions(context)
            assert isinstance(said, dg.SkipReason)
            return said.skip_message, list(instance.get_dynamic_partitions(PARTITIONS_NAME))

        assert tick() == ("4 partitions added, 0 deleted, 0 to be deleted next", names)
        with ledger.connect() as connection, transaction(connection):
            assert all(remove_instance(connection, name) for name in names[:3])
        assert tick() == ("0 partitions added, 2 deleted, 1 to be deleted next", ["cat", "dog"])
        assert tick() == ("0 partitions added, 1 deleted, 0 to be deleted next", ["dog"])
        assert tick() == ("1 partitions are in step with the instances", ["dog"])


def test_an_instance_that_is_added_during_a_tick_keeps_its_partition(
    ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(ledger, tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:

        def get_engine(_resource: LedgerResource) -> Engine:
            return ledger

        def read_then_add(connection: Connection) -> list[Instance]:
            read = read_instances(connection)
            fleet.register("ant")
            instance.add_dynamic_partitions(PARTITIONS_NAME, ["ant"])
            return read

        monkeypatch.setattr(LedgerResource, "get_engine", get_engine)
        monkeypatch.setattr(sensors, "read_instances", read_then_add)
        sensors.instance_partitions(dg.build_sensor_context(instance, resources={LEDGER: LedgerResource()}))
        assert list(instance.get_dynamic_partitions(PARTITIONS_NAME)) == ["ant"]
