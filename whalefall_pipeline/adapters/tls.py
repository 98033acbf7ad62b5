"""TLS as every engine's instances are told it, in the same five words, beside the driver's own options."""

import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from whalefall_pipeline.core.errors import InvalidInstanceError

MODES = ("disabled", "preferred", "required", "verify-ca", "verify-full")
"""No TLS; TLS where offered; always TLS; a certificate of a known authority; and one that names the host."""
OPTIONS = ("tls", "tls_ca", "tls_cert", "tls_key")
"""The mode, and PEM files: the authorities that are trusted, our own certificate, and its key."""
ALLOW_CLEARTEXT = "allow_cleartext_password"
"""The option by which an instance lets the password itself be sent where nothing verifies who receives it."""
YES_NO = ("yes", "no")
FILE_BYTES = 1024**2


def is_verified(mode: str) -> bool:
    """Whether a mode verifies the server's certificate."""
    return mode.startswith("verify-")


def check_word(name: str, value: str, words: Collection[str]) -> str:
    """Return an option's value. Raise InvalidInstanceError where it is none of these words."""
    if value not in words:
        raise InvalidInstanceError(f"option {name} is {value!r}, and must be one of {', '.join(words)}")
    return value


def check_known(engine: str, options: Mapping[str, str], known: Collection[str]) -> None:
    """Raise InvalidInstanceError for options that an engine does not have."""
    unknown = sorted(options.keys() - set(known))
    if unknown:
        raise InvalidInstanceError(
            f"{engine} has no option {', '.join(map(repr, unknown))}; options are: {', '.join(sorted(known))}"
        )


def check_file(name: str, path: str) -> None:
    """Raise InvalidInstanceError unless an option's file is a regular one of a sensible size: a pipe never ends."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInstanceError(f"option {name}: {path!r} can't be read: {reason}") from None
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInstanceError(f"option {name}: {path!r} is no regular file")
    if found.st_size > FILE_BYTES:
        raise InvalidInstanceError(f"option {name}: {path!r} is larger than {FILE_BYTES} bytes")
