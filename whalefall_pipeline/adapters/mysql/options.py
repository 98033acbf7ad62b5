"""The options of an instance of MySQL or MariaDB. Loads nothing of the driver."""

import ssl
from collections.abc import Mapping
from typing import NamedTuple

from whalefall_pipeline.adapters import tls
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance

OPTIONS = (*tls.OPTIONS, tls.ALLOW_CLEARTEXT)
EARLIER = {"verify-identity": "verify-full"}
"""MySQL's own word for a mode, which instances of earlier versions have."""


class Transport(NamedTuple):
    """How a connection is protected: the mode, a context unless TLS is off, and whether the password may be sent."""

    mode: str
    context: ssl.SSLContext | None
    may_send_password: bool
    has_certificate: bool

    @property
    def is_verified(self) -> bool:
        """Whether the server's certificate is verified."""
        return tls.is_verified(self.mode)


def check_options(options: Mapping[str, str]) -> None:
    """Raise InvalidInstanceError for an option, or a value of one, that is not known."""
    tls.check_known("MySQL", options, OPTIONS)
    _to_mode(options)
    tls.check_word(tls.ALLOW_CLEARTEXT, options.get(tls.ALLOW_CLEARTEXT, "no"), tls.YES_NO)
    if "tls_key" in options and "tls_cert" not in options:
        raise InvalidInstanceError("option tls_key needs tls_cert, the certificate that it belongs to")


def build_transport(instance: Instance, defaults: Mapping[str, str]) -> Transport:
    """Turn an instance's options into what a connection needs. Raise InvalidInstanceError for unusable ones."""
    options = {**defaults, **instance.options}
    check_options(options)
    for name in ("tls_ca", "tls_cert", "tls_key"):
        if name in options:
            tls.check_file(name, options[name])
    mode = _to_mode(options)
    return Transport(
        mode,
        None if mode == "disabled" else _build_context(mode, options),
        tls.is_verified(mode) or options.get(tls.ALLOW_CLEARTEXT) == "yes",
        "tls_cert" in options,
    )


def _to_mode(options: Mapping[str, str]) -> str:
    mode = options.get("tls", "preferred")
    return tls.check_word("tls", EARLIER.get(mode, mode), tls.MODES)


def _build_context(mode: str, options: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = _to_context(options.get("tls_ca"), verified=tls.is_verified(mode))
    except (OSError, ValueError) as error:
        raise InvalidInstanceError(
            f"option tls_ca: {options.get('tls_ca')} can't be used: {_to_reason(error)}"
        ) from None
    try:
        if "tls_cert" in options:
            context.load_cert_chain(options["tls_cert"], options.get("tls_key"), password=_no_password)
    except (OSError, ValueError) as error:
        raise InvalidInstanceError(f"options tls_cert and tls_key can't be used: {_to_reason(error)}") from None
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # certificates that the servers make for themselves do not pass it
    context.check_hostname = mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if tls.is_verified(mode) else ssl.CERT_NONE
    return context


def _to_context(authorities: str | None, *, verified: bool) -> ssl.SSLContext:
    """Return a context with the named authorities, or the system's where a certificate is verified.

    Loading the system's takes longer than a whole reading of a small server.
    """
    if authorities or verified:
        return ssl.create_default_context(cafile=authorities)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _no_password() -> str:
    """Stop OpenSSL from asking the terminal for a key's passphrase."""
    raise ValueError("the key is encrypted, and nobody is there to give its passphrase")


def _to_reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
