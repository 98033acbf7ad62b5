"""What a compromised SQL Server may do: send more than anybody can hold, never end, send the login elsewhere.

The driver is Microsoft's own, on a machine with or without its client libraries: what each of its two halves does
differs, and what is kept of it does not.
"""

import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

import pytest

from tests.adapters.sqlserver import tds
from tests.servers.hostile import HOST, HostileServer, Peer, start_hostile
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.relay import LOOPBACK, Relay, is_own
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.adapters.sqlserver.options import is_relayed
from whalefall_pipeline.adapters.sqlserver.route import find_port, lead_through, parse_answer
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError, WhalefallError
from whalefall_pipeline.core.model import Instance, Login

SECRET = "correct-horse-battery"
LIMITS = Limits(connect_seconds=20, statement_seconds=20, answer_bytes=8 * 1024**2)
NOTICE = tds.build_notice("x" * 200)
MEGABYTE = 1024


class Case(NamedTuple):
    """What a server does, and what is said of it."""

    behave: Callable[[Peer], None]
    error: type[WhalefallError]
    words: str


def read(server: HostileServer, limits: Limits = LIMITS, options: Mapping[str, str] | None = None) -> None:
    instance = Instance(1, "bad", "sqlserver", HOST, server.port, options={"encrypt": "no", **(options or {})})
    with Deadline(60) as deadline:
        opened = SqlserverAdapter().open(instance, Login("collector", SECRET), limits, deadline)
        with opened as session:
            session.read_accounts()


def never_end_the_login(peer: Peer) -> None:
    tds.greet(peer)
    tds.send_for_ever(peer, NOTICE)


def never_end_the_settings(peer: Peer) -> None:
    tds.greet(peer)
    tds.send(peer, tds.build_login())
    tds.receive(peer)
    tds.send_for_ever(peer, NOTICE)


def answer_with(head: bytes, tokens: bytes) -> Callable[[Peer], None]:
    """Make what answers the first question with a head, and tokens without end."""

    def behave(peer: Peer) -> None:
        tds.log_in(peer)
        tds.receive(peer)
        if head:
            tds.send(peer, head, last=False)
        tds.send_for_ever(peer, tokens)

    return behave


def stop_in_a_field(peer: Peer) -> None:
    tds.log_in(peer)
    tds.receive(peer)
    tds.send(peer, tds.build_texts() + b"\xd1" + tds.UNKNOWN_LENGTH + tds.CHUNK, last=False)
    peer.wait()


