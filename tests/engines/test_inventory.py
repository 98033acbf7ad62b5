"""The accounts of a server: all of them, under their own names, at a price that does not depend on how many."""

from datetime import UTC, datetime
from typing import cast

import pytest

from tests.core.reversing import build_facts
from tests.engines.engine import Server
from tests.engines.reading import Seen, read
from whalefall_pipeline.core.model import Kind
from whalefall_pipeline.core.rules import LOCKED, NO_LOGIN, SUPERUSER

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def reasons(server: Server, seen: Seen, username: str, capability: str) -> list[str]:
    facts = build_facts(seen.states[username], server.adapter.rules, seen.states, NOW)
    return cast("dict[str, list[str]]", facts["capability_reasons"]).get(capability, [])


def test_awkward_names_are_kept_to_the_letter_with_what_they_hold(server: Server) -> None:
    server.create_accounts(["wf_anyone"], role=True)
    usernames = server.create_accounts(server.awkward_names)
    for name in server.awkward_names:
        server.grant_role("wf_anyone", name)
    states = read(server).states
    assert set(usernames) <= states.keys()
    assert [name for name in usernames if not states[name].memberships] == []

    server.drop_accounts(server.awkward_names)
    assert not set(usernames) & read(server).states.keys()


def test_accounts_are_ordered_and_unique(server: Server) -> None:
    server.create_accounts(server.awkward_names)
    usernames = list(read(server).states)
    assert usernames == sorted(set(usernames))


@pytest.mark.thorough
def test_a_thousand_accounts_with_grants_take_as_many_statements_as_ten(server: Server) -> None:
    server.create_accounts(["wf_anyone"], role=True)
    counts: set[int] = set()
    for names in ([f"wf_few_{n}" for n in range(10)], [f"wf_many_{n}" for n in range(1000)]):
        usernames = server.create_accounts(names)
        for name in names:
            server.grant_role("wf_anyone", name)
        seen = read(server)
        assert all(seen.states[username].grants for username in usernames)
        counts.add(seen.statements)
    assert len(counts) == 1


def test_a_superuser_is_one_also_through_roles(server: Server) -> None:
    boss, member, distant, plain = server.create_accounts(["wf_boss", "wf_member", "wf_distant", "wf_plain"])
    power, between = server.create_accounts(["wf_power", "wf_between"], role=True)
    for name in ("wf_boss", "wf_power"):
        server.make_superuser(name)
    for role, name in (("wf_power", "wf_member"), ("wf_power", "wf_between"), ("wf_between", "wf_distant")):
        server.grant_role(role, name)
    seen = read(server)
    assert reasons(server, seen, boss, SUPERUSER)
    assert any(power in why for why in reasons(server, seen, member, SUPERUSER))
    assert any(between in why and power in why for why in reasons(server, seen, distant, SUPERUSER))
    assert not reasons(server, seen, plain, SUPERUSER)


def test_a_locked_account_says_so(server: Server) -> None:
    open_one, locked = server.create_accounts(["wf_open", "wf_locked"])
    server.lock("wf_locked")
    seen = read(server)
    assert reasons(server, seen, locked, LOCKED)
    assert not reasons(server, seen, open_one, LOCKED)


def test_a_role_is_not_one_who_logs_in(server: Server) -> None:
    (role,) = server.create_accounts(["wf_group"], role=True)
    (user,) = server.create_accounts(["wf_person"])
    seen = read(server)
    assert seen.states[role].account.kind is Kind.ROLE
    assert seen.states[user].account.kind is Kind.USER
    assert reasons(server, seen, role, NO_LOGIN)
    assert not reasons(server, seen, user, NO_LOGIN)
