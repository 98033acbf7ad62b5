"""What takes messages, on loopback: a web server that keeps what is posted to it, and a mail server."""

import email
import email.policy
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller  # pyright: ignore[reportMissingTypeStubs]

from tests.servers.ports import HOST, take_port

ANSWER = b"ok"
"""What Slack answers; others look at the status alone."""


@dataclass
class Hook:
    """A web server's state: what was posted to it, and the status that it answers with; `port` is where it is."""

    port: int
    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    refused: int = 0

    @property
    def url(self) -> str:
        return f"json://{HOST}:{self.port}/hook"

    @property
    def keys(self) -> list[str]:
        """The keys of the messages that it took."""
        return [find_key(message["message"]) for message in self.taken]


def find_key(body: str) -> str:
    (key,) = [line.removeprefix("key: ") for line in body.splitlines() if line.startswith("key: ")]
    return key


@contextmanager
def start_hook(port: int | None = None) -> Generator[Hook]:
    """Run a web server, on a port that the caller has taken or on one of its own, until the block ends."""
    with nullcontext(port) if port else take_port() as taken:
        yield from _serve_hook(taken)


def _serve_hook(port: int) -> Generator[Hook]:
    hook = Hook(port)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if hook.status == 200:
                hook.taken.append(posted)
            else:
                hook.refused += 1
            self.send_response(hook.status)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    with ThreadingHTTPServer((HOST, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Mailbox:
    """A mail server's mail."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list[EmailMessage])

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd names it
        """Take a mail."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    @property
    def url(self) -> str:
        return f"mailto://{HOST}:{self.port}?mode=insecure&from=whalefall@example.org&to=dba@example.org"


@contextmanager
def start_mailbox() -> Generator[Mailbox]:
    """Run a mail server until the block ends."""
    with take_port() as port:
        mailbox = Mailbox(port)
        controller: Any = Controller(mailbox, hostname=HOST, port=port)
        controller.start()
        try:
            yield mailbox
        finally:
            controller.stop()
