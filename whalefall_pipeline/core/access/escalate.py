"""Who could become more than it is: the ways from accounts to dangers."""

from collections.abc import Iterable

from whalefall_pipeline.core.access.engine import Access
from whalefall_pipeline.core.access.graph import Graph
from whalefall_pipeline.core.access.model import Danger, Escalation, Escalations, Population
from whalefall_pipeline.core.access.walk import Walk
from whalefall_pipeline.core.model import Seen


def find_escalations(access: Access, population: Population) -> Escalations:
    """Return the superusers, and of every other account the shortest way to each danger.

    Predefined roles are no accounts that go a way; they are what some lead to. The worst danger comes first, then those
    with the fewest steps, then by username.
    """
    return search_dangers(access, population, access.find_dangers(population))


def search_dangers(access: Access, population: Population, dangers: Iterable[Danger]) -> Escalations:
    """Return the ways to some of the dangers. See `find_escalations`."""
    walk = Walk(Graph(access.open_links(population)), dangers)
    superusers: list[str] = []
    ways: list[tuple[int, int, int, Escalation]] = []
    accounts = population.accounts
    for username in sorted(name for name in walk.relevant & accounts.keys() if accounts[name].account.kind.is_counted):
        found = walk.find_ways(username)
        if any(way.steps == 0 and not way.end.becomes for way in found):
            superusers.append(username)
            continue
        ways += [
            (way.end.rank, way.steps, len(way.links), Escalation(username, way.links, way.end))
            for way in found
            if username not in (way.end.becomes, way.end.of) and not (way.end.by_login and way.links)
        ]
    ways.sort(key=lambda item: item[:3])
    excluded = sorted(scope for scope, seen in population.unseen.items() if seen.status is Seen.EXCLUDED)
    unseen = dict.fromkeys((*access.find_unseen(population, None), *excluded))
    return Escalations(tuple(superusers), tuple(way for *_, way in ways), tuple(unseen))
