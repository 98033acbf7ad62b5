"""Who is a superuser, and who could become one: numbers and a short list, kept from reading to reading."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from whalefall_pipeline.core.access.engine import Access
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.access.model import Escalation, Population, Wanted
from whalefall_pipeline.core.access.sentences import NAMED
from whalefall_pipeline.core.changes import AccountChange
from whalefall_pipeline.core.model import Held, Json, Kind, is_of_role

WAYS_VERSION = 2
"""Raised by hand when the same states give other superusers or other ways: all instances' are then worked out again."""
MOST = 20
"""Accounts that are listed."""
MOST_KEPT = 100
"""Accounts whose worst way is kept: of those that could become superusers, and of those that could take over others."""


def to_maker(version: str) -> str:
    """Return what a summary is made by, the first of its basis: `version` of the package, and of the rules of ways."""
    return f"{version}/{WAYS_VERSION}"


class Risk(NamedTuple):
    """One account of the list: a superuser, or by what it could become one."""

    username: str
    is_superuser: bool
    how: str


class Taking(NamedTuple):
    """By what a user or group could become more than it is: the worst way, and whom it comes to by all of them.

    `becomes` are the accounts that it could take over, in order and not too many; `accounts` is their number; 0: it
    could become a superuser.
    """

    username: str
    how: str
    becomes: Sequence[str] = ()
    accounts: int = 0

    def to_json(self) -> list[Json]:
        """Return it as it is stored."""
        return [self.username, self.how, [*self.becomes], self.accounts]


class Takings(NamedTuple):
    """The users and groups that could become a superuser, and of the others those that could take over an account.

    The worst come first; `more_superusers` and `more_takers` are how many are left out.
    """

    superusers: Sequence[Taking] = ()
    takers: Sequence[Taking] = ()
    more_superusers: int = 0
    more_takers: int = 0

    def to_json(self) -> list[Json]:
        """Return it as it is stored, and as a digest is made of it."""
        superusers: list[Json] = [one.to_json() for one in self.superusers]
        takers: list[Json] = [one.to_json() for one in self.takers]
        return [superusers, takers, self.more_superusers, self.more_takers]


class DangerSummary(NamedTuple):
    """How many accounts are superusers as they log in, how many others could become one, and some of them.

    `basis` says what it was found from, beside grants: as long as that is the same and no grant changed that bears on
    it, it stays true. `ways` are how many there are to more in all, roles' ways among them.
    """

    superusers: int
    could_become: int
    listed: Sequence[Risk]
    basis: Sequence[str]
    takings: Takings = Takings()
    ways: int = 0

    def to_json(self) -> dict[str, Json]:
        """Return it as it is stored."""
        listed: list[Json] = [[risk.username, risk.is_superuser, risk.how] for risk in self.listed]
        return {
            "superusers": self.superusers,
            "could_become": self.could_become,
            "listed": listed,
            "basis": [*self.basis],
            "takings": self.takings.to_json(),
            "ways": self.ways,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "DangerSummary":
        """Return what `to_json` made; what an older version made has no basis, so that it is found again."""
        listed = [Risk(*item) for item in value["listed"]]
        numbers = value["superusers"], value["could_become"]
        if "takings" not in value or "ways" not in value:
            return cls(*numbers, listed, ())
        superusers, takers, *more = value["takings"]
        takings = Takings([Taking(*item) for item in superusers], [Taking(*item) for item in takers], *more)
        return cls(*numbers, listed, value["basis"], takings, value["ways"])


def summarise(access: Access, population: Population, basis: Sequence[str]) -> DangerSummary:
    """Return the summary of a population; the engine's own roles are not in it, as they go no way."""
    found = find_escalations(access, population)
    kinds = {name: state.account.kind for name, state in population.accounts.items()}
    ways = {way.username: way for way in reversed(found.ways) if not way.danger.becomes}
    others = [name for name in dict.fromkeys(way.username for way in found.ways) if name in ways]
    risks = [Risk(name, True, "") for name in found.superusers]
    risks += [Risk(name, False, str(ways[name])) for name in others]
    held_by = {name for name, kind in kinds.items() if kind in (Kind.USER, Kind.GROUP)}
    takings = find_takings([way for way in found.ways if way.username in held_by])
    return DangerSummary(len(found.superusers), len(others), risks[:MOST], list(basis), takings, len(found.ways))


def find_takings(ways: Iterable[Escalation]) -> Takings:
    """Return who could become what by some ways, of which the worst come first."""
    by_user: dict[str, list[Escalation]] = {}
    for way in ways:
        by_user.setdefault(way.username, []).append(way)
    found = [_to_taking(name, own) for name, own in by_user.items()]
    superusers = [taking for taking in found if not taking.accounts]
    takers = [taking for taking in found if taking.accounts]
    more = (max(0, len(each) - MOST_KEPT) for each in (superusers, takers))
    return Takings(superusers[:MOST_KEPT], takers[:MOST_KEPT], *more)


def _to_taking(username: str, ways: Sequence[Escalation]) -> Taking:
    """Return what one account's ways come to; who could become a superuser needs no other account."""
    worst = next((way for way in ways if not way.danger.becomes), ways[0])
    steps = "; ".join(worst.steps)
    how = f"{worst} ({steps})" if steps else str(worst)
    if not worst.danger.becomes:
        return Taking(username, how, [])
    becomes = sorted({way.danger.becomes for way in ways})
    return Taking(username, how, becomes[:NAMED], len(becomes))


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
