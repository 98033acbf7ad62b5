"""Prints to people and to programs: lines, and where what is printed goes. Rows are printed by `rows.py`.

Data goes to standard output, all else to standard error. Nothing that is printed here is ever read as markup, and text
of a server, a name or a file has its control characters made visible first.
"""

import os
import shutil
import sys
from typing import TextIO

from whalefall_pipeline.core.text import make_visible

STYLES = {"bold": "1", "dim": "2", "italic": "3", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
NARROW, USUAL = 40, 80
BROKEN_PIPE = 141
"""How a program ends that is stopped by SIGPIPE, as shells tell it."""


class OutputError(Exception):
    """What is printed can't be written; one line that says why."""


class Lines:
    """Standard output or standard error, as it is at the moment: tests and shells replace them."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def stream(self) -> TextIO:
        """The stream itself."""
        return getattr(sys, self._name)

    def print(self, text: object = "", style: str = "") -> None:
        """Print one line; a style is only for terminals that want one."""
        write(self.stream, paint(make_visible(str(text)), style, self.stream) + "\n")


console, errors = Lines("stdout"), Lines("stderr")


def print_line(text: str, style: str = "") -> None:
    """Print a line to standard output: what was done, for people."""
    console.print(text, style)


def warn(text: str) -> None:
    """Print a line to standard error: what is to be known beside the answer."""
    errors.print(text, "yellow")


def write(stream: TextIO, text: str) -> None:
    """Write text as it is. Raises OutputError when nobody takes it; ends the program when its reader has gone."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        discard_rest(stream)
        raise SystemExit(BROKEN_PIPE) from None
    except UnicodeEncodeError as error:
        raise OutputError(
            f"{error.encoding} has no {error.object[error.start]!a}; set PYTHONIOENCODING=utf-8"
        ) from None
    except OSError as error:
        discard_rest(stream)
        raise OutputError(f"the output can't be written: {error.strerror}") from None


def finish() -> None:
    """Write out what is still held back. Raises as `write` does."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            discard_rest(stream)
            raise SystemExit(BROKEN_PIPE) from None
        except OSError as error:
            discard_rest(stream)
            if stream is sys.stdout:
                raise OutputError(f"the output can't be written: {error.strerror}") from None


def leave_streams() -> None:
    """Let go of what can't be written, after it was said: Python's own end would say it again, with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            discard_rest(stream)


def discard_rest(stream: TextIO) -> None:
    """Send what a stream still holds nowhere, so that Python's own end does not try again."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(descriptor, stream.fileno())
    except (OSError, ValueError):  # a stream of a test's own has no descriptor
        return
    finally:
        os.close(descriptor)


def prepare() -> None:
    """Have terminals and pipes of any encoding take any text: what it lacks is printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")


def paint(text: str, style: str, stream: TextIO) -> str:
    """Return text in a style, where the stream is a terminal that wants colours (https://no-color.org)."""
    if not style or not text or not _wants_colour(stream):
        return text
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m"


def find_width(stream: TextIO) -> int | None:
    """Return how many columns a terminal has; None: it is none, and lines may be of any length."""
    return max(NARROW, shutil.get_terminal_size((USUAL, 24)).columns) if stream.isatty() else None


def _wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
