"""The SQL that an adapter builds: on a fresh server it gives equal states, and it takes a change back."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.engines.engine import ACCOUNT, Server
from tests.engines.reading import read_states
from tests.engines.test_scopes import grant_all
from whalefall_pipeline.core.diff import Difference, diff
from whalefall_pipeline.core.model import AccountState

StartSecond = Callable[[], Server]

ON_A_SERVER = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    # a smaller example would cost as many servers again as all examples did
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def differences(before: Mapping[str, AccountState], after: Mapping[str, AccountState]) -> dict[str, Difference]:
    """Return what differs, by username; nothing when both are equal."""
    compared = {name: diff(before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys())}
    return {name: difference for name, difference in compared.items() if difference}


def build_undo(server: Server, before: Mapping[str, AccountState], after: Mapping[str, AccountState]) -> list[str]:
    """Return the script that takes each account back, new ones last: what they were given must be gone first."""
    changed = sorted(differences(before, after), key=lambda name: name not in before)
    return [line for name in changed for line in server.adapter.build_change(after.get(name), before.get(name))]


def test_a_script_gives_a_fresh_server_all_that_is_granted(server: Server, start_second: StartSecond) -> None:
    server.create_accounts([ACCOUNT])
    grant_all(server)
    states = read_states(server)
    second = start_second()
    second.execute(*server.adapter.build_script(states))
    assert differences(states, read_states(second)) == {}


def test_awkward_names_are_re_created(server: Server, start_second: StartSecond) -> None:
    server.create_accounts(["wf_anyone"], role=True)
    server.create_accounts(server.awkward_names)
    for name in server.awkward_names:
        server.grant_role("wf_anyone", name)
    states = read_states(server)
    second = start_second()
    second.execute(*server.adapter.build_script(states))
    assert differences(states, read_states(second)) == {}


def test_a_change_is_taken_back(server: Server) -> None:
    server.create_accounts([ACCOUNT])
    before = read_states(server)
    grant_all(server)
    after = read_states(server)
    server.execute(*build_undo(server, before, after))
    assert differences(before, read_states(server)) == {}

    server.execute(*build_undo(server, after, before))
    assert differences(after, read_states(server)) == {}


def test_an_account_is_made_and_dropped(server: Server) -> None:
    before = read_states(server)
    server.create_accounts([ACCOUNT])
    grant_all(server)
    after = read_states(server)
    server.execute(*build_undo(server, before, after))
    assert differences(before, read_states(server)) == {}


@pytest.mark.thorough
@ON_A_SERVER
@given(choices=st.data())
def test_whatever_is_granted_is_re_created(
    running_server: Server, start_second: StartSecond, choices: st.DataObject
) -> None:
    running_server.reset()
    running_server.prepare()
    running_server.execute(*choices.draw(running_server.drawn_statements()))
    states = read_states(running_server)
    second = start_second()
    second.execute(*running_server.adapter.build_script(states))
    assert differences(states, read_states(second)) == {}


@pytest.mark.thorough
@ON_A_SERVER
@given(choices=st.data())
def test_whatever_is_changed_is_taken_back(running_server: Server, choices: st.DataObject) -> None:
    running_server.reset()
    running_server.prepare()
    before = read_states(running_server)
    running_server.execute(*choices.draw(running_server.drawn_statements()))
    running_server.execute(*build_undo(running_server, before, read_states(running_server)))
    assert differences(before, read_states(running_server)) == {}
