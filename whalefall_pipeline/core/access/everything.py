"""All that one account can do, over everything that is known; what a wide grant gives is said once."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.engine import Access
from whalefall_pipeline.core.access.graph import Graph
from whalefall_pipeline.core.access.model import Answer, Path, Population, Question, Source, Verdict
from whalefall_pipeline.core.access.walk import Walk
from whalefall_pipeline.core.model import ROLE_SCOPES, SERVER, Securable
from whalefall_pipeline.core.rules import SUPERUSER

ANY = "*"
"""In place of the last name: every such object, known or not."""


def find_missing(access: Access, population: Population) -> frozenset[str] | None:
    """Return the accounts that links lead to and that are not in the population; None: that may be any."""
    if not all(access.is_bounded(state) for state in population.accounts.values()):
        return None
    targets = {link.target for link in access.find_links(population)}
    return frozenset(targets - population.accounts.keys())


def find_superuser(access: Access, population: Population, username: str) -> Answer | None:
    """Return by which path an account is a superuser as it logs in, with a question of that name; None: it is none."""
    walk = Walk(Graph(access.open_links(population)), access.find_dangers(population))
    for steps, links, danger in walk.find_ways(username):
        if not steps and not danger.becomes:
            kind = population.accounts[username].account.kind
            source = Source(danger.holder, danger.words, held=danger.held, since=danger.since)
            question = Question(SUPERUSER, Securable(SERVER))
            return Answer(username, kind, question, Verdict.YES, (Path(links, source),))
    return None


def find_everything(
    access: Access, population: Population, username: str, known: Iterable[Securable]
) -> Iterator[Answer]:
    """Yield what an account can do on each securable, ordered by it; what it can't is left out.

    `population` has the accounts that it may come to, with all that they hold, and `known` are the securables of the
    instance. Where none of these accounts holds anything on a securable itself, it is asked about with its likes, its
    last name being `ANY`: only a wider grant can give something then, and gives the same on all of them.
    """
    reached = Graph(access.open_links(population)).find_reached(username) & population.accounts.keys()
    population = replace(population, accounts={name: population.accounts[name] for name in reached})
    decider = Decider(access, population)
    own = {item.securable for state in population.accounts.values() for item in state.held}
    likes = {to_like(securable) for securable in known if securable not in own}
    asked = {securable for securable in own if securable.scope not in ROLE_SCOPES} | likes | {Securable(SERVER)}
    for securable in sorted(asked):
        for privilege in access.list_privileges(securable, population.version):
            question = Question(privilege, securable)
            if any(True for _ in access.find_sources(population, question, population.accounts.keys())):
                answer = decider.decide(username, question, with_code=False)
                if answer.paths:
                    yield answer


def to_like(securable: Securable) -> Securable:
    """Return what stands for a securable and its likes: its last name is any."""
    scope, *names = securable
    for number in reversed(range(len(names))):
        if names[number]:
            names[number] = ANY
            break
    return Securable(scope, *names)
