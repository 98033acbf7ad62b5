"""Grants rebuilt from snapshots, on an empty server, read there as the server itself says they were."""

from collections.abc import Generator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.adapters.mysql.servers import STARTERS, read
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.core.model import AccountState, Grant
from whalefall_pipeline.core.snapshot import build_snapshot, to_state


@pytest.fixture(scope="module", params=list(STARTERS))
def pair(request: pytest.FixtureRequest) -> Generator[tuple[MysqlServer, MysqlServer]]:
    """Two servers of one engine: where accounts are made, and where they are re-created."""
    with ExitStack() as stack:
        yield (stack.enter_context(STARTERS[request.param]()), stack.enter_context(STARTERS[request.param]()))


def read_states(server: MysqlServer) -> dict[str, AccountState]:
    """Read all accounts but the server's own, each by way of its snapshot."""
    accounts, reading = read(server)
    grants: dict[str, set[Grant]] = {username: set() for username in accounts}
    for grant in reading.grants:
        grants[grant.grantee].add(grant)
    states = [AccountState.of(account, frozenset(grants[name])) for name, account in accounts.items()]
    rules = server.adapter.rules
    return server.exclude_given(to_state(s.account.username, build_snapshot(s, rules), rules) for s in states)


def assert_recreated(source: MysqlServer, target: MysqlServer) -> None:
    states = read_states(source)
    target.execute(*source.adapter.build_script(states))
    again = read_states(target)
    assert again.keys() == states.keys()
    for username, state in states.items():
        assert target.show_grants(again[username]) == source.show_grants(state)
        assert again[username].grants == state.grants
        assert again[username].account == state.account


def start_over(*servers: MysqlServer) -> None:
    for server in servers:
        server.reset()
        server.prepare()


def test_every_scope_at_once_is_recreated(pair: tuple[MysqlServer, MysqlServer]) -> None:
    source, target = pair
    start_over(*pair)
    source.create_accounts(["wf_probe"])
    for case in source.scope_cases:
        source.execute(*case.grant, database=case.database)
    assert_recreated(source, target)


@settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a smaller example is not worth the servers' time
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(choices=st.data())
def test_drawn_accounts_are_recreated(pair: tuple[MysqlServer, MysqlServer], choices: st.DataObject) -> None:
    source, target = pair
    start_over(*pair)
    source.execute(*choices.draw(source.drawn_statements()))
    assert_recreated(source, target)


def test_a_table_privilege_taken_back_leaves_that_of_its_columns(pair: tuple[MysqlServer, MysqlServer]) -> None:
    source, _ = pair
    start_over(source)
    source.create_accounts(["ann"])
    source.execute("GRANT SELECT (id), UPDATE (total) ON wf_app.orders TO ann@'%'")
    before = read_states(source)["ann@%"]
    source.execute("GRANT SELECT, INSERT ON wf_app.orders TO ann@'%'")
    after = read_states(source)["ann@%"]
    source.execute(*source.adapter.build_change(after, before))
    assert read_states(source)["ann@%"] == before
