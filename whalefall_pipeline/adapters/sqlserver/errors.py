"""The driver's errors as ours: what a refused or lost connection, and a failed statement, mean. Pure.

The driver hands on the server's texts, not its error numbers; so a text that this code does not know (a server's own
language, say) counts as a refusal that is final: a login that is tried again may be locked by it.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Observation, Seen
from whalefall_pipeline.core.text import make_visible

Row: TypeAlias = tuple[Any, ...]

MAX_TEXT = 500
"""How much of a server's own text an error repeats."""

_PREFIX = re.compile(r"^(\[[^]]*\]\s*)+")
_BY_SERVER = "[SQL Server]"
TIMEOUT = "Timeout expired"
"""The driver's word for a call that it gave up waiting for."""

TRANSIENT: Mapping[int, str] = {
    921: "has not been recovered yet",
    922: "is being recovered",
    983: "is not in the PRIMARY or SECONDARY role",
    4221: "Login to read-secondary failed due to long wait",
    6005: "SHUTDOWN is in progress",
    10928: "limit for the database is .* and has been reached",
    10929: "server is currently too busy to support requests",
    17142: "service has been paused",
    17148: "terminating because of a system shutdown",
    17187: "is not ready to accept new client connections",
    17188: "cannot accept new connections, because it is shutting down",
    17189: "to spawn a thread to process a new login or connection",
    17191: "Cannot accept a new connection because the session has been terminated",
    17197: "Login failed due to timeout",
    17198: "the endpoint could not be found",
    17803: "memory allocation failure during connection establishment",
    17809: "maximum number of '.*' user connections has already been reached",
    17810: "maximum number of '.*' dedicated administrator connections already exists",
    17829: "network error occurred while establishing a connection",
    17830: "occurred while establishing a connection",
    17899: "Login timer expired",
    18401: "Server is in script upgrade mode",
    18458: "number of simultaneous users already equals",
    18459: "workstation licensing limit",
    18460: "number of simultaneous users has already reached the limit",
    40197: "service has encountered an error processing your request",
    40501: "service is currently busy",
    40613: "is not currently available. Please retry the connection later",
    49918: "Not enough resources to process",
    49919: "Too many create or update operations in progress",
    49920: "Too many operations in progress",
}
"""Refusals that pass by themselves: the server is busy, full, starting or stopping, and has not judged the login.

Source: Microsoft Learn, "Database Engine events and errors" (17000 to 18999) and "Troubleshoot transient connection
errors" (Azure); number to what its English text holds. Every other answer to a login is final: 18456 and its kin
(18452, 18462 to 18471, 18486 to 18488), 4060, 4064, 17892, 40532, 40615, 40914, and 18451 and 18461 (which let in
administrators only).
"""

_TRANSIENT = re.compile("|".join(TRANSIENT.values()))
_DENIED = re.compile(
    r"permission was denied|not able to access the database|do(es)? not have permission|"
    r"cannot be opened due to inaccessible",
    re.IGNORECASE,
)
_LOCKED = "Lock request time out period exceeded"
_DEADLOCKED = "chosen as the deadlock victim"

_VERIFICATION = re.compile(r"certificate verify failed", re.IGNORECASE)
_HANDSHAKE = re.compile(r"SSL Provider|TLS handshake|SSL Security error|pre-login handshake", re.IGNORECASE)
_OTHER_NAME = re.compile(r"mismatch|does not match", re.IGNORECASE)
_OUT_OF_DATE = re.compile(r"expired|not yet valid", re.IGNORECASE)
_NO_COMMON_TLS = re.compile(
    r"unsupported protocol|protocol version|wrong version|legacy sigalg|no shared cipher|handshake failure|"
    r"no protocols available|dh key too small|ee key too small|ca md too weak",
    re.IGNORECASE,
)
_BROWSER = "Error Locating Server/Instance Specified"
_NO_TICKET = re.compile(r"Kerberos|GSSAPI|SSPI", re.IGNORECASE)


