"""Answers of a TDS server, byte by byte, for servers that do what they should not.

Source: Microsoft's open specification MS-TDS, the section of each token.
"""

import struct

from tests.servers.hostile import Peer

PACKET_BYTES = 4096
_HEADER_BYTES = 8
_COLLATION = b"\x09\x04\xd0\x00\x34"

PRELOGIN = bytes([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 255, 16, 0, 0, 0, 0, 0, 2])
"""A version, and that there is no encryption."""
DONE = b"\xfd" + bytes(12)
UNKNOWN_LENGTH = struct.pack("<Q", 0xFFFF_FFFF_FFFF_FFFE)
CHUNK = struct.pack("<I", 2000) + b"z\0" * 1000
"""A part of a field whose length nobody knows."""


def to_packets(body: bytes, *, last: bool = True) -> bytes:
    """Cut an answer into packets; without `last` more of it is to come."""
    size = PACKET_BYTES - _HEADER_BYTES
    parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    return b"".join(
        struct.pack(">BBHHBB", 4, last and number == len(parts), len(part) + _HEADER_BYTES, 0, number % 256, 0) + part
        for number, part in enumerate(parts, 1)
    )


def receive(peer: Peer) -> None:
    """Wait for a whole message of the client; raises ConnectionError when it is gone."""
    message = b""
    while len(message) < _HEADER_BYTES or len(message) < struct.unpack(">H", message[2:4])[0]:
        said = peer.receive()
        if not said:
            raise ConnectionError
        message += said


def send(peer: Peer, body: bytes, *, last: bool = True) -> None:
    """Answer."""
    peer.send(to_packets(body, last=last))


def send_for_ever(peer: Peer, tokens: bytes) -> None:
    """Answer with the same tokens again and again, in one answer that never ends."""
    size = PACKET_BYTES - _HEADER_BYTES
    block = tokens * size  # as many bytes as so many packets hold
    peer.send_for_ever(to_packets(block, last=False))


def log_in(peer: Peer) -> None:
    """Let the client in, and take the settings that it sends first."""
    greet(peer)
    send(peer, build_login())
    receive(peer)
    send(peer, DONE)


def greet(peer: Peer) -> None:
    """Take the client's first two messages, the second of which is its login."""
    receive(peer)
    send(peer, PRELOGIN)
    receive(peer)


def build_login() -> bytes:
    """Build what accepts a login."""
    name = "Microsoft SQL Server"
    accepted = b"\x01" + struct.pack(">I", 0x74000004) + bytes([len(name)]) + _to_utf16(name) + bytes([16, 0, 0, 1])
    collation = b"\xe3" + struct.pack("<H", 8) + bytes([7, 5]) + _COLLATION + b"\0"
    acknowledged = b"\xad" + struct.pack("<H", len(accepted)) + accepted
    return build_change(1, "master") + collation + acknowledged + build_change(4, str(PACKET_BYTES)) + DONE


def build_change(kind: int, value: str) -> bytes:
    """Build the notice that a setting has another value now."""
    body = bytes([kind, *(2 * (bytes([len(value)]) + _to_utf16(value)))])
    return b"\xe3" + struct.pack("<H", len(body)) + body


def build_routing(host: str, port: int) -> bytes:
    """Build the notice that sends a client on to another server, and the end of the login."""
    route = b"\0" + struct.pack("<HH", port, len(host)) + _to_utf16(host)
    body = bytes([20]) + struct.pack("<H", len(route)) + route + struct.pack("<H", 0)
    return build_login()[: -len(DONE)] + b"\xe3" + struct.pack("<H", len(body)) + body + DONE


def build_notice(text: str) -> bytes:
    """Build an informational message."""
    body = struct.pack("<IBBH", 5701, 1, 0, len(text)) + _to_utf16(text) + b"\1s\0\0" + struct.pack("<I", 1)
    return b"\xab" + struct.pack("<H", len(body)) + body


def build_texts() -> bytes:
    """Build the head of an answer with one column, nvarchar(max)."""
    return b"\x81\x01\0" + struct.pack("<IH", 0, 1) + b"\xe7\xff\xff" + _COLLATION + b"\x01" + _to_utf16("a")


def build_numbers(columns: int) -> bytes:
    """Build the head of an answer with so many columns, int."""
    return (
        b"\x81" + struct.pack("<H", columns) + (struct.pack("<IH", 0, 1) + b"\x26\x04\x01" + _to_utf16("a")) * columns
    )


def build_row(columns: int) -> bytes:
    """Build a row of numbers."""
    return b"\xd1" + b"\x04\1\0\0\0" * columns


def _to_utf16(text: str) -> bytes:
    return text.encode("utf-16-le")
