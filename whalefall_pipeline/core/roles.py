"""Which roles an account has, by which path, over the memberships of its instance."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from whalefall_pipeline.core.model import AccountState, Membership


class RolePath(NamedTuple):
    """A role reached, the one database that it is reached in (empty: all), and the memberships that lead to it.

    The account's own membership is the first.
    """

    role: str
    database: str
    path: tuple[Membership, ...]

    def __str__(self) -> str:
        return " > ".join(membership.role for membership in self.path)


def _always(_membership: Membership) -> bool:
    return True


def reach_roles(
    state: AccountState,
    accounts: Mapping[str, AccountState],
    carries: Callable[[Membership], bool] = _always,
) -> list[RolePath]:
    """Return every role that the account reaches, each by a shortest path; `carries` says which memberships count.

    A membership that holds in one database leads on only to what the role is a member of there, or everywhere. Breadth
    first and ordered by name at each step, so the same graph always gives the same paths; a cycle ends.
    """
    found: dict[tuple[str, str], RolePath] = {}
    frontier = [_start(membership) for membership in state.memberships]
    while frontier:
        reached: list[RolePath] = []
        for step in frontier:
            key = (step.database, step.role)
            if key in found or step.role == state.account.username or not carries(step.path[-1]):
                continue
            found[key] = step
            role = accounts.get(step.role)
            if role is not None:
                reached += [_go_on(step, membership) for membership in role.memberships if _meets(step, membership)]
        frontier = reached
    return list(found.values())


def _start(membership: Membership) -> RolePath:
    return RolePath(membership.role, membership.database, (membership,))


def _meets(step: RolePath, membership: Membership) -> bool:
    return not step.database or membership.database in ("", step.database)


def _go_on(step: RolePath, membership: Membership) -> RolePath:
    return RolePath(membership.role, step.database or membership.database, (*step.path, membership))