class StatementError(Exception):
    """One statement failed or timed out, and the server is still there: `observation` says why, in a stable line."""

    def __init__(self, observation: Observation) -> None:
        super().__init__(observation.reason)
        self.observation = observation


class Endpoint(NamedTuple):
    """What a connection is tried with, as far as its errors speak of it."""

    server: str
    secret: str = ""
    trusts_any_certificate: bool = False


def is_by_server(state: str, text: str) -> bool:
    """Whether the server itself refused a statement, so that the connection still stands; or was only too slow."""
    return _BY_SERVER in text or state == TIMEOUT


def to_failure(state: str, text: str, target: Endpoint, seconds: float) -> Observation:
    """Return what a failed statement means for what it reads. `state` is the driver's word for the SQLSTATE."""
    if state == TIMEOUT:
        return Observation(Seen.TIMED_OUT, f"no answer within {seconds:g} s")
    if _LOCKED in text:
        return Observation(Seen.TIMED_OUT, "its catalog is locked by another session")
    if _DEADLOCKED in text:
        return Observation(Seen.TIMED_OUT, "the reading gave way to another session in a deadlock")
    line = to_line(text or state, target)
    return Observation(Seen.DENIED if _DENIED.search(line) else Seen.UNREACHABLE, line)


def to_connection_error(state: str, text: str, target: Endpoint) -> DatabaseConnectionError:
    """Return why there is no connection, with what to do, and whether trying again may help."""
    line = to_line(text or state, target)
    server = make_visible(target.server)
    if _BY_SERVER in text:
        transient = bool(_TRANSIENT.search(line))
        advice = "" if transient else " Check the credential and the database."
        return DatabaseConnectionError(f"{server}: {line}{advice}", transient=transient)
    if _VERIFICATION.search(line):
        advice = _advise_on_certificate(line, target)
        return DatabaseConnectionError(f"{server}: the server's certificate is not accepted: {advice}", transient=False)
    if _HANDSHAKE.search(line):
        return _to_handshake_error(server, line)
    if _BROWSER in line:
        advice = "does SQL Server Browser run there, and answer on UDP port 1434? Or register host and port"
        return DatabaseConnectionError(f"{server}: no such instance is found: {advice}", transient=True)
    if _NO_TICKET.search(line):
        return DatabaseConnectionError(f"{server}: {line}", transient=False)
    return DatabaseConnectionError(f"{server}: {line}", transient="load the driver" not in line)


def _advise_on_certificate(line: str, target: Endpoint) -> str:
    if _OTHER_NAME.search(line):
        return "it is made out to another name: connect by that name, or set the option hostname_in_certificate"
    if _OUT_OF_DATE.search(line):
        return "it has expired, or is not valid yet"
    advice = "nobody that this machine trusts vouches for it: install its authority's certificate here"
    if target.trusts_any_certificate:
        return advice
    return f"{advice}, or set the option trust_server_certificate=yes and verify nothing"


def _to_handshake_error(server: str, line: str) -> DatabaseConnectionError:
    if _NO_COMMON_TLS.search(line):
        advice = "server and driver share no version of TLS, or no cipher: enable TLS 1.2 on the server"
        return DatabaseConnectionError(f"{server}: {advice} ({line})", transient=False)
    advice = "the TLS handshake broke off; where it always does, the server may lack TLS 1.2"
    return DatabaseConnectionError(f"{server}: {advice} ({line})", transient=True)


def to_line(text: str, target: Endpoint) -> str:
    """Return a driver's or server's text as one line that shows all it holds, without the login's secret."""
    line = " ".join(_PREFIX.sub("", text).split())
    if target.secret:
        line = line.replace(target.secret, "***")
    line = make_visible(line)
    return line if len(line) <= MAX_TEXT else f"{line[:MAX_TEXT]}..."
