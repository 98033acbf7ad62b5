"""How names and texts stand in a script that SQL*Plus reads: nothing in them ends a quote, a line or a comment. Pure.

SQL*Plus reads line by line, also inside of quotes: a line that is a slash or a full stop, that begins with a host
command or ends with a semicolon means something to it ("SQL*Plus User's Guide", "Running SQL Commands"). So a name with
a line break or another control character has no safe form, and what it is in is left out.
"""

import re

from whalefall_pipeline.core.text import make_visible

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WORDS = re.compile(r"[A-Z][A-Z0-9_$#]*( [A-Z][A-Z0-9_$#]*)*")
LONGEST_LINE = 2_000
"""SQL*Plus takes up to 2,499 characters in a line (SP2-0027)."""


class UnsafeNameError(ValueError):
    """A name, text or privilege that no script can hold safely."""


def quote(name: str) -> str:
    """Quote an identifier, which holds no quotation mark. Raises UnsafeNameError."""
    if not name or '"' in name or _CONTROL.search(name):
        raise UnsafeNameError("a name has a control character or a quotation mark, or is empty")
    return f'"{name}"'


def quote_text(text: str) -> str:
    """Quote a text. Raises UnsafeNameError."""
    if _CONTROL.search(text):
        raise UnsafeNameError("a text has a control character")
    return "'" + text.replace("'", "''") + "'"


def check_words(words: str) -> str:
    """Return keywords that stand unquoted, as a privilege does. Raises UnsafeNameError for anything else."""
    if not _WORDS.fullmatch(words):
        raise UnsafeNameError("a privilege is not made of words")
    return words


def to_comment(text: str) -> str:
    """Return a comment of one line; one that ended with a hyphen or semicolon would not end there for SQL*Plus."""
    shown = make_visible(text)
    return f"-- {shown}." if shown.endswith(("-", ";", " ", "/")) else f"-- {shown}"


def to_lines(statement: str) -> str:
    """Return a statement with its semicolon, in lines that SQL*Plus takes: broken only between quoted names.

    Raises UnsafeNameError when there is no such place.
    """
    if len(statement) <= LONGEST_LINE:
        return f"{statement};"
    lines = [""]
    for name in re.split(r'(?<=", )(?=")', statement):
        if lines[-1] and len(lines[-1]) + len(name) > LONGEST_LINE:
            lines.append("    ")
        lines[-1] += name
    if "'" in statement or max(map(len, lines)) > LONGEST_LINE:
        raise UnsafeNameError("a statement is longer than a line may be")
    return "\n".join(line.rstrip() for line in lines) + ";"
