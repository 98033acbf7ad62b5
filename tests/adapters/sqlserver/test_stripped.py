"""A SQL Server, or somebody in the middle, that says that it has no TLS: no password reaches it, unless it may."""

import pytest

from tests.adapters.sqlserver import tds
from tests.servers.hostile import HOST, Peer, start_hostile
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.model import Instance, Login

SECRET = "correct-horse-battery"
LOGIN7 = 16
"""The type of the packet that a login comes in."""


def to_sent(password: str) -> bytes:
    """Return a password as a login packet has it, which anybody can read: see MS-TDS, LOGIN7."""
    swapped = (((byte & 0x0F) << 4 | byte >> 4) ^ 0xA5 for byte in password.encode("utf-16-le"))
    return bytes(swapped)


def log_in(options: dict[str, str]) -> tuple[bytes, str]:
    """Return what came after the server had said that there is no encryption, and the error."""
    heard = bytearray()

    def strip(peer: Peer) -> None:
        tds.receive(peer)
        tds.send(peer, tds.PRELOGIN)
        while said := peer.receive():
            heard.extend(said)

    with start_hostile(strip) as server:
        instance = Instance(1, "bad", "sqlserver", HOST, server.port, options=options)
        adapter, limits = SqlserverAdapter(), Limits(connect_seconds=2)
        with (
            pytest.raises(WhalefallError) as raised,
            Deadline(20) as deadline,
            adapter.open(instance, Login("collector", SECRET), limits, deadline),
        ):
            pass
    return bytes(heard), str(raised.value)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tls": "verify-full"},
        {"tls": "required", "allow_cleartext_password": "yes"},
        {"encrypt": "yes"},
        {"encrypt": "yes", "trust_server_certificate": "yes"},
        {"encrypt": "strict"},
        {"tls": "required"},
        {"tls": "disabled"},
    ],
    ids=str,
)
def test_no_login_is_sent_where_tls_is_asked_for_and_stripped(options: dict[str, str]) -> None:
    heard, error = log_in(options)
    assert to_sent(SECRET) not in heard
    assert SECRET not in error
    assert len(error.splitlines()) == 1


def test_it_is_sent_where_the_instance_says_so() -> None:
    """And is found by the same look: this is what the others must not have."""
    heard, _ = log_in({"encrypt": "no"})
    assert heard[0] == LOGIN7
    assert to_sent(SECRET) in heard
