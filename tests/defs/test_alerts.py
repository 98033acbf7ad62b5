"""The sensor that empties the outbox: what it says where nobody is to be told, and where somebody is."""

from collections.abc import Generator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, user
from tests.ledger.rows import read
from tests.servers.receivers import start_hook
from whalefall_pipeline.defs.alerts import alerts
from whalefall_pipeline.defs.resources import LEDGER, LedgerResource
from whalefall_pipeline.settings import get_settings
from whalefall_pipeline.sync.plan import Alerting


@pytest.fixture(autouse=True)
def _settings(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    monkeypatch.setenv("WHALEFALL_DATABASE_URL", ledger_url)
    monkeypatch.setenv("WHALEFALL_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def tick() -> str:
    get_settings.cache_clear()
    with dg.build_sensor_context(resources={LEDGER: LedgerResource()}) as context:
        said = alerts(context)
    assert isinstance(said, dg.SkipReason)
    return str(said.skip_message)


def test_it_sends_what_waits_and_says_how_many(ledger: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(ledger, tmp_path)
    fleet.register("one")
    for is_superuser in (False, True):
        fleet.adapter.accounts = [user("ana", rolsuper=is_superuser)]
        fleet.sync(alerting=Alerting())
    assert "nobody is to be told" in tick()
    with start_hook() as hook:
        monkeypatch.setenv("WHALEFALL_ALERT_URLS", hook.url)
        hook.status = 502
        assert tick() == "0 messages taken by targets, 1 not taken"
        hook.status = 200
        assert tick() == "0 messages taken by targets, 0 not taken", "it waits before it tries again"
        with ledger.begin() as connection:
            connection.exec_driver_sql("update alert_delivery set due_at = now()")
        assert tick() == "1 messages taken by targets, 0 not taken"
        assert len(hook.taken) == 1
    assert read(ledger, "select from alert where sent_at is null") == []
