"""Statements and comments as lines that no client can misread, whatever the names in them are. Pure.

A client parses a script by itself before the server does: it looks for its own commands (`system`, `\\!`, `source`,
`delimiter`) at the beginning of lines and outside of quotes, and takes a backslash inside of backquotes for an escape,
which it is not to the server. So a comment shows hidden characters as escapes, and a statement with such characters,
or in which client and server would not agree where a name ends, is sent as hexadecimal digits and prepared.
"""

import re
from collections.abc import Iterable, Iterator

from whalefall_pipeline.adapters.mysql.names import Flavour, quote_text
from whalefall_pipeline.core.text import is_visible, make_visible

COMMENT = "-- "
MODES: dict[Flavour, str] = {"mysql": "STRICT_ALL_TABLES", "mariadb": "STRICT_ALL_TABLES,NO_AUTO_CREATE_USER"}
"""What the script's session is set to: backslashes escape in literals, and a GRANT makes no account by itself."""
_MISREAD = re.compile(r"(?<!\\)(?:\\\\)*\\`")
_ODD_PRIVILEGE = re.compile(r"[^A-Z0-9_ ]")


def begin(flavour: Flavour) -> list[str]:
    """Return what a script begins with: the character set that it is in, and the mode that it is written for."""
    return ["SET NAMES utf8mb4;", to_mode_line(MODES[flavour])]


def to_mode_line(mode: str) -> str:
    """Return the statement that sets the session's SQL mode."""
    return f"SET SESSION sql_mode = '{mode}';"


def finish(lines: Iterable[str]) -> list[str]:
    """Return statements and comments as lines that are safe to feed to a client."""
    return [safe for line in lines for safe in _to_safe(line)]


def comment(text: str) -> str:
    """Return a text as a comment of one line."""
    return COMMENT + make_visible(text)


def is_plain(name: str) -> bool:
    """Whether a name stands in statements as it is; MySQL can't prepare each statement in which one does not."""
    return is_visible(name)


def is_privilege(name: str) -> bool:
    """Whether a privilege's name can stand in a statement: restored tables may hold anything."""
    return bool(name) and not _ODD_PRIVILEGE.search(name)


def choose(condition: str, statement: str) -> list[str]:
    """Return what runs a statement only where a condition, an expression of the server's, holds."""
    return prepare(f"IF({condition}, {to_literal(statement.removesuffix(';'))}, 'DO 0')")


def prepare(expression: str) -> list[str]:
    """Return what runs the statement that an expression of the server's gives."""
    return [f"SET @whalefall = {expression};", "PREPARE whalefall FROM @whalefall;", "EXECUTE whalefall;"]


def to_literal(text: str) -> str:
    """Quote a literal, or write it as digits where a client could misread it."""
    return quote_text(text) if is_visible(text) else f"CONVERT(X'{text.encode().hex()}' USING utf8mb4)"


def _to_safe(line: str) -> Iterator[str]:
    if line.startswith(COMMENT) or (is_visible(line) and not _MISREAD.search(line)):
        yield make_visible(line)
        return
    yield comment(line)
    yield from prepare(f"CONVERT(X'{line.removesuffix(';').encode().hex()}' USING utf8mb4)")
