"""What goes wrong ends as the error that says so, in time, with no partial reading and no secret in its text."""

import socket
import threading
import traceback
from collections.abc import Callable, Generator
from dataclasses import replace

import pytest

from tests.engines.engine import Server
from tests.engines.proxy import HOST, Proxy, open_black_hole, open_proxy
from tests.engines.reading import LIMITS
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncCancelledError
from whalefall_pipeline.core.model import SERVER, Login, Reading, Seen

SECRET = "a-secret-that-must-not-be-seen"


@pytest.fixture(scope="module")
def server(running_server: Server) -> Server:
    """One for all of these tests: they change nothing on it."""
    running_server.reset()
    running_server.prepare()
    return running_server


@pytest.fixture
def proxy(server: Server) -> Generator[Proxy]:
    with open_proxy(server.instance.host, server.instance.port) as proxy:
        yield proxy


def read_at(
    server: Server,
    port: int,
    *,
    login: Login | None = None,
    limits: Limits = LIMITS,
    deadline: Deadline | None = None,
    between: Callable[[], object] = lambda: None,
) -> Reading:
    """Read through a port; `between` happens when the accounts are read and the grants are not."""
    instance = replace(server.instance, host=HOST, port=port)
    with server.adapter.open(instance, login or server.login, limits, deadline or Deadline(60)) as session:
        session.read_accounts()
        between()
        return session.read_grants()


def test_a_wrong_password_is_not_tried_again_and_not_told(server: Server) -> None:
    with pytest.raises(DatabaseConnectionError) as raised:
        read_at(server, server.instance.port, login=Login(server.login.username, SECRET))
    assert not raised.value.transient
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert len(str(raised.value).splitlines()) == 1


def test_a_closed_port_may_be_tried_again(server: Server) -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        with pytest.raises(DatabaseConnectionError) as raised:
            read_at(server, unused.getsockname()[1])
    assert raised.value.transient


@pytest.mark.parametrize(("deadline", "connect_seconds"), [(0.3, 60.0), (60.0, 0.3)], ids=["deadline", "connect"])
def test_a_host_that_accepts_and_never_answers_ends_in_time(
    server: Server, deadline: float, connect_seconds: float
) -> None:
    with open_black_hole() as port, pytest.raises(DatabaseConnectionError) as raised:
        read_at(server, port, limits=Limits(connect_seconds=connect_seconds), deadline=Deadline(deadline))
    assert raised.value.transient


def test_a_server_that_goes_silent_ends_in_time(server: Server, proxy: Proxy) -> None:
    """With an error; or, where the server's own scope was read before, with a reading that says what it lacks."""
    ended: DatabaseConnectionError | Reading
    try:
        ended = read_at(server, proxy.port, deadline=Deadline(1), between=proxy.go_silent)
    except DatabaseConnectionError as error:
        ended = error
    if isinstance(ended, Reading):
        assert ended.coverage[SERVER].status is Seen.OBSERVED
        assert Seen.TIMED_OUT in {seen.status for seen in ended.coverage.values()}
    else:
        assert ended.transient


def test_a_cancel_ends_a_reading_that_waits(server: Server, proxy: Proxy) -> None:
    deadline = Deadline(60)

    def cancel_when_asked() -> None:
        proxy.asked.wait(60)
        deadline.cancel()

    def go_silent() -> None:
        proxy.go_silent()
        canceller.start()

    canceller = threading.Thread(target=cancel_when_asked)
    with pytest.raises(SyncCancelledError):
        read_at(server, proxy.port, deadline=deadline, between=go_silent)
    canceller.join()


def test_a_cancel_ends_a_login_that_waits(server: Server) -> None:
    deadline = Deadline(60)
    canceller = threading.Timer(0.1, deadline.cancel)
    with open_black_hole() as port:
        canceller.start()
        with pytest.raises(SyncCancelledError):
            read_at(server, port, deadline=deadline)
    canceller.join()


def test_connections_that_the_server_ends_give_no_reading(server: Server) -> None:
    with pytest.raises(DatabaseConnectionError) as raised:
        read_at(server, server.instance.port, between=server.kill_collectors)
    assert raised.value.transient


@pytest.mark.parametrize("received", [0, 500])
def test_a_connection_that_breaks_in_the_middle_gives_no_reading(server: Server, proxy: Proxy, received: int) -> None:
    with pytest.raises(DatabaseConnectionError) as raised:
        read_at(server, proxy.port, between=lambda: proxy.cut_after(received))
    assert raised.value.transient


def test_an_option_that_the_engine_does_not_know_is_named(server: Server) -> None:
    instance = replace(server.instance, options={"no_such_option": SECRET})
    with (
        pytest.raises(InvalidInstanceError, match="no_such_option") as raised,
        server.adapter.open(instance, server.login, LIMITS, Deadline(60)),
    ):
        pass
    assert SECRET not in "".join(traceback.format_exception(raised.value))
