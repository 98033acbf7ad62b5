"""What went wrong, in one line, and whether it is the server, one database, or the login: pure functions.

libpq gives no SQLSTATE for a connection that failed, only its words, so those decide whether trying again may help. A
server that speaks another language is not recognised there; its refusals then count as not transient.
"""

from functools import partial
from typing import Any

import psycopg

from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Observation, Seen

LOST = (
    "connection refused",
    "connection reset",
    "server closed the connection",
    "connection timed out",
    "timeout expired",
    "could not receive data",
    "could not send data",
    "no route to host",
    "network is unreachable",
    "is starting up",
    "is shutting down",
    "recovery mode",
)
CLEARTEXT = (
    "the server asks for the password itself, and nothing verifies that it is the right one: set the option tls to"
    " verify-full (and tls_ca), or, to send it all the same, allow_cleartext_password to yes"
)
TOO_MUCH = "the server sent more than {limit:,} bytes at once; WHALEFALL_ANSWER_BYTES sets the limit of an answer"
TOO_MUCH_OF_A_LOGIN = "the server sent more than {limit:,} bytes during the login, which no server needs"
FULL = ("too many c", "remaining connection slots")


class DatabaseRefusedError(DatabaseConnectionError):
    """A connection to one database failed while the server itself may well be there; `seen` says how."""

    def __init__(self, message: str, seen: Seen, *, transient: bool) -> None:
        super().__init__(message, transient=transient)
        self.seen = seen

    def __reduce__(self) -> tuple[Any, ...]:
        """Go from process to process with all that it says."""
        return partial(type(self), seen=self.seen, transient=self.transient), self.args


class UnreadableError(Exception):
    """A statement failed on a connection that stands: what it would have shown is not observed."""

    def __init__(self, observation: Observation) -> None:
        super().__init__(observation.reason)
        self.observation = observation


def to_connect_error(message: str) -> DatabaseConnectionError:
    """Return, by libpq's words about a failed connection, whether the server is lost or has refused."""
    reason = to_line(message)
    said = message.lower()
    if "authentication method requirement" in said and "password" in said:
        return DatabaseRefusedError(CLEARTEXT, Seen.DENIED, transient=False)
    if any(words in said for words in LOST):
        return DatabaseConnectionError(reason, transient=True)
    return DatabaseRefusedError(reason, Seen.DENIED, transient=any(words in said for words in FULL))


def to_too_much(limit: int) -> DatabaseConnectionError:
    """Return the error of a server that sent more than an answer may have."""
    return DatabaseConnectionError(TOO_MUCH.format(limit=limit), transient=False)


def to_too_much_of_a_login(limit: int) -> DatabaseConnectionError:
    """Return the error of a server that sent more than a login may have; no setting changes that limit."""
    return DatabaseConnectionError(TOO_MUCH_OF_A_LOGIN.format(limit=limit), transient=False)


def to_statement_error(error: psycopg.Error) -> DatabaseConnectionError | UnreadableError:
    """Return what a failed statement means: that the connection ended, or that this statement can't be read."""
    if error.sqlstate is None or error.diag.severity_nonlocalized in ("FATAL", "PANIC"):
        return DatabaseConnectionError(f"the connection was lost: {to_line(str(error))}", transient=True)
    status = {"57014": Seen.TIMED_OUT, "42501": Seen.DENIED}.get(error.sqlstate, Seen.UNREACHABLE)
    return UnreadableError(Observation(status, error.diag.message_primary or f"SQLSTATE {error.sqlstate}"))


def to_line(message: str) -> str:
    """Return the reason of a failure as one line, without the address that was spoken to.

    libpq tells one failure per address and way of trying, the last at the end, each followed by hints; with
    `sslmode=prefer` a refusal over TLS comes first, that without it last.
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    failures = [line for line in lines if " failed: " in line] or lines[:1] or ["no reason given"]
    return failures[-1].partition(" failed: ")[2].removeprefix("FATAL:").strip() or failures[-1]
