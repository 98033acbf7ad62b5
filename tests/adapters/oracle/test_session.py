"""A session of Oracle's: its deadline, its statements, and how it ends."""

import pytest

from tests.adapters.oracle.reading import PART_VIEWS, PDB, ROOT, read, to_adapter, to_instance
from tests.servers.oracle import COLLECTOR, PASSWORD, Session, StandIn
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncCancelledError
from whalefall_pipeline.core.model import Login, Seen
from whalefall_pipeline.core.unseen import carry_unseen


@pytest.mark.parametrize("service", [PDB, ROOT])
def test_the_deadline_ends_with_what_was_read(server: StandIn, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    server.execute(*(f"CREATE USER {name} IDENTIFIED BY pw" for name in ("SCOTT", "ADA")), "GRANT DBA TO SCOTT")
    complete = read(server, service)
    partial: list[int] = []
    for passed in range(2, complete.statements + 1):
        deadline = Deadline(60)
        fetch, sent = Session.fetch, list[str]()

        def fetch_and_expire(session: Session, statement: str) -> list[tuple[object, ...]]:
            rows = fetch(session, statement)  # noqa: B023 - called inside this round only
            sent.append(statement)  # noqa: B023
            if len(sent) == passed:  # noqa: B023
                deadline.expire()  # noqa: B023
            return rows

        with monkeypatch.context() as patched:
            patched.setattr(Session, "fetch", fetch_and_expire)
            try:
                seen = read(server, service, deadline)
            except DatabaseConnectionError:
                assert not partial, "a later deadline gave less"
                continue
        partial.append(passed)
        assert seen.attributes is None or passed >= complete.statements - 1
        assert {seen.coverage[scope].status for scope in seen.unseen} <= {Seen.TIMED_OUT}
        for username, state in complete.states.items():
            now = seen.states.get(username)
            assert now or seen.may_hide_any(username)
            kept = carry_unseen(now or state, state.held, seen.coverage, rules.RULES)
            assert kept.held == state.held
        assert set(seen.grants) <= set(complete.grants)
    # all but the last two or three of them come after roles and system privileges
    assert len(partial) >= len(PART_VIEWS) - 2


@pytest.mark.parametrize("service", [PDB, ROOT])
def test_statements_do_not_depend_on_the_number_of_accounts(server: StandIn, service: str) -> None:
    few = read(server, service).statements
    server.execute(*(f"CREATE USER U{number} IDENTIFIED BY pw" for number in range(50)))
    server.execute(*(f"GRANT CREATE SESSION TO U{number}" for number in range(50)))
    many = read(server, service)
    assert len(many.accounts) > 50
    assert many.statements == few


def test_a_wrong_password_is_not_worth_another_try(server: StandIn) -> None:
    login = Login(COLLECTOR, "wrong-secret")
    with (
        pytest.raises(DatabaseConnectionError, match="ORA-01017") as caught,
        to_adapter(server).open(to_instance(), login, Limits(), Deadline(60)),
    ):
        raise AssertionError("the login is wrong")
    assert not caught.value.transient
    assert "wrong-secret" not in str(caught.value)


def test_a_session_that_is_killed_is_a_lost_server(server: StandIn) -> None:
    with to_adapter(server).open(to_instance(), Login(COLLECTOR, PASSWORD), Limits(), Deadline(60)) as session:
        session.read_accounts()
        server.sessions[0].is_killed = True
        with pytest.raises(DatabaseConnectionError, match="the connection was lost") as caught:
            session.read_grants()
    assert caught.value.transient


def test_a_cancelled_reading_stops(server: StandIn) -> None:
    deadline = Deadline(60)
    with to_adapter(server).open(to_instance(), Login(COLLECTOR, PASSWORD), Limits(), deadline) as session:
        deadline.cancel()
        with pytest.raises(SyncCancelledError):
            session.read_accounts()


def test_a_session_ends_with_the_reading(server: StandIn) -> None:
    read(server)
    assert server.sessions == []


def test_all_is_read_at_one_point_in_time(server: StandIn) -> None:
    with to_adapter(server).open(to_instance(), Login(COLLECTOR, PASSWORD), Limits(), Deadline(60)):
        assert server.sessions[0].statements[0] == "SET TRANSACTION READ ONLY"
