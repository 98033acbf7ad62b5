"""The instances that a component's YAML declares: checked when it is loaded, registered by its sensor, kept in step."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine

from tests.ledger.rows import read
from whalefall_pipeline.components import DatabaseAccounts
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.defs.resources import LEDGER, LedgerResource
from whalefall_pipeline.settings import get_settings

SHOP: dict[str, Any] = {
    "name": "shop",
    "type": "postgresql",
    "host": "db1",
    "user": "audit",
    "password_env": "SHOP_PASSWORD",
    "labels": {"env": "prod"},
    "exclude": {"database:rds": "not ours"},
}


def load(*instances: dict[str, Any]) -> dg.Definitions:
    return DatabaseAccounts(instances=instances).build_defs(dg.ComponentTree.for_test().load_context)


@pytest.fixture
def known_ledger(ledger: Engine, ledger_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("WHALEFALL_DATABASE_URL", ledger_url)
    monkeypatch.setenv("WHALEFALL_HOME", str(tmp_path))
    monkeypatch.setenv("SHOP_PASSWORD", "opensesame")
    get_settings.cache_clear()
    yield ledger
    get_settings.cache_clear()


def tick(defs: dg.Definitions) -> str | None:
    (sensor,) = [sensor for sensor in defs.sensors or () if sensor.name == "declared_instances"]
    assert isinstance(sensor, dg.SensorDefinition)
    with dg.DagsterInstance.ephemeral() as instance:
        said = sensor(dg.build_sensor_context(instance, resources={LEDGER: LedgerResource()}))
    assert isinstance(said, dg.SkipReason)
    return said.skip_message


def test_the_ledger_follows_what_is_declared(known_ledger: Engine) -> None:
    assert tick(load(SHOP)) == "shop added"
    assert tick(load(SHOP)) == "1 instances are registered as they are declared"
    assert tick(load({**SHOP, "port": 5433})) == "shop changed"
    assert read(known_ledger, "select name, port, labels from instances") == [
        {"name": "shop", "port": 5433, "labels": {"env": "prod"}}
    ]
    assert read(known_ledger, "select scope, reason, excluded_by from instance_exclusion") == [
        {"scope": "database:rds", "reason": "not ours", "excluded_by": "defs.yaml"}
    ]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({**SHOP, "type": "db2"}, "unknown database type"),
        ({**SHOP, "passwort": "x"}, "shop.passwort"),
        ({**SHOP, "options": {"nothing": "x"}}, "nothing"),
        ({"name": "shop"}, "shop.type"),
    ],
)
def test_what_is_no_instance_is_refused_when_it_is_loaded(item: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInstanceError, match=said):
        load(item)
    with pytest.raises(InvalidInstanceError, match="twice"):
        load(SHOP, SHOP)


def test_without_instances_there_is_no_sensor_for_them() -> None:
    assert "declared_instances" not in {sensor.name for sensor in load().sensors or ()}
