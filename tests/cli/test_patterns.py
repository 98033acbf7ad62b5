"""What is granted on a pattern of MySQL's is found by the names that the pattern means."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.engines.scripted import OBSERVED, Fleet
from whalefall_pipeline.adapters.mysql.rules import RULES
from whalefall_pipeline.core.model import SERVER, Account, Grant, Instance, Kind, Securable
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.sync.plan import Collector

APP, ROOT = "'app'@'%'", "'root'@'%'"


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path)
    fleet.adapter = replace(fleet.adapter, rules=RULES)
    with ledger.connect() as connection, transaction(connection):
        secret = SecretStore(tmp_path).encrypt("hush")
        instance = Instance(0, "one", "mysql", "127.0.0.1", 1)
        fleet.instances.append(write_instance(connection, instance, username="collector", secret=secret))
    fleet.adapter.accounts = [Account(name, Kind.USER, {}) for name in (APP, ROOT)]
    fleet.adapter.grants = [
        Grant(APP, "SELECT", Securable("database", r"sh\_a")),
        Grant(ROOT, "SELECT", Securable(SERVER)),
    ]
    fleet.adapter.coverage = {"server": OBSERVED}
    (outcome,) = fleet.sync(collectors={"mysql": Collector(fleet.adapter)})
    assert outcome.error is None
    return fleet


@pytest.mark.usefixtures("fleet")
def test_a_name_that_only_a_pattern_means_is_known(whalefall: Run) -> None:
    said = whalefall("who-has", "SELECT", "ON", "database", "sh_a")
    assert said.returncode == 0
    assert said.stderr == (
        "2 accounts can, none has it granted by this name: whalefall who-can SELECT ON database sh_a\n"
    )
    assert whalefall("who-has", "SELECT", "ON", "sh_a").returncode == 0


@pytest.mark.usefixtures("fleet")
def test_a_name_that_nothing_means_is_refused_although_somebody_may_all(whalefall: Run) -> None:
    """`_` is escaped: `shxa` is another database, and a grant on all of the server tells of none."""
    for words in (("database", "shxa"), ("shxa",)):
        said = whalefall("who-has", "SELECT", "ON", *words)
        assert said.returncode == 2
        assert "nothing named shxa is known" in said.stderr
