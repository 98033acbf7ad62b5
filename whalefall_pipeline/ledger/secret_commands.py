"""Secrets that a command prints, such as Vault's or a cloud's own: run without a shell, within limits of time and size.

What the command prints is the secret, and what it says on standard error may hold one: neither is ever shown.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, cast

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.text import make_visible

SECONDS = 30.0
MAX_BYTES = 65_536
OURS = "WHALEFALL_"
"""Begins our own variables, which hold the ledger's password and the key: the command gets none of them."""
BLOCK = 65_536


def read_output(words: Sequence[str], seconds: float = SECONDS) -> str:
    """Run a command and return what it prints, without its last line break.

    Raises InvalidInstanceError, with the command's name alone, when it can't be run, fails, prints nothing, too much or
    what is no text, or takes too long. Where it takes too long, it and all that it started are ended.
    """
    name = make_visible(words[0])
    environment = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    try:
        process = subprocess.Popen(  # noqa: S603 - the command that the instance's owner registered, without a shell
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its words can't be a command's"
        raise InvalidInstanceError(f"the credential's command {name} can't be run: {reason}") from None
    ends_at = time.monotonic() + seconds
    try:
        with cast("IO[bytes]", process.stdout) as output:
            printed = _read(output, ends_at)
        code = process.wait(max(0.0, ends_at - time.monotonic())) if printed is not None else None
    except subprocess.TimeoutExpired:
        printed = code = None
    finally:
        if process.returncode is None:
            _end(process)
    return _to_secret(name, printed, code, seconds)


def _to_secret(name: str, printed: bytes | None, code: int | None, seconds: float) -> str:
    what = f"the credential's command {name}"
    if printed is None:
        raise InvalidInstanceError(f"{what} takes longer than {seconds:g} s")
    if len(printed) > MAX_BYTES:
        raise InvalidInstanceError(f"{what} prints more than {MAX_BYTES} bytes")
    if code:
        raise InvalidInstanceError(f"{what} ended with exit code {code}; run it yourself to see what it says")
    try:
        secret = printed.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidInstanceError(f"{what} prints no UTF-8 text") from None
    if not secret:
        raise InvalidInstanceError(f"{what} prints nothing")
    return secret


def _read(output: IO[bytes], ends_at: float) -> bytes | None:
    """Return all that a pipe brings, or a little more than the limit of it; None: it did not end in time."""
    found = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while len(found) <= MAX_BYTES:
            if not selector.select(max(0.0, ends_at - time.monotonic())):
                return None
            block = os.read(output.fileno(), BLOCK)
            if not block:
                break
            found += block
    return found


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a command with its group, which is its own: it was not waited for, so the number is still the group's."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