STRANGE = "the answer is none that SQL Server's catalog gives"
TOO_MUCH = "the answer holds more than 8,388,608 bytes"
CASES = {
    "a login without end": Case(never_end_the_login, DatabaseConnectionError, "more than 1,048,576 bytes during the"),
    "settings without end": Case(
        never_end_the_settings, DatabaseConnectionError, "more than 1,048,576 bytes during the login"
    ),
    "a field without end": Case(
        answer_with(tds.build_texts() + b"\xd1" + tds.UNKNOWN_LENGTH, tds.CHUNK), SyncDataError, STRANGE
    ),
    "a field that stops half-way": Case(stop_in_a_field, SyncDataError, STRANGE),
    "notices without end": Case(answer_with(b"", NOTICE), SyncDataError, TOO_MUCH),
    "rows without end": Case(answer_with(tds.build_numbers(1), tds.build_row(1)), SyncDataError, TOO_MUCH),
    "very many columns": Case(answer_with(tds.build_numbers(4000), tds.build_row(4000)), SyncDataError, STRANGE),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_what_a_server_sends_without_end_is_cut(case: Case) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with start_hostile(case.behave) as server, pytest.raises(case.error, match=case.words) as raised:
        read(server)
    assert SECRET not in str(raised.value)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 400 * MEGABYTE, f"{grown // MEGABYTE} MB for answers of 8"


def test_a_login_that_never_comes_ends_with_the_connect_limit_and_leaves_no_thread() -> None:
    """Behind the relay the driver's call comes back, where it was left behind for as long as the server liked."""
    with start_hostile(Peer.wait) as server:
        with pytest.raises(DatabaseConnectionError, match="no answer within 1 s"):
            read(server, Limits(connect_seconds=1))
        for thread in [one for one in threading.enumerate() if one.name in ("sqlserver-driver", "relay")]:
            thread.join(30)
            assert not thread.is_alive()


def test_a_server_that_sends_the_login_elsewhere_is_refused() -> None:
    """The relay would be passed by; the credential is for the host and port that it was registered with."""
    with start_hostile(tds.log_in) as other:

        def send_on(peer: Peer) -> None:
            tds.greet(peer)
            tds.send(peer, tds.build_routing(HOST, other.port))
            peer.wait()

        with start_hostile(send_on) as server:
            with pytest.raises(DatabaseConnectionError, match=r"sent the connection on to another.*relay=no") as raised:
                read(server)
            assert not raised.value.transient


def test_without_the_relay_the_driver_follows() -> None:
    """As an availability group's listener needs it; so the test before does not pass for another reason."""

    def answer_nothing(peer: Peer) -> None:
        tds.log_in(peer)
        tds.receive(peer)
        tds.send(peer, tds.build_numbers(1) + tds.DONE)

    with start_hostile(answer_nothing) as other:

        def send_on(peer: Peer) -> None:
            tds.greet(peer)
            tds.send(peer, tds.build_routing(HOST, other.port))
            peer.wait()

        with start_hostile(send_on) as server, pytest.raises(Exception, match="not enough values"):
            read(server, options={"relay": "no"})
        assert b"S\0E\0L\0E\0C\0T\0" in other.heard


@pytest.mark.parametrize(
    ("host", "options", "relayed"),
    [
        ("db", {}, True),
        ("db", {"relay": "no"}, False),
        ("db", {"authentication": "kerberos"}, False),
        ("db", {"authentication": "kerberos", "server_spn": "MSSQLSvc/db.example:1433"}, True),
        ("db", {"application_intent": "ReadOnly"}, False),
        ("db", {"application_intent": "ReadWrite"}, True),
        ("mi.abc.database.windows.net", {}, False),
        ("MI.abc.Database.Windows.Net.", {}, False),
    ],
)
def test_where_a_connection_can_not_go_through_a_relay(host: str, options: dict[str, str], relayed: bool) -> None:
    instance = Instance(1, "x", "sqlserver", host, 1433, options=options)
    assert is_relayed(instance, {}) is relayed
    assert is_relayed(Instance(1, "x", "sqlserver", host, 1433), options) is relayed


@pytest.mark.parametrize(
    ("given", "names_exclude", "expected"),
    [
        ({}, False, "db.example"),
        ({"HostnameInCertificate": "other"}, False, "other"),
        ({"ServerCertificate": "/c.pem"}, False, "db.example"),
        ({"ServerCertificate": "/c.pem"}, True, None),
        ({"MultiSubnetFailover": "yes"}, True, "db.example"),
    ],
)
def test_the_certificate_has_to_be_the_servers_not_the_relays(
    given: dict[str, str], names_exclude: bool, expected: str | None
) -> None:
    relay = Relay(lambda: socket.create_connection((HOST, 1)))
    for server in ("db.example,1433", r"db.example\SALES"):
        led = lead_through(relay, {"Server": server, **given}, names_exclude=names_exclude)
        assert (led["Server"], led.get("HostnameInCertificate")) == (f"{LOOPBACK},{relay.port}", expected)
        assert "MultiSubnetFailover" not in led
    relay.close()


def test_a_relay_takes_no_other_program_s_connection() -> None:
    with socket.create_server((HOST, 0)) as server:
        relay = Relay(lambda: socket.create_connection(server.getsockname()))
        relay.allow(1000)
        relay.expect()
        code = f"import socket; print(socket.create_connection(('{LOOPBACK}', {relay.port})).recv(1) == b'')"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == "True"
        upstream, _ = server.accept()
        with upstream, socket.create_connection((LOOPBACK, relay.port)) as own:
            assert is_own(own.getsockname())
            upstream.sendall(b"hello")
            assert own.recv(5) == b"hello"
            assert relay.received == 5
            relay.close()
            assert own.recv(1) == b""


def test_a_relay_that_is_closed_waits_for_nobody() -> None:
    with socket.create_server((HOST, 0)) as server:
        relay = Relay(lambda: socket.create_connection(server.getsockname()))
        relay.expect()
        upstream, _ = server.accept()
        relay.close()
        with upstream:
            assert upstream.recv(1) == b""


@pytest.mark.parametrize(
    ("answer", "port"),
    [
        (b"\x05\x40\0ServerName;H;InstanceName;Sales;IsClustered;No;Version;17.0;tcp;49172;np;x;;", 49172),
        (b"\x05\x40\0ServerName;H;InstanceName;SALES;tcp;65536;;", 0),
        (b"\x05\x40\0ServerName;H;InstanceName;SALES;tcp;" + b"9" * 5000, 0),
        (b"\x05\x40\0ServerName;H;InstanceName;SALES;tcp;-1;;", 0),
        ("\x05\x40\0ServerName;H;InstanceName;SALES;tcp;١٤٣٣;;".encode(), 0),
        (b"\x05\x40\0ServerName;H;InstanceName;SALES;np;pipe;;", 0),
        (b"\x05\x40\0ServerName;H;InstanceName;OTHER;tcp;1433;;", 0),
        (b"\x04\x40\0ServerName;H;InstanceName;SALES;tcp;1433;;", 0),
        (b"\xff" * 3000, 0),
        (b"", 0),
    ],
)
def test_what_a_browser_may_answer(answer: bytes, port: int) -> None:
    assert parse_answer(answer, "SALES") == port


def test_a_browser_that_is_not_there_is_said() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free, suppress(OSError):
        free.bind((HOST, 1434))
    with Deadline(2) as handshake, pytest.raises(DatabaseConnectionError) as raised:
        find_port(HOST, "NO_SUCH_INSTANCE", handshake)
    assert raised.value.transient
