"""A fleet of one scripted instance, for tests of what the ledger makes of readings."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    fleet = Fleet(ledger, tmp_path)
    fleet.register("one")
    return fleet
