"""What a failure of the driver means: transient or not, this statement's or the connection's, in one stable line. Pure.

Messages are taken from here or from the cause, never from the driver's whole text: it holds an id that is new each
time.
"""

import re
import socket
import ssl
from collections.abc import Sequence

from whalefall_pipeline.adapters.oracle.options import Endpoint
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Observation, Seen

_ORA = re.compile(r"ORA-\d{5}")

LOGIN_REFUSED = {
    "ORA-01005": "a password is needed",
    "ORA-01017": "user name or password is wrong",
    "ORA-01031": "the user may not log in that way",
    "ORA-01040": "the password has a character that the server does not take",
    "ORA-01045": "the user lacks CREATE SESSION",
    "ORA-28000": "the account is locked",
    "ORA-28001": "the password has expired",
    "ORA-28009": "SYS can only log in as SYSDBA; collect with an account of its own",
    "ORA-28030": "the server can't ask its directory service",
    "ORA-28032": "the password has expired, and the database is read-only",
    "ORA-28040": "the server asks for an authentication that the driver does not have",
    "ORA-28041": "the server and the driver do not agree on the authentication",
    "ORA-28043": "the server's own login to its directory service is refused",
    "ORA-28051": "the account is locked in the directory service",
    "ORA-28052": "the account is disabled in the directory service",
    "ORA-28053": "the account is inactive in the directory service",
    "ORA-28054": "the password has expired in the directory service",
    "ORA-28150": "the proxy is not authorized to connect as the client",
    "ORA-28154": "the proxy may not act as the client",
    "ORA-28183": "the proxy has to bring the client's own password",
    "ORA-28272": "the directory service does not allow a password",
    "ORA-28273": "the directory service does not know the user",
    "ORA-28274": "the directory service has no password for the user",
    "ORA-28276": "the directory service has no usable password for the user",
    "ORA-28277": "the directory service can't be searched for the user",
    "ORA-28293": "no user is mapped to this Kerberos principal",
    "ORA-28302": "the directory service does not know the user",
    "ORA-65162": "the password of the common user has expired",
    "DPY-2031": "the credential's secret is no access token",
    "DPY-2033": "the access token has expired",
    "DPY-3015": "the account has only an old password verifier (10G); set its password again",
    "DPY-4001": "a user name and a password are needed",
    "DPY-6008": "the server does not know the password that it checked: it may not be the one that it says it is",
}
"""Final: trying again would lock the account, or is in vain (Database Error Messages; python-oracledb's `errors.py`).

A code that stands nowhere is final too. ORA-28002 and ORA-28011 (the password expires soon) are no errors.
"""
UNUSABLE = {
    "ORA-12660": "the server demands native network encryption or checksums; use protocol=tcps",
    "DPY-2034": "login=token needs protocol=tcps",
    "DPY-2018": "wallet_location has no ewallet.pem",
    "DPY-3001": "what is asked for needs Oracle's client libraries (native network encryption: use protocol=tcps)",
    "DPY-3010": "the server is older than 12.1, which thin mode does not support",
    "DPY-5016": "the server demands native network encryption, or an authentication that the driver does not have; use "
    "protocol=tcps",
    "DPY-6002": "the server's certificate has another distinguished name",
    "DPY-6004": "the HTTPS proxy refuses the connection",
    "DPY-6006": "the server's certificate is for another host",
    "DPY-6009": "the server refuses TLS",
}
NOT_YET = {
    "ORA-00018": "the server has no session left",
    "ORA-00019": "the server has no session license left",
    "ORA-00020": "the server has no process left",
    "ORA-00257": "the server lets administrators in only until its archiver has space again",
    "ORA-01033": "the database is starting or shutting down",
    "ORA-01034": "the database is not up",
    "ORA-01035": "the database is open in restricted mode",
    "ORA-01089": "the database is shutting down",
    "ORA-01090": "the database is shutting down",
    "ORA-01109": "the database is not open",
    "ORA-01219": "the database is not open",
    "ORA-02391": "the user has no session left (SESSIONS_PER_USER)",
    "ORA-03113": "the server closed the connection",
    "ORA-03114": "the server closed the connection",
    "ORA-03135": "the connection was lost",
    "ORA-03136": "the server waited too long for the login",
    "ORA-04030": "the server has no memory left",
    "ORA-04031": "the server has no memory left",
    "ORA-12170": "the server did not answer in time",
    "ORA-12514": "the listener knows no such service, or not yet",
    "ORA-12516": "the listener has no handler that is free",
    "ORA-12519": "the listener has no handler that is free",
    "ORA-12520": "the listener has no handler of that kind",
    "ORA-12537": "the server closed the connection",
    "ORA-12541": "no listener is there",
    "ORA-12547": "the server closed the connection",
    "ORA-12570": "the connection was lost",
    "ORA-12571": "the connection was lost",
    "ORA-12757": "the instance does not know the service yet",
    "ORA-16456": "the database is switching over",
    "DPY-4011": "the server closed the connection",
    "DPY-6000": "the listener refused the connection",
    "DPY-6001": "the listener knows no such service, or not yet (ORA-12514)",
    "DPY-6003": "the listener knows no such SID, or not yet (ORA-12505)",
}
"""Transient: nothing was decided about the login."""
LISTENER_FINAL = {
    "ORA-12502": "the listener was given nothing to connect to",
    "ORA-12504": "the listener was given no service",
    "ORA-12529": "the listener's rules do not let this host in",
    "ORA-12533": "the listener does not understand the address",
    "ORA-12546": "the listener may not connect there",
}
"""What a listener refuses for good; else its refusals (`DPY-6000`) pass."""
DENIED = frozenset({"ORA-00942", "ORA-01031", "ORA-41900"})
TIMED_OUT = frozenset({"DPY-4024", "ORA-01013", "ORA-00040", "ORA-56735"})
LOCKED = frozenset({"ORA-00051", "ORA-00054", "ORA-02049", "ORA-04021", "ORA-30006"})
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
    """Return the code of a driver's error: the server's own where there is one, `ORA-00942`, else the driver's."""
    return _code_of(error) or type(error).__name__


