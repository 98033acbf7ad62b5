"""The grants that an answer is made of are those that were said to be wanted: with them alone it is the same."""

from collections.abc import Collection
from dataclasses import replace

from tests.adapters.mysql.access.population import build, list_logins
from tests.adapters.mysql.access.trying import TRIES, read_population
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.access.model import Population, Wanted
from whalefall_pipeline.core.model import Held, is_of_role


def is_wanted(item: Held, wanted: Wanted) -> bool:
    parts = zip(wanted, (*item.securable, item.privilege), strict=True)
    return all(part is None or part == own for part, own in parts)


def narrow(population: Population, wanted: Collection[Wanted]) -> Population:
    """Return a population with the wanted grants and all memberships."""
    states = {
        name: replace(
            state,
            held=frozenset(
                item for item in state.held if is_of_role(item) or any(is_wanted(item, each) for each in wanted)
            ),
        )
        for name, state in population.accounts.items()
    }
    return replace(population, accounts=states)


def test_what_is_wanted_is_enough(settable: MysqlServer) -> None:
    server = settable
    access = ACCESS
    if server.flavour == "mysql":
        server.execute("SET GLOBAL partial_revokes = ON")
    server.execute(*build(server.flavour, revokes=server.flavour == "mysql"))
    server.execute("CREATE USER grabber", "GRANT UPDATE ON mysql.* TO grabber", "GRANT CREATE USER ON *.* TO grabber")
    full = read_population(server)
    decider = Decider(access, full)
    for question in TRIES:
        narrowed = Decider(access, narrow(full, access.find_wanted(question)))
        for login in list_logins():
            answer = decider.decide(login.username, question)
            assert narrowed.decide(login.username, question).paths == answer.paths, (login.username, question)
    found = find_escalations(access, full)
    assert [way for way in found.ways if way.username == "grabber@%"]
    assert find_escalations(access, narrow(full, access.find_dangerous())) == found
