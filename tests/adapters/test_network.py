"""A resolver that does not answer can't be interrupted: whoever waits for it ends with the limits of the connection."""

import socket
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.network import Address, SocketOption, find_addresses, open_socket
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Instance, Login

HOST = "hanging.invalid"
TRIES = SocketOption(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 7)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Generator[threading.Event]:
    """A resolver that does not answer for a host until the event is set; it is told of every other as ever."""
    answering, resolve = threading.Event(), socket.getaddrinfo

    def wait(host: str, *words: object, **settings: object) -> object:
        if host == HOST:
            answering.wait()
        return resolve(host, *words, **settings)  # pyright: ignore[reportArgumentType, reportCallIssue]

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield answering
    answering.set()


@pytest.mark.parametrize("db_type", sorted(ADAPTERS))
@pytest.mark.parametrize("limit", ["connect", "deadline"])
@pytest.mark.usefixtures("hanging")
def test_a_resolver_that_hangs_ends_with_the_limits(db_type: str, limit: str) -> None:
    """Without a limit of its own it would take as long as the resolver, which is for ever here."""
    limits = Limits(connect_seconds=0.2) if limit == "connect" else Limits(connect_seconds=600)
    deadline = Deadline(600 if limit == "connect" else 0.2)
    instance = Instance(1, "shop", db_type, HOST, 1, database="shop")
    with (
        pytest.raises(DatabaseConnectionError) as raised,
        ADAPTERS[db_type].open(instance, Login("collector", "hush"), limits, deadline),
    ):
        pass
    assert raised.value.transient
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", Address(socket.AF_INET, ("127.0.0.1", 1521))),
        ("::1", Address(socket.AF_INET6, ("::1", 1521, 0, 0))),
    ],
)
def test_what_is_an_address_already_is_what_the_resolver_says_of_it(host: str, address: Address) -> None:
    answers = socket.getaddrinfo(host, 1521, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    assert find_addresses(host, 1521, Deadline(60)) == [address] == [Address(each[0], each[4]) for each in answers]


def test_a_connection_is_kept_alive_in_the_way_that_is_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        with open_socket(host, port, Deadline(60), [TRIES]) as opened:
            assert opened.getsockopt(TRIES.level, TRIES.name) == TRIES.value
            assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert opened.gettimeout() is None


def test_a_folder_of_unix_sockets_takes_no_option_of_tcp(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / ".s.PGSQL.5432"))
        server.listen()
        with open_socket(str(tmp_path), 5432, Deadline(60), [TRIES]) as opened:
            assert opened.family == socket.AF_UNIX
            assert opened.gettimeout() is None
