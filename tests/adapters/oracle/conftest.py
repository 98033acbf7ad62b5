"""A stand-in for the tests of Oracle's dictionary."""

import pytest

from tests.servers.oracle import StandIn


@pytest.fixture(scope="module")
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def server(stand_in: StandIn) -> StandIn:
    stand_in.start_anew()
    return stand_in
