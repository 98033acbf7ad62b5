"""What a failure of the driver means: transient or not, this statement's or the connection's, in one stable line. Pure.

Messages are taken from here or from the cause, never from the driver's whole text: it holds an id that is new each
time.
"""

import re
import socket
import ssl

from whalefall_pipeline.adapters.oracle.options import Target
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Observation, Seen

_ORA = re.compile(r"ORA-\d{5}")

LOGIN_REFUSED = {
    "ORA-01005": "a password is needed",
    "ORA-01017": "user name or password is wrong",
    "ORA-01045": "the user lacks CREATE SESSION",
    "ORA-28000": "the account is locked",
    "ORA-28001": "the password has expired",
    "ORA-28009": "SYS can only log in as SYSDBA; collect with an account of its own",
    "ORA-28040": "the server asks for an authentication that the driver does not have",
    "ORA-28030": "the server can't ask its directory service",
    "ORA-01031": "the user may not log in that way",
    "ORA-01035": "the database is open in restricted mode",
    "ORA-65162": "the password of the common user has expired",
    "DPY-4001": "a user name and a password are needed",
    "DPY-3015": "the account has only an old password verifier (10G); set its password again",
}
UNUSABLE = {
    "DPY-3001": "native network encryption is asked for, which needs thick mode; use protocol=tcps",
    "DPY-3010": "the server is older than 12.1, which thin mode does not support",
    "DPY-6002": "the server's certificate has another distinguished name",
    "DPY-6006": "the server's certificate is for another host",
    "DPY-6009": "the server refuses TLS",
    "DPY-2018": "wallet_location has no ewallet.pem",
}
NOT_YET = {
    "DPY-6001": "the listener knows no such service, or not yet (ORA-12514)",
    "DPY-6003": "the listener knows no such SID, or not yet (ORA-12505)",
    "DPY-6000": "the listener refused the connection",
    "ORA-01033": "the database is starting or shutting down",
    "ORA-01034": "the database is not up",
    "ORA-01089": "the database is shutting down",
    "ORA-01090": "the database is shutting down",
    "ORA-00018": "the server has no session left",
    "ORA-00020": "the server has no process left",
    "ORA-01109": "the database is not open",
    "ORA-02391": "the user has no session left (SESSIONS_PER_USER)",
    "DPY-4011": "the server closed the connection",
}
DENIED = frozenset({"ORA-00942", "ORA-01031", "ORA-41900"})
TIMED_OUT = frozenset({"DPY-4024", "ORA-01013", "ORA-00040", "ORA-56735"})
LOST = frozenset(
    {"DPY-1001", "DPY-4011", "DPY-4033", "ORA-00028", "ORA-01012", "ORA-01033", "ORA-01034", "ORA-01089", "ORA-01092"}
    | {"ORA-02396", "ORA-02399", "ORA-03113", "ORA-03114", "ORA-03135", "ORA-12537", "ORA-12570", "ORA-12571"}
)


class CatalogError(Exception):
    """One statement failed and the connection is still good; `code` is the server's or the driver's (`ORA-00942`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def to_code(error: BaseException) -> str:
    """Give the code of a driver's error: the server's own where there is one, `ORA-00942`, else the driver's."""
    return _code_of(error) or type(error).__name__


def _code_of(error: BaseException) -> str:
    """Give the code that the driver's own errors have, and no others; the driver itself is not loaded for it."""
    return str(getattr(error.args[0], "full_code", "") if error.args else "")


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, and not this statement only."""
    return to_code(error) in LOST


def to_observation(view: str, code: str) -> Observation:
    """Say why a statement over a view gave nothing, the same each time."""
    if code in DENIED:
        return Observation(Seen.DENIED, f"{view} is not visible ({code}): GRANT SELECT ON SYS.{view} to the login")
    if code == "ORA-00904":
        return Observation(Seen.DENIED, f"{view} lacks a column that is asked for ({code})")
    if code in TIMED_OUT:
        return Observation(Seen.TIMED_OUT, f"{view} was not read within the statement's time ({code})")
    return Observation(Seen.UNREACHABLE, f"{view} can't be read ({code})")


def to_lost_error(target: Target, error: BaseException) -> DatabaseConnectionError:
    """Say that an open connection was lost."""
    return DatabaseConnectionError(f"{target}: the connection was lost ({_name(error)})", transient=True)


def to_connection_error(target: Target, seconds: float, error: BaseException) -> DatabaseConnectionError:
    """Say why no connection came about, and whether trying again may help."""
    cause = _innermost(error)
    if isinstance(cause, TimeoutError):
        return DatabaseConnectionError(f"{target}: no connection within {seconds:g} s", transient=True)
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = f"the certificate is not trusted ({cause.verify_message}); set ssl_ca_file or wallet_location"
        return DatabaseConnectionError(f"{target}: {why}", transient=False)
    if isinstance(cause, ssl.SSLError):
        why = f"no TLS ({cause.reason or 'handshake failed'}); is this a tcps port?"
        return DatabaseConnectionError(f"{target}: {why}", transient=False)
    if isinstance(cause, socket.gaierror):
        return DatabaseConnectionError(
            f"{target}: the host name does not resolve", transient=cause.errno == socket.EAI_AGAIN
        )
    if isinstance(cause, OSError):
        return DatabaseConnectionError(f"{target}: {_name(cause)}", transient=True)
    return _to_refusal(target, cause)


def _to_refusal(target: Target, error: BaseException) -> DatabaseConnectionError:
    code = to_code(error)
    for reasons, transient in ((LOGIN_REFUSED, False), (UNUSABLE, False), (NOT_YET, True)):
        if code in reasons:
            listener = _ORA.search(str(error)) if code == "DPY-6000" else None
            why = f"{reasons[code]} ({listener.group() if listener else code})"
            return DatabaseConnectionError(f"{target}: {why}", transient=transient)
    return DatabaseConnectionError(f"{target}: the login failed ({code})", transient=False)


def _innermost(error: BaseException) -> BaseException:
    while _code_of(error) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _name(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "the connection is refused; is the listener up on this port?"
    if _code_of(error):
        return to_code(error)
    return getattr(error, "strerror", None) or type(error).__name__
