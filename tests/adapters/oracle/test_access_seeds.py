"""Who can is the same from the few accounts that a question needs as from all of an instance."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.oracle.access_cases import CASES
from tests.adapters.oracle.test_access import SETUP, build
from tests.ledger.seeded import SLOW, making_seeded, shuffled
from tests.servers.oracle import VERSION_23, StandIn
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.adapters.oracle.access import ACCESS
from whalefall_pipeline.core.access.model import Population, Question

QUESTIONS = sorted({Question(case.privilege, case.securable) for case in CASES.values()})


def build_all() -> list[Population]:
    """Return the populations of some cases, each with the accounts of all."""
    server = StandIn(VERSION_23)
    populations: list[Population] = []
    for case in CASES.values():
        server.start_anew()
        server.execute(*SETUP)
        populations.append(build(server, case.statements))
    return populations


def test_what_is_narrowed_answers_as_the_whole(ledger_server: PostgresqlServer) -> None:
    populations = build_all()
    with making_seeded(ledger_server) as seeded:
        for population, case in zip(populations, CASES.values(), strict=True):
            seeded.check(population, ACCESS, [Question(case.privilege, case.securable)])

        @given(shuffled(populations, 12), st.sampled_from(QUESTIONS))
        @settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
        def check(population: Population, question: Question) -> None:
            seeded.check(population, ACCESS, [question])

        check()
        assert seeded.narrowed > len(CASES) / 2
