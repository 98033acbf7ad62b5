"""Who can is the same from the few accounts that a question needs as from all of an instance."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.mysql.access.population import build
from tests.adapters.mysql.access.trying import TRIES, read_population
from tests.engines.mysql import MysqlServer
from tests.ledger.seeded import SLOW, making_seeded, shuffled
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.core.access.model import Population, Question


def test_what_is_narrowed_answers_as_the_whole(settable: MysqlServer, ledger_server: PostgresqlServer) -> None:
    server = settable
    server.execute(*build(server.flavour))
    server.execute("CREATE USER proxy", "GRANT PROXY ON 'table'@'%' TO proxy")
    population = read_population(server)
    with making_seeded(ledger_server) as seeded:
        seeded.check(population, ACCESS, TRIES)

        @given(shuffled([population], 15), st.sampled_from(sorted(TRIES)))
        @settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
        def check(population: Population, question: Question) -> None:
            seeded.check(population, ACCESS, [question])

        check()
        assert seeded.narrowed > len(TRIES) / 2
