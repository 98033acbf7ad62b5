"""What a relay does for any driver; what it keeps a hostile server from is tested with each."""

import socket
from contextlib import suppress

import pytest

from whalefall_pipeline.adapters.relay import LOOPBACK, OWN_HANDLES, Relay


def _is_sent_at_once(local: object, peer: object) -> bool:
    """Whether the socket of this process that connects these addresses holds back no small packet."""
    for path in OWN_HANDLES.iterdir():
        with suppress(OSError), socket.fromfd(int(path.name), socket.AF_INET, socket.SOCK_STREAM) as copy:
            if (copy.getsockname(), copy.getpeername()) == (local, peer):
                return bool(copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    raise AssertionError("there is no such socket")


@pytest.mark.parametrize("is_attached", [False, True])
def test_the_end_of_an_answer_is_not_held_back(is_attached: bool) -> None:
    """Until the driver's system has said that it has the rest, which takes it 40 ms; so each large answer did."""
    with socket.create_server((LOOPBACK, 0)) as server:
        relay = Relay(lambda: socket.create_connection(server.getsockname()))
        relay.allow(1000)
        with socket.create_connection((LOOPBACK, relay.port)) as driver:
            if is_attached:
                relay.attach(driver.getsockname())
            else:
                relay.expect()
            upstream, _ = server.accept()
            with upstream:
                upstream.sendall(b"x")
                assert driver.recv(1) == b"x", "the relay has taken the connection"
                assert _is_sent_at_once(driver.getpeername(), driver.getsockname())
        relay.close()
