"""Every scope of privilege: granted it is found, as a state and in the snapshot; revoked it is gone."""

import json
from itertools import groupby

import pytest

from tests.engines.engine import ACCOUNT, Server
from tests.engines.reading import Seen, read
from whalefall_pipeline.core.model import Seen as Status
from whalefall_pipeline.core.snapshot import build_snapshot, to_state


@pytest.fixture
def probed(server: Server) -> Server:
    server.create_accounts([ACCOUNT])
    return server


def grant_all(server: Server) -> None:
    for database, cases in groupby(server.scope_cases, key=lambda case: case.database):
        server.execute(*(statement for case in cases for statement in case.grant), database=database)


def revoke_all(server: Server) -> None:
    for database, cases in groupby(server.scope_cases, key=lambda case: case.database):
        server.execute(*(statement for case in cases for statement in case.revoke), database=database)


def missing_cases(server: Server, seen: Seen) -> list[str]:
    return [case.name for case in server.scope_cases if not seen.grants >= set(case.expected)]


def test_what_is_granted_is_found_and_what_is_revoked_is_gone(probed: Server) -> None:
    before = read(probed)
    assert all(seen.status is Status.OBSERVED for seen in before.reading.coverage.values())

    grant_all(probed)
    assert missing_cases(probed, read(probed)) == []

    revoke_all(probed)
    after = read(probed)
    left = [case.name for case in probed.scope_cases if after.grants & set(case.expected) - before.grants]
    assert left == []


def test_a_snapshot_holds_what_its_state_holds(probed: Server) -> None:
    rules = probed.adapter.rules
    grant_all(probed)
    for username, state in read(probed).states.items():
        stored = json.loads(json.dumps(build_snapshot(state, rules)))
        assert to_state(username, stored, rules) == state


def test_a_grant_is_given_once(probed: Server) -> None:
    grant_all(probed)
    grants = read(probed).reading.grants
    held = [(grant.grantee, grant.privilege, grant.securable, grant.effect) for grant in grants]
    assert len(held) == len(set(held))
