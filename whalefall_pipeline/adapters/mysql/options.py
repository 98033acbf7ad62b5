"""The options of an instance: `tls` and `tls_ca`. Loads nothing of the driver."""

import ssl
from collections.abc import Mapping

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance

OPTIONS = ("tls", "tls_ca")
TLS_MODES = ("disabled", "preferred", "required", "verify-ca", "verify-identity")


def to_tls(instance: Instance, defaults: Mapping[str, str]) -> tuple[str, ssl.SSLContext | None]:
    """Turn the options `tls` and `tls_ca` into a mode and a context; without TLS the context is None."""
    options = {**defaults, **instance.options}
    mode = to_mode(options)
    return mode, None if mode == "disabled" else _to_context(mode, options.get("tls_ca"))


def to_mode(options: Mapping[str, str]) -> str:
    """Give the option `tls`. Raises InvalidInstanceError for a value of it, or an option, that is not known."""
    unknown = sorted(options.keys() - set(OPTIONS))
    if unknown:
        raise InvalidInstanceError(f"unknown option {', '.join(unknown)}: known are {', '.join(OPTIONS)}")
    mode = options.get("tls", "preferred")
    if mode not in TLS_MODES:
        raise InvalidInstanceError(f"option tls is {mode}: known are {', '.join(TLS_MODES)}")
    return mode


def _to_context(mode: str, ca_file: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise InvalidInstanceError(f"option tls_ca: {ca_file} can't be used: {error.strerror or error}") from None
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # certificates that the servers make for themselves do not pass it
    context.check_hostname = mode == "verify-identity"
    context.verify_mode = ssl.CERT_REQUIRED if mode.startswith("verify-") else ssl.CERT_NONE
    return context
