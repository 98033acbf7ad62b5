"""Code that runs with its owner's rights makes a no unknown, for whoever may run it. Source: see `access_code`."""

from dataclasses import replace

import pytest

from tests.adapters.oracle.access_cases import EMP, ON_SERVER
from tests.adapters.oracle.access_cases import RAISE as RUNS
from tests.adapters.oracle.reading import read
from tests.adapters.oracle.test_access import SETUP, build, server, standin
from tests.ledger.seeded import making_seeded
from tests.servers.oracle import StandIn
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.adapters.oracle.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Answer, Population, Question, Verdict
from whalefall_pipeline.core.model import Seen, Unseen

__all__ = ["server", "standin"]

RUN = 'GRANT EXECUTE ON "HR"."RAISE" TO'
RAISE = "what procedure SALESPDB.HR.RAISE, which runs with the rights of HR, does"


def read_answer(server: StandIn, *statements: str, question: Question | None = None, username: str = "ANN") -> Answer:
    population = build(server, statements)
    return Decider(ACCESS, population).decide(username, question or Question("SELECT", EMP))


@pytest.mark.parametrize(
    "statements",
    [
        (f'{RUN} "ANN"',),
        (f'{RUN} "PUBLIC"',),
        (f'{RUN} "CLERK"', 'GRANT "CLERK" TO "ANN"', 'ALTER USER "ANN" DEFAULT ROLE NONE'),
        ('GRANT EXECUTE ANY PROCEDURE TO "ANN"',),
        ('GRANT EXECUTE ANY PROCEDURE ON SCHEMA "HR" TO "ANN"',),
        (f'{RUN} "BEN"', 'ALTER USER "BEN" GRANT CONNECT THROUGH "ANN"'),
    ],
    ids=["the code", "everybody", "a role that is off", "any", "its schema", "a proxy"],
)
def test_who_may_run_it_may_do_what_it_does(server: StandIn, statements: tuple[str, ...]) -> None:
    answer = read_answer(server, *statements)
    assert (answer.verdict, answer.unseen) == (Verdict.UNKNOWN, (RAISE,))


def test_a_no_stays_one_where_nothing_runs_as_somebody_who_can(server: StandIn) -> None:
    server.execute('CREATE PROCEDURE "HR"."ASKS" AUTHID CURRENT_USER AS BEGIN NULL; END;')
    assert read_answer(server).verdict is Verdict.NO, "ANN may not run it"
    assert read_answer(server, 'GRANT EXECUTE ON "HR"."ASKS" TO "ANN"').verdict is Verdict.NO, (
        "it runs as whoever calls it"
    )
    answer = read_answer(server, f'{RUN} "ANN"', question=Question("CREATE USER", ON_SERVER))
    assert (answer.verdict, answer.unseen) == (Verdict.NO, ()), "HR may not either"


def test_code_may_run_other_code(server: StandIn) -> None:
    answer = read_answer(
        server, 'CREATE PACKAGE "BEN"."CALLS" AS END;', 'GRANT EXECUTE ON "BEN"."CALLS" TO "ANN"', f'{RUN} "BEN"'
    )
    assert (answer.verdict, answer.unseen) == (Verdict.UNKNOWN, (RAISE,))


def test_the_mark_of_code_is_nothing_to_ask_about() -> None:
    mark, code = RUNS._replace(scope="definer"), RUNS
    assert list(ACCESS.find_targets(None, ("HR", "RAISE"), [mark, code])) == [code]
    assert list(ACCESS.find_targets(None, ("SALESPDB", "HR", "RAISE"), [mark])) == [code._replace(scope="table")]


@pytest.mark.parametrize(
    "statement",
    [f'{RUN} "ANN"', 'GRANT EXECUTE ANY PROCEDURE ON SCHEMA "HR" TO "ANN"'],
    ids=["the code", "its schema"],
)
def test_what_was_granted_in_all_containers_runs_code_of_each(server: StandIn, statement: str) -> None:
    """Such a grant names no container, where the code has one."""
    population = build(server, (statement,))
    ann = population.accounts["ANN"]
    held = frozenset(
        item._replace(securable=item.securable._replace(database="")) if "EXECUTE" in item.privilege else item
        for item in ann.held
    )
    accounts = {**population.accounts, "ANN": replace(ann, held=held)}
    answer = Decider(ACCESS, replace(population, accounts=accounts)).decide("ANN", Question("SELECT", EMP))
    assert held != ann.held
    assert (answer.verdict, answer.unseen) == (Verdict.UNKNOWN, (RAISE,))


def test_what_was_not_seen_of_it_leaves_no_no(server: StandIn) -> None:
    server.hide("DBA_PROCEDURES")
    seen = read(server)
    unseen = {scope: Unseen(scope, Seen.DENIED, reason, None) for scope, reason in seen.unseen.items()}
    assert set(unseen) == {"database:SALESPDB/definers"}
    answer = Decider(ACCESS, Population(seen.states, unseen=unseen)).decide("ANN", Question("SELECT", EMP))
    assert (answer.verdict, answer.unseen) == (Verdict.UNKNOWN, tuple(unseen))


def test_from_the_ledger_a_no_is_as_unknown(server: StandIn, ledger_server: PostgresqlServer) -> None:
    """`why` loads what the code hangs on, too: here PUBLIC, and who is between."""
    calls = ('CREATE PACKAGE "BEN"."CALLS" AS END;', 'GRANT EXECUTE ON "BEN"."CALLS" TO "PUBLIC"')
    with making_seeded(ledger_server) as seeded:
        for statements in ((f'{RUN} "PUBLIC"',), (*calls, f'{RUN} "BEN"')):
            server.start_anew()
            server.execute(*SETUP)
            seeded.check(build(server, statements), ACCESS, [Question("SELECT", EMP)])
