"""An event loop that a driver's coroutines run on one after the other, each bounded in time and in bytes received.

The driver's blocking calls can't be ended from outside: its connect timeout ends with the TCP connection, so that a
server that accepts and never answers holds it for ever. Its asyncio calls can be cancelled at any point of the TCP,
TLS and login handshakes and of a statement, which is what connect limit, deadline and cancellation do here.

Nor does it bound what it receives: it keeps all packets of a round trip until the last one has come. The loop counts
what comes in before the driver sees it, decrypted where the connection is encrypted, and cuts one that sends too much.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from whalefall_pipeline.adapters.answers import AnswerTooLargeError
from whalefall_pipeline.adapters.deadline import Deadline

CLOSE_SECONDS = 2.0

Result = TypeVar("Result")


class Lane:
    """Runs one coroutine after the other, each until it is done, its time or the deadline is up, or cancelled."""

    def __init__(self, deadline: Deadline, answer_bytes: int) -> None:
        self._loop = _MeteredLoop(answer_bytes)
        self._deadline = deadline

    def run(self, start: Callable[[], Coroutine[Any, Any, Result]], seconds: float | None = None) -> Result:
        """Run what `start` returns.

        Raises TimeoutError after `seconds`, AnswerTooLargeError, and what the deadline raises when it passes or is
        cancelled.
        """
        self._loop.received = 0
        with self._deadline.aborting(self._abort):
            try:
                return self._loop.run_until_complete(_within(start, seconds))
            except asyncio.CancelledError:
                raise (AnswerTooLargeError if self._loop.is_too_much else ConnectionAbortedError) from None

    def close(self, farewell: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Close the loop, after a last coroutine that may take a moment and whose failure does not matter."""
        if farewell is not None:
            with suppress(Exception, asyncio.CancelledError):
                self._loop.run_until_complete(_within(farewell, CLOSE_SECONDS))
        self._loop.run_until_complete(asyncio.sleep(0))  # lets closed transports release their sockets
        self._loop.close()

    def _abort(self) -> None:
        self._loop.call_soon_threadsafe(self._cancel_tasks)

    def _cancel_tasks(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()


async def _within(start: Callable[[], Coroutine[Any, Any, Result]], seconds: float | None) -> Result:
    async with asyncio.timeout(seconds):
        return await start()


class _MeteredLoop(asyncio.SelectorEventLoop):
    """Counts what its connections receive; `received` is set back by whoever starts a call."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self.received = 0

    @property
    def is_too_much(self) -> bool:
        """Whether more was received than may be."""
        return self.received > self._most

    async def create_connection(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        """Connect, with a meter before the protocol."""
        made: list[asyncio.Protocol] = []

        def make() -> asyncio.Protocol:
            made.append(protocol_factory())
            return _Meter(self, made[-1])

        transport, _ = await super().create_connection(make, *args, **options)
        return transport, made[-1]

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **options: Any) -> Any:
        """Encrypt a connection, with a meter between TLS and the protocol."""
        return await super().start_tls(transport, _Meter(self, protocol), sslcontext, **options)


class _Meter(asyncio.Protocol):
    """Stands before a protocol and hands on all that it is called with, as long as it is not too much."""

    def __init__(self, loop: _MeteredLoop, protocol: asyncio.Protocol) -> None:
        self._loop = loop
        self._protocol = protocol
        self._transport: asyncio.BaseTransport | None = None
        self.connection_lost = protocol.connection_lost
        self.eof_received = protocol.eof_received
        self.pause_writing = protocol.pause_writing
        self.resume_writing = protocol.resume_writing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = transport
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Count, and hand on or cut."""
        self._loop.received += len(data)
        if self._loop.is_too_much:
            if self._transport is not None:
                self._transport.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
        else:
            self._protocol.data_received(data)
