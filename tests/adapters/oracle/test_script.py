"""Scripts: what is drawn and scripted is the same on an empty server; a change is taken back by its undoing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engines.engine import Server
from tests.engines.oracle import start_pluggable, start_root
from tests.engines.oracle_cases import OBJECTS, OWNER, draw_statements
from tests.engines.reading import read
from tests.servers.oracle import find_real_dsn
from whalefall_pipeline.adapters.oracle.script.accounts import NOT_SET
from whalefall_pipeline.core.model import AccountState, Json

pytestmark = pytest.mark.skipif(find_real_dsn() is not None, reason="two empty servers are needed, one DSN is given")
DRAWN = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module", params=[start_pluggable, start_root], ids=["pluggable", "root"])
def servers(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Server]]:
    with request.param() as first, request.param() as second:
        yield first, second


def make_objects(server: Server) -> None:
    """Make what scripts do not: objects, and the user that owns them."""
    server.reset()
    server.execute(*(statement for statement in OBJECTS if f'"{OWNER}"' in statement or "DIRECTORY" in statement))


def read_all(server: Server) -> dict[str, AccountState]:
    """Return all accounts but the collector's, PUBLIC and Oracle's own included, without what no script brings back."""
    return {
        name: replace(state, account=replace(state.account, attributes=_lasting(state)))
        for name, state in read(server).states.items()
        if name != server.login.username
    }


def _lasting(state: AccountState) -> dict[str, Json]:
    return {name: value for name, value in state.account.attributes.items() if name not in NOT_SET}


@given(statements=draw_statements())
@DRAWN
def test_a_script_makes_the_same_accounts_and_grants_again(
    servers: tuple[Server, Server], statements: list[str]
) -> None:
    first, second = servers
    first.reset()
    first.prepare()
    first.execute(*statements)
    states = read_all(first)

    make_objects(second)
    script = first.adapter.build_script(states)
    second.execute(*(line for line in script if f'CREATE USER "{OWNER}"' not in line))
    assert read_all(second) == states


@given(statements=draw_statements(), data=st.data())
@DRAWN
def test_a_change_is_taken_back_by_its_undoing(
    servers: tuple[Server, Server], statements: list[str], data: st.DataObject
) -> None:
    server = servers[0]
    server.reset()
    server.prepare()
    server.execute(*statements[:5])
    before = read_all(server)
    server.execute(*data.draw(st.lists(st.sampled_from(statements[5:]), unique=True)) if statements[5:] else ())
    after = read_all(server)
    for username in before:
        server.execute(*server.adapter.build_change(after[username], before[username]))
    assert read_all(server) == before
    for username in after:
        server.execute(*server.adapter.build_change(before[username], after[username]))
    assert read_all(server) == after
