"""What the sensors request as definitions change by command: one run for each change, none twice, and partitions."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.ledger.rows import read
from whalefall_pipeline.defs.partitions import PARTITIONS_NAME
from whalefall_pipeline.defs.resources import LEDGER, LedgerResource
from whalefall_pipeline.defs.sensors import changed_instances, instance_partitions
from whalefall_pipeline.settings import get_settings

# Dagster's own signatures hold unknown types, and it reads its resources in an old way of pydantic's.
# pyright: reportUnknownMemberType=false
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute")
LOGIN = ("--user", "collector", "--password-env", "HOME")


@dataclass
class Daemon:
    """Evaluates the sensors as Dagster's daemon does, and does what they ask for."""

    instance: dg.DagsterInstance
    cursor: str | None = None

    def tick(self) -> list[str]:
        """Let both sensors look, and give the partitions, or their ranges, for which runs are requested."""
        self._evaluate(instance_partitions)
        result = self._evaluate(changed_instances)
        if result is None:
            return []
        self.cursor = result.cursor
        requests = result.run_requests or []
        return ["-".join(run.tags[tag] for tag in sorted(run.tags, reverse=True)) for run in requests]

    def read_partitions(self) -> list[str]:
        return list(self.instance.get_dynamic_partitions(PARTITIONS_NAME))

    def _evaluate(self, sensor: dg.SensorDefinition) -> dg.SensorResult | None:
        resources = {LEDGER: LedgerResource()}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=resources) as context:
            result = sensor(context)
        if not isinstance(result, dg.SensorResult):
            return None
        for request in result.dynamic_partitions_requests or []:
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(PARTITIONS_NAME, request.partition_keys)
            else:
                for key in request.partition_keys:
                    self.instance.delete_dynamic_partition(PARTITIONS_NAME, key)
        return result


@pytest.fixture
def daemon(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setenv("WHALEFALL_DATABASE_URL", ledger_url)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(instance)
    get_settings.cache_clear()


def add(whalefall: Run, name: str) -> None:
    added = whalefall("instances", "add", name, "--type", "postgresql", "--host", "127.0.0.1", *LOGIN)
    assert added.returncode == 0, added.stderr


def test_each_change_is_synced_once(whalefall: Run, daemon: Daemon, ledger: Engine) -> None:
    add(whalefall, "shop")
    add(whalefall, "till")
    assert daemon.tick() == ["shop-till"]
    assert daemon.tick() == []
    for words in (
        ("--host", "127.0.0.2"),
        ("--port", "5433"),
        ("--database", "orders"),
        ("--option", "sslmode=require", "--option", "hostaddr=127.0.0.1"),
        ("--option", "hostaddr="),
        ("--user", "reader"),
        ("--password-env", "PATH"),
        ("--vanish-limit", "30"),
    ):
        changed = whalefall("instances", "change", "till", *words)
        assert changed.returncode == 0, changed.stderr
        assert daemon.tick() == ["till"], words
        assert daemon.tick() == [], words
    (row,) = read(
        ledger,
        """select i.host, i.port, i.database_name, i.options, i.vanish_limit_percent, c.username, c.secret
           from instances i join credentials c on c.id = i.credential_id where i.name = 'till'""",
    )
    definition = ("127.0.0.2", 5433, "orders", {"sslmode": "require"}, 30, "reader", "env:PATH")
    assert tuple(row.values()) == definition


def test_a_removed_one_loses_its_partition_and_one_that_is_back_is_synced(whalefall: Run, daemon: Daemon) -> None:
    add(whalefall, "shop")
    add(whalefall, "till")
    daemon.tick()
    assert whalefall("instances", "remove", "till").returncode == 0
    assert daemon.tick() == []
    assert daemon.read_partitions() == ["shop"]
    add(whalefall, "till")
    assert daemon.tick() == ["till"]
    assert daemon.read_partitions() == ["shop", "till"]
    assert daemon.tick() == []


def test_a_change_is_one_of_an_active_instance(whalefall: Run) -> None:
    add(whalefall, "shop")
    refused = whalefall("instances", "change", "till", "--port", "1")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "no active instance is named till" in refused.stderr
