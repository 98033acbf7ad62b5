"""Takes a secret from who runs the command: typed at a terminal, unseen, or from standard input."""

import sys

import typer

from whalefall_pipeline.core.errors import InvalidInputError

LONGEST = 65_536


def read_secret(*, from_input: bool) -> str:
    """Return a secret that is not empty: what a terminal is asked for, or without one what was sent.

    Raises InvalidInputError where nobody can be asked and nothing was sent.
    """
    if sys.stdin.isatty() and not from_input:
        return str(typer.prompt("Password", hide_input=True, err=True))
    secret = _read_line()
    if secret:
        return secret
    if from_input:
        raise InvalidInputError("there is no password on standard input")
    raise InvalidInputError(
        "there is no terminal to ask for the password; name it by --password-env or --password-file, or send it with "
        "--password-stdin"
    )


def _read_line() -> str:
    """Return the first line of standard input, and no more of it than a secret can have."""
    line = sys.stdin.buffer.readline(LONGEST + 1)
    if len(line) > LONGEST:
        raise InvalidInputError(f"the password on standard input has more than {LONGEST} bytes")
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidInputError("the password on standard input is no UTF-8 text") from None
