"""What comes closest to a privilege that an account does not have, in one line for a person."""

from collections.abc import Collection, Iterable, Sequence

from whalefall_pipeline.core.access.model import Population, Question, Source
from whalefall_pipeline.core.model import Securable

NAMED = 3
"""How many names a line lists."""


def find_nearest(
    population: Population,
    identity: Collection[str],
    question: Question,
    withheld: Sequence[Source],
    sources: Iterable[Source],
) -> str:
    """Return what comes closest: what a denial takes, else other privileges there, else who has it.

    `identity` are the account and all that it has; `withheld` are its own sources, `sources` everybody's.
    """
    if withheld:
        return f"{join_names(sorted({source.words for source in withheld}))}, which a denial takes away"
    there = _find_there(population, identity, question)
    holders = sorted({source.holder for source in sources})
    missing = f"{join_names(holders)} {'has' if len(holders) == 1 else 'have'} it" if holders else "nobody has it"
    return "; ".join([*there, missing])


def _find_there(population: Population, identity: Collection[str], question: Question) -> list[str]:
    """Return what is held on the same securable, and the same privilege on parts of it."""
    privilege, securable = question
    same: set[str] = set()
    parts: set[str] = set()
    for username in identity:
        state = population.accounts.get(username)
        for item in state.held if state else ():
            if item.effect == "grant" and item.securable == securable and item.privilege != privilege:
                same.add(item.privilege)
            elif item.effect == "grant" and item.privilege == privilege and _is_part(item.securable, securable):
                parts.add(str(item.securable))
    lines = [f"has {join_names(sorted(same))} on it"] if same else []
    return [*lines, f"has it on {join_names(sorted(parts))} only"] if parts else lines


def _is_part(part: Securable, whole: Securable) -> bool:
    names = [name for name in whole[1:] if name]
    return bool(names) and part != whole and [name for name in part[1:] if name][: len(names)] == names


def join_names(names: Iterable[str]) -> str:
    """Return names as a list for a sentence, a few of them and how many more."""
    listed = list(names)
    more = len(listed) - NAMED
    return ", ".join(listed) if more <= 0 else f"{', '.join(listed[:NAMED])} and {more} more"
