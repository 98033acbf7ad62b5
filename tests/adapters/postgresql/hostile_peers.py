"""Peers that behave as PostgreSQL does, up to the moment at which a test has them behave otherwise."""

import struct
from dataclasses import replace

from tests.servers.hostile import HOST, HostileServer, Peer, to_message
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.postgresql import PostgresqlAdapter
from whalefall_pipeline.core.model import Instance, Login

SECRET = "correct-horse-battery"
LIMITS = Limits(connect_seconds=2, statement_seconds=5, answer_bytes=4 * 1024**2)
INSTANCE = Instance(1, "bad", "postgresql", HOST, 1)
READY = to_message(b"Z", b"I")
IN_TRANSACTION = to_message(b"Z", b"T")
LOGGED_IN = to_message(b"R", struct.pack(">I", 0)) + to_message(b"S", b"server_version\x0016.1\x00") + READY
BEGUN = to_message(b"C", b"BEGIN\0")
COLUMN = b"x\0" + struct.pack(">IhIhih", 0, 0, 25, -1, -1, 0)
HEADER = to_message(b"1", b"") + to_message(b"2", b"") + to_message(b"T", struct.pack(">h", 1) + COLUMN)
EMPTY_ROW = to_message(b"D", struct.pack(">hi", 1, -1))


def read(server: HostileServer, options: dict[str, str] | None = None, limits: Limits = LIMITS) -> None:
    instance = replace(INSTANCE, port=server.port, options=options or {})
    login = Login("collector", SECRET)
    with Deadline(30) as deadline, PostgresqlAdapter().open(instance, login, limits, deadline) as session:
        session.read_accounts()


def refuse_tls(peer: Peer) -> None:
    """Take the client's first messages, and say that there is no TLS."""
    peer.receive()
    peer.send(b"N")
    peer.receive()


def log_in(peer: Peer) -> None:
    refuse_tls(peer)
    peer.send(LOGGED_IN)


def begin(peer: Peer) -> None:
    """Begin the transaction, and take the first question."""
    log_in(peer)
    peer.receive()
    peer.send(BEGUN, IN_TRANSACTION)
    peer.receive()
