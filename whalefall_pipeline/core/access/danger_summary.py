"""Who is a superuser, and who could become one: numbers and a short list, kept from reading to reading."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from whalefall_pipeline.core.access.engine import Access
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.access.model import Population, Wanted
from whalefall_pipeline.core.changes import AccountChange
from whalefall_pipeline.core.model import Held, Json, is_of_role

MOST = 20
"""Accounts that are listed."""


class Risk(NamedTuple):
    """One account of the list: a superuser, or by what it could become one."""

    username: str
    is_superuser: bool
    how: str


class DangerSummary(NamedTuple):
    """How many accounts are superusers as they log in, how many others could become one, and some of them.

    `basis` says what it was found from, beside grants: as long as that is the same and no grant changed that bears on
    it, it stays true.
    """

    superusers: int
    could_become: int
    listed: Sequence[Risk]
    basis: Sequence[str]

    def to_json(self) -> dict[str, Json]:
        """Return it as it is stored."""
        listed: list[Json] = [[risk.username, risk.is_superuser, risk.how] for risk in self.listed]
        return {
            "superusers": self.superusers,
            "could_become": self.could_become,
            "listed": listed,
            "basis": [*self.basis],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "DangerSummary":
        """Return what `to_json` made."""
        listed = [Risk(*item) for item in value["listed"]]
        return cls(value["superusers"], value["could_become"], listed, value["basis"])


def summarise(access: Access, population: Population, basis: Sequence[str]) -> DangerSummary:
    """Return the summary of a population; the engine's own roles are not counted."""
    found = find_escalations(access, population)
    kinds = {name: state.account.kind for name, state in population.accounts.items()}
    superusers = [name for name in found.superusers if kinds[name].is_counted]
    ways = {way.username: way for way in reversed(found.ways) if not way.danger.becomes}
    others = [name for name in dict.fromkeys(way.username for way in found.ways) if name in ways]
    others = [name for name in others if kinds[name].is_counted]
    risks = [Risk(name, True, "") for name in superusers]
    risks += [Risk(name, False, str(ways[name])) for name in others]
    return DangerSummary(len(superusers), len(others), risks[:MOST], list(basis))


def bears_on_dangers(access: Access, changes: Iterable[AccountChange]) -> bool:
    """Whether what changed of accounts may change who is, or could become, a superuser."""
    wanted = list(access.find_dangerous())
    return any(
        change.difference.other or any(is_of_role(item) or _matches(item, wanted) for item in _list_items(change))
        for change in changes
    )


def _list_items(change: AccountChange) -> list[Held]:
    return [*change.difference.gained, *change.difference.lost]


def _matches(item: Held, wanted: Iterable[Wanted]) -> bool:
    privilege, (scope, *names), *_ = item
    return any(
        one.scope == scope
        and one.privilege in (None, privilege)
        and all(asked in (None, name) for asked, name in zip(one[1:5], names, strict=True))
        for one in wanted
    )
