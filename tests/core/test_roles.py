"""Which roles an account reaches: all of them, by paths that are there, whatever the cycles."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Grant, Kind, Securable
from whalefall_pipeline.core.roles import reach_roles

NAMES = ("ada", "b", "c", "d", "e")
edges = st.frozensets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)))


def to_states(memberships: frozenset[tuple[str, str]]) -> dict[str, AccountState]:
    return {
        name: AccountState.of(
            Account(name, Kind.USER),
            frozenset(
                Grant(name, MEMBER, Securable("role", object=role)) for member, role in memberships if member == name
            ),
        )
        for name in NAMES
    }


def closure(memberships: frozenset[tuple[str, str]]) -> set[str]:
    reached = {"ada"}
    while more := {role for member, role in memberships if member in reached} - reached:
        reached |= more
    return reached - {"ada"}


@given(edges)
def test_every_role_that_can_be_reached_is(memberships: frozenset[tuple[str, str]]) -> None:
    states = to_states(memberships)
    assert {path.role for path in reach_roles(states["ada"], states)} == closure(memberships)


@given(edges)
def test_each_path_leads_from_the_account_to_its_role(memberships: frozenset[tuple[str, str]]) -> None:
    states = to_states(memberships)
    for path in reach_roles(states["ada"], states):
        steps = [(membership.member, membership.role) for membership in path.path]
        assert steps[0][0] == "ada"
        assert steps[-1][1] == path.role
        assert all(step in memberships for step in steps)
        assert all(one[1] == following[0] for one, following in pairwise(steps))


@given(edges, st.frozensets(st.sampled_from(NAMES)))
def test_a_membership_that_does_not_carry_ends_its_path(
    memberships: frozenset[tuple[str, str]], barred: frozenset[str]
) -> None:
    states = to_states(memberships)
    reached = {path.role for path in reach_roles(states["ada"], states, lambda step: step.role not in barred)}
    assert reached == closure(frozenset(edge for edge in memberships if edge[1] not in barred))


def test_a_role_held_in_one_database_leads_on_in_that_one_only() -> None:
    held = [("ada", "b", "sales"), ("b", "c", "hr"), ("b", "d", "sales"), ("b", "e", ""), ("e", "c", "hr")]
    states = {
        name: AccountState.of(
            Account(name, Kind.USER),
            frozenset(
                Grant(name, MEMBER, Securable("database_role" if database else "role", database, object=role))
                for member, role, database in held
                if member == name
            ),
        )
        for name in NAMES
    }
    assert [path[:2] for path in reach_roles(states["ada"], states)] == [("b", "sales"), ("e", "sales"), ("d", "sales")]
    assert [path[:2] for path in reach_roles(states["b"], states)] == [("e", ""), ("c", "hr"), ("d", "sales")]
