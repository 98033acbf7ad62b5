"""Who can is the same from the few accounts that a question needs as from all of an instance."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.sqlserver.access_cases import CASES
from tests.adapters.sqlserver.conftest import Readings
from tests.adapters.sqlserver.test_access import build, set_up
from tests.engines.sqlserver import SqlserverEngine
from tests.ledger.seeded import SLOW, making_seeded, shuffled
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.adapters.sqlserver.access import ACCESS
from whalefall_pipeline.core.access.model import Population, Question

QUESTIONS = sorted({Question(case.privilege, case.securable) for case in CASES.values()})
CHOSEN = list(CASES.values())[::4]
"""Each takes a reading of its own; the questions are those of all."""


def build_all(engine: SqlserverEngine, readings: Readings) -> Iterator[Population]:
    """Yield what some cases make."""
    for case in CHOSEN:
        engine.reset()
        engine.prepare()
        set_up(engine)
        yield build(engine, readings, case.statements)


def test_what_is_narrowed_answers_as_the_whole(
    engine: SqlserverEngine, readings: Readings, ledger_server: PostgresqlServer
) -> None:
    populations = list(build_all(engine, readings))
    with making_seeded(ledger_server) as seeded:
        for population, case in zip(populations, CHOSEN, strict=True):
            seeded.check(population, ACCESS, [Question(case.privilege, case.securable)])

        @given(shuffled(populations, 12), st.sampled_from(QUESTIONS))
        @settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
        def check(population: Population, question: Question) -> None:
            seeded.check(population, ACCESS, [question])

        check()
        assert seeded.narrowed > len(CHOSEN)
