"""Which roles an account has, by which path, over the memberships of its instance."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from whalefall_pipeline.core.model import AccountState, Membership


class RolePath(NamedTuple):
    """A role reached, and the memberships that lead to it, the account's own first."""

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
    """Give every role that the account reaches, each by a shortest path; `carries` says which memberships count.

    Breadth first and ordered by name at each step, so the same graph always gives the same paths; a cycle ends.
    """
    found: dict[tuple[str, str], RolePath] = {}
    frontier = [RolePath("", "", (membership,)) for membership in state.memberships]
    while frontier:
        reached: list[RolePath] = []
        for _, _, path in frontier:
            last = path[-1]
            key = (last.database, last.role)
            if key in found or last.role == state.account.username or not carries(last):
                continue
            found[key] = RolePath(last.role, last.database, path)
            role = accounts.get(last.role)
            if role is not None:
                reached += [RolePath("", "", (*path, membership)) for membership in role.memberships]
        frontier = reached
    return list(found.values())