def _code_of(error: BaseException) -> str:
    """Return the code that the driver's own errors have, and no others; the driver itself is not loaded for it."""
    return str(getattr(error.args[0], "full_code", "") if error.args else "")


def is_lost(error: BaseException) -> bool:
    """Return whether the connection is gone, and not this statement only."""
    return to_code(error) in LOST


def to_observation(views: Sequence[str], code: str) -> Observation:
    """Return why a statement over views gave nothing, the same each time; the first is the one that it is about."""
    view = views[0]
    if code in DENIED:
        grants = " and ".join(f"SYS.{name}" for name in views)
        return Observation(
            Seen.DENIED, f"{' or '.join(views)} is not visible ({code}): GRANT SELECT ON {grants} to the login"
        )
    if code == "ORA-00904":
        return Observation(Seen.DENIED, f"{view} lacks a column that is asked for ({code})")
    if code in LOCKED:
        return Observation(Seen.TIMED_OUT, f"{view} was locked by another session ({code})")
    if code in TIMED_OUT:
        return Observation(Seen.TIMED_OUT, f"{view} was not read within the statement's time ({code})")
    return Observation(Seen.UNREACHABLE, f"{view} can't be read ({code})")


def to_lost_error(target: Endpoint, error: BaseException) -> DatabaseConnectionError:
    """Return the error for an open connection that was lost."""
    return DatabaseConnectionError(f"{target}: the connection was lost ({_name(error)})", transient=True)


def to_too_large_error(target: Endpoint, most: int) -> DatabaseConnectionError:
    """Return the error for an answer that exceeds the limit of bytes."""
    return DatabaseConnectionError(
        f"{target}: the server sent more than the limit of {most} bytes for one answer", transient=False
    )


def to_connection_error(target: Endpoint, seconds: float, error: BaseException) -> DatabaseConnectionError:
    """Return why no connection came about, and whether trying again may help."""
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


def _to_refusal(target: Endpoint, error: BaseException) -> DatabaseConnectionError:
    code = to_code(error)
    for reasons, transient in ((LOGIN_REFUSED, False), (UNUSABLE, False), (NOT_YET, True)):
        if code in reasons:
            listener = _ORA.search(str(error)) if code == "DPY-6000" else None
            code, why = (listener.group() if listener else code), reasons[code]
            is_final = code in LISTENER_FINAL
            return DatabaseConnectionError(
                f"{target}: {LISTENER_FINAL.get(code, why)} ({code})", transient=transient and not is_final
            )
    return DatabaseConnectionError(f"{target}: the login failed ({code})", transient=False)


def _innermost(error: BaseException) -> BaseException:
    """Return the cause that says most: the system's own error, or else the last one with a code."""
    while (cause := error.__cause__) is not None and _code_of(error):
        if not (_code_of(cause) or isinstance(cause, OSError)):
            break
        error = cause
    return error


def _name(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "the connection is refused; is the listener up on this port?"
    if _code_of(error):
        return to_code(error)
    return getattr(error, "strerror", None) or type(error).__name__
