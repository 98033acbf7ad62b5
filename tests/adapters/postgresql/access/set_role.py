"""Access by SET ROLE alone, of all steps: what `pg_has_role(…, 'SET')` opens."""

from collections.abc import Collection, Iterable

from whalefall_pipeline.adapters.postgresql.access import PostgresqlAccess
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.graph import Links, ListedLinks
from whalefall_pipeline.core.access.model import Population, Question, Source


class SetRoleAccess(PostgresqlAccess):
    """Leaves out the other steps: granting oneself a role, or what an owner lacks."""

    def open_links(self, population: Population) -> Links:
        links = super().find_links(population)
        kept = [link for link in links if not link.step or link.step.startswith("SET ROLE")]
        return ListedLinks(kept, population.accounts.keys())

    def find_sources(self, population: Population, question: Question, usernames: Collection[str]) -> Iterable[Source]:
        return [source for source in super().find_sources(population, question, usernames) if not source.step]


def find_able_by_set_role(decider: Decider, question: Question) -> set[str]:
    """Return who can, now or after SET ROLE; the decider is one of `SetRoleAccess`."""
    return {answer.username for answer in decider.find_who_can(question)}
