"""What tests need is found, not written down; one that is found to need nothing can't start a server."""

from collections.abc import Generator
from functools import cache
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlfluff.core import Linter

from tests.engines.registry import find_starter
from tests.spreading import find_group


def _markers(request: pytest.FixtureRequest) -> set[str]:
    return {marker.name for marker in request.node.iter_markers()}


def test_one_that_calls_nothing_is_a_unit(request: pytest.FixtureRequest) -> None:
    assert "unit" in _markers(request)


@given(st.none())
def test_one_that_is_given_values_too(request: pytest.FixtureRequest, nothing: None) -> None:
    assert "unit" in _markers(request)


def test_one_whose_fixture_starts_a_server_needs_it(ledger_url: str, request: pytest.FixtureRequest) -> None:
    assert _markers(request) & {"server", "unit"} == {"server"}


@cache
def get_parser() -> type[Linter]:
    return Linter


def test_one_whose_cache_holds_a_parser_is_no_unit(request: pytest.FixtureRequest) -> None:
    assert get_parser()
    assert _markers(request) & {"parser", "unit"} == {"parser"}


@pytest.fixture
def toy() -> Generator[str]:
    with find_starter("toy")():
        yield "toy"


@pytest.mark.parametrize("engine", ["toy"])
def test_one_with_an_engine_is_about_that(toy: str, engine: str, request: pytest.FixtureRequest) -> None:
    assert _markers(request) >= {"server", "toy"}
    assert find_group(request.node.nodeid) == "toy"


def test_a_unit_that_starts_a_server_all_the_same_is_told(request: pytest.FixtureRequest) -> None:
    hidden = import_module("tests.servers.ports")
    with pytest.raises(AssertionError, match="mark it `server`"), hidden.take_port():
        pass
