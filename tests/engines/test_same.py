"""A server that is said to hold the same does, and what is read of another after the question is all that it holds."""

from itertools import groupby

from tests.engines.engine import ACCOUNT, Server
from tests.engines.reading import LIMITS, Seen, read
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.model import Reading
from whalefall_pipeline.core.states import build_states


def check_and_read(server: Server, known: Reading) -> tuple[bool, Seen]:
    """Return whether it is said to be the same, and what is read in that session after it was asked."""
    with server.adapter.open(server.instance, server.login, LIMITS, Deadline(120)) as session:
        same = session.is_same(known.source)
        accounts, reading = session.read_accounts(), session.read_grants()
        return same, Seen(build_states(accounts, reading.held)[0], reading, session.statements, session.version)


def test_one_is_the_same_only_while_nothing_changes(server: Server) -> None:
    server.create_accounts([ACCOUNT])
    before = read(server)
    same, again = check_and_read(server, before.reading)
    assert same == bool(before.reading.source)
    assert (again.states, again.grants, again.reading.source) == (before.states, before.grants, before.reading.source)
    for database, cases in groupby(server.scope_cases, key=lambda case: case.database):
        server.execute(*(statement for case in cases for statement in case.grant), database=database)
    same, granted = check_and_read(server, before.reading)
    assert not same
    assert [case.name for case in server.scope_cases if not granted.grants >= set(case.expected)] == []
    assert granted.statements == again.statements
    same, again = check_and_read(server, granted.reading)
    assert same == bool(granted.reading.source)
    assert (again.reading.rows, again.reading.coverage) == (granted.reading.rows, granted.reading.coverage)
    server.create_accounts(["wf_later"])
    assert not check_and_read(server, granted.reading)[0]
