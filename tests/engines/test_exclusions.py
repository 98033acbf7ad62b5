"""What is excluded of an instance is not read, and what was known of it stays; on every engine by the same words."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby

import pytest

from tests.engines.engine import ACCOUNT, Server
from tests.engines.reading import LIMITS
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Visibility
from whalefall_pipeline.core.exclusions import OF_ACCOUNT, OF_DATABASE
from whalefall_pipeline.core.model import Account, Observation, Reading
from whalefall_pipeline.core.model import Seen as Status
from whalefall_pipeline.core.states import build_states
from whalefall_pipeline.core.unseen import carry_unseen
from whalefall_pipeline.sync.opening import open_source
from whalefall_pipeline.sync.plan import Collector

WHY = "nobody may connect to it"
HAVE_NONE = ("oracle-pluggable", "toy")
"""Those that know no other database than the one that a connection begins in; accounts can be excluded there too."""


def read(server: Server, excluded: Mapping[str, str]) -> tuple[list[Account], Reading, list[Visibility], bool]:
    instance = replace(server.instance, excluded=excluded)
    with open_source(Collector(server.adapter, LIMITS), instance, server.login, Deadline(120)) as session:
        accounts, reading = session.read_accounts(), session.read_grants()
        return accounts, reading, session.check(), session.may_hide(server.probe_username)


@pytest.mark.thorough
def test_what_is_excluded_is_not_read_and_what_was_known_of_it_stays(server: Server, engine: str) -> None:
    """Nor is a right on an excluded database, which some engines keep for all databases in one place."""
    server.create_accounts([ACCOUNT])
    for database, cases in groupby(server.scope_cases, key=lambda case: case.database):
        server.execute(*(statement for case in cases for statement in case.grant), database=database)
    accounts, before, *_ = read(server, {})
    known, _ = build_states(accounts, before.held)
    home = server.instance.database or server.adapter.home
    databases = {grant.securable.database for grant in before.grants} - {"", home}
    assert bool(databases) == (engine not in HAVE_NONE)
    excluded = {f"{OF_DATABASE}{name}": WHY for name in databases} | {f"{OF_ACCOUNT}{server.probe_username}": WHY}

    accounts, reading, parts, may_hide = read(server, excluded)
    assert not {grant.securable.database for grant in reading.grants} & databases
    others = {grant for grant in before.grants if grant.securable.database not in databases}
    assert {grant for grant in others if grant.grantee != server.probe_username} >= set(reading.grants)
    unseen = {scope: seen for scope, seen in reading.coverage.items() if seen.status is not Status.OBSERVED}
    assert unseen == dict.fromkeys(excluded, Observation(Status.EXCLUDED, WHY))
    assert server.probe_username not in {account.username for account in accounts}
    assert may_hide

    rules = server.adapter.rules
    states, _ = build_states(accounts, reading.held)
    for name, state in states.items():
        assert carry_unseen(state, before.held.get(name, ()), reading.coverage, rules) == known[name]

    assert {part.scope: part.note for part in parts if part.excluded} == excluded
    assert all(part.readable for part in parts if not part.excluded)
