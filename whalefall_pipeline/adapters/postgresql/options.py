"""Which options an instance of PostgreSQL may have, and libpq's parameters for it."""

import ipaddress
import socket
from collections.abc import Callable, Mapping

from whalefall_pipeline.adapters import tls
from whalefall_pipeline.adapters.network import SocketOption
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login

SSL_MODES: Mapping[str, str] = dict(
    zip(tls.MODES, ("disable", "prefer", "require", "verify-ca", "verify-full"), strict=True)
)
"""Our word to libpq's."""
SSL_FILES = {"tls_ca": "sslrootcert", "tls_cert": "sslcert", "tls_key": "sslkey"}
PROTOCOLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
SWITCH = ("0", "1")
WORDS: Mapping[str, tuple[str, ...]] = {
    "tls": tls.MODES,
    tls.ALLOW_CLEARTEXT: tls.YES_NO,
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslcertmode": ("disable", "allow", "require"),
    "sslnegotiation": ("postgres", "direct"),
    "sslsni": SWITCH,
    "ssl_min_protocol_version": PROTOCOLS,
    "ssl_max_protocol_version": PROTOCOLS,
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
    "gsslib": ("gssapi", "sspi"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}
"""Options that take one of a few words."""
FILES = (*SSL_FILES, "sslrootcert", "sslcert", "sslkey", "sslcrl")
METHODS = frozenset({"password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"})
"""What require_auth lists, each perhaps after an exclamation mark."""
NO_PASSWORD = "!password"  # noqa: S105 - a method that is refused
SOCKET = {
    "keepalives": (socket.SOL_SOCKET, "SO_KEEPALIVE"),
    "keepalives_idle": (socket.IPPROTO_TCP, "TCP_KEEPIDLE"),
    "keepalives_interval": (socket.IPPROTO_TCP, "TCP_KEEPINTVL"),
    "keepalives_count": (socket.IPPROTO_TCP, "TCP_KEEPCNT"),
    "tcp_user_timeout": (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"),
}
"""Options of the socket to the server, which is ours: level, and name in the module `socket`."""
OPTIONS = frozenset({*WORDS, *FILES, *SOCKET, "sslcrldir", "krbsrvname", "require_auth", "hostaddr"})
"""Options of an instance: ours, and libpq's; https://www.postgresql.org/docs/current/libpq-connect.html."""


def check_options(options: Mapping[str, str]) -> None:
    """Raise InvalidInstanceError for an option, or a value of one, that no connection can be made with."""
    tls.check_known("PostgreSQL", options, OPTIONS)
    if "tls" in options and "sslmode" in options:
        raise InvalidInstanceError("options tls and sslmode say the same thing: set one of them")
    for name, value in options.items():
        _check_value(name, value)


def is_verified(options: Mapping[str, str]) -> bool:
    """Whether options make libpq verify the server's certificate."""
    return tls.is_verified(_to_sslmode(options))


def build_parameters(instance: Instance, login: Login, defaults: Mapping[str, str]) -> dict[str, str]:
    """Build libpq's parameters, its database and address excepted. Raise InvalidInstanceError for unusable options.

    Unless the certificate is verified, or an option allows it, no method is accepted that sends the password itself;
    a `require_auth` that lists the method `password` allows it.
    All that decides on TLS is given, so that no variable of the environment (PGSSLMODE) does.
    """
    options = {**defaults, **instance.options}
    if "sslmode" in instance.options:
        options.pop("tls", None)
    if "tls" in instance.options:
        options.pop("sslmode", None)
    check_options(options)
    for name in FILES:
        if name in options and options[name] != "system":
            tls.check_file(name, options[name])
    ours = {*tls.OPTIONS, tls.ALLOW_CLEARTEXT, *SOCKET}
    known = {name: value for name, value in options.items() if name not in ours}
    known |= {name: options[word] for word, name in SSL_FILES.items() if word in options}
    if "tls" in options and is_verified(options):
        known.setdefault("sslrootcert", "system")
    may_send = is_verified(options) or options.get(tls.ALLOW_CLEARTEXT) == "yes"
    if not may_send:
        known["require_auth"] = _refuse_cleartext(known.get("require_auth", ""))
    own = {"host": instance.host, "user": login.username, "password": login.password}
    fixed = {"sslmode": _to_sslmode(options), "application_name": "whalefall", "client_encoding": "UTF8"}
    return {**known, **own, **fixed}


def build_socket_options(options: Mapping[str, str]) -> list[SocketOption]:
    """Build what the socket to the server is set to; an option that this system lacks is left out."""
    found = [
        (level, getattr(socket, name, None), int(options[key]))
        for key, (level, name) in SOCKET.items()
        if key in options
    ]
    return [SocketOption(level, name, value) for level, name, value in found if name is not None]


def _to_sslmode(options: Mapping[str, str]) -> str:
    return options.get("sslmode") or SSL_MODES[options.get("tls", "preferred")]


def _check_value(name: str, value: str) -> None:
    if "\0" in value:
        raise InvalidInstanceError(f"option {name} holds a NUL character")
    if name in WORDS:
        tls.check_word(name, value, WORDS[name])
    if name in SOCKET and not (value.isdecimal() and len(value) < 8):
        raise InvalidInstanceError(f"option {name} is {value!r}, and must be a whole number")
    if name in CHECKS:
        CHECKS[name](value)


def _refuse_cleartext(methods: str) -> str:
    """Add what refuses the password itself to a list of methods that are refused; one of those accepted stays."""
    listed = methods.split(",") if methods else []
    if NO_PASSWORD in listed or not all(method.startswith("!") for method in listed):
        return methods
    return ",".join([*listed, NO_PASSWORD])


def _check_methods(value: str) -> None:
    """Refuse what libpq refuses only when it connects; it takes no blanks in the list."""
    listed = value.split(",")
    unknown = sorted({method.removeprefix("!") for method in listed} - METHODS)
    if unknown:
        named = ", ".join(map(repr, unknown))
        raise InvalidInstanceError(f"option require_auth lists {named}; methods are: {', '.join(sorted(METHODS))}")
    if len({method.startswith("!") for method in listed}) > 1:
        raise InvalidInstanceError("option require_auth lists methods with and without '!': use one of both for all")
    if len(set(listed)) < len(listed):
        raise InvalidInstanceError("option require_auth lists a method twice")


def _check_address(value: str) -> None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise InvalidInstanceError(f"option hostaddr is {value!r}, and must be one IP address") from None


CHECKS: Mapping[str, Callable[[str], None]] = {"require_auth": _check_methods, "hostaddr": _check_address}
