"""Fixtures of the shared body: one server per engine and session, started when a test first asks for it."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack

import pytest

from tests.engines.engine import Server
from tests.engines.registry import LIGHT, STARTERS, find_starter, why_left_out


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.get_closest_marker("thorough") and _engine_of(item) in LIGHT]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        reason = why_left_out(_engine_of(item), item.name.partition("[")[0])
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def _engine_of(item: pytest.Item) -> str:
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        return str(item.callspec.params.get("engine"))
    return ""


@pytest.fixture(scope="session", params=list(STARTERS))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def running_server(engine: str) -> Generator[Server]:
    with find_starter(engine)() as server:
        yield server


@pytest.fixture
def server(running_server: Server) -> Server:
    """The engine's server, as after its start, with the objects that tests grant on."""
    running_server.reset()
    running_server.prepare()
    return running_server


@pytest.fixture(scope="session")
def start_second(engine: str) -> Generator[Callable[[], Server]]:
    """Starts one more server of the same engine when called, for what is re-created elsewhere."""
    with ExitStack() as stack:
        started: list[Server] = []

        def start() -> Server:
            if not started:
                context: AbstractContextManager[Server] = find_starter(engine)()
                started.append(stack.enter_context(context))
            started[0].reset()
            started[0].prepare()
            return started[0]

        yield start
