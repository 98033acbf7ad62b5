"""Pure spelling: quoted identifiers and literals, comments, and the usernames of principals that live in one database.

A login is called by its name. A principal that lives in one database only (a contained or orphaned user, a database
role, `guest`) is called `[database].[name]`, since that name may stand in every database and be a login's as well. A
login whose own name begins with a bracket is quoted too, so no two principals share a username.
"""

import re
from itertools import groupby
from typing import NamedTuple

from whalefall_pipeline.core.text import is_visible, make_visible

VARIABLE = "$("
_BROKEN_VARIABLE = "$' + N'("
_QUOTED = re.compile(r"\[((?:[^\]]|\]\])*)\]")


class Principal(NamedTuple):
    """Where a username's principal lives: in one database, or (empty) on the server, and its name there."""

    database: str
    name: str


def quote_name(name: str) -> str:
    """Quote one identifier: `a]b` gives `[a]]b]`."""
    return f"[{name.replace(']', ']]')}]"


def quote_literal(text: str) -> str:
    """Quote a Unicode string literal: `it's` gives `N'it''s'`."""
    return "N'" + text.replace("'", "''") + "'"


def to_comment(text: str) -> str:
    """Return a comment of one line that shows all it holds; sqlcmd would replace a `$(variable)` even in there."""
    return f"-- {make_visible(text).replace(VARIABLE, '$ (')}"


def is_plain(text: str) -> bool:
    """Return whether a script can hold the text as it is: it breaks no line, hides nothing, and names no variable."""
    return is_visible(text) and VARIABLE not in text


def to_line(statement: str) -> str:
    """Return a statement as one line of a script, whatever the names in it hold.

    Where a name holds a line break, which could begin a line with `GO`, `:!!` or `:r`, or sqlcmd's `$(variable)`, the
    statement is put together on the server from parts that hold neither.
    """
    if is_plain(statement):
        return statement
    if not is_visible(statement):
        return build_dynamic(_to_expression(statement))
    return _execute(statement)


def build_dynamic(expression: str) -> str:
    """Build what runs the statement that an expression makes, in a batch of its own, where its variable ends."""
    return _execute(f"DECLARE @statement nvarchar(max) = {expression}; EXEC (@statement)")


def _execute(statement: str) -> str:
    return f"EXEC ({quote_literal(statement).replace(VARIABLE, _BROKEN_VARIABLE)})"


def _to_expression(text: str) -> str:
    """Spell a text as literals and NCHAR, one for each UTF-16 unit that can't be seen."""
    pieces: list[str] = []
    for seen, run in groupby(text, is_visible):
        if seen:
            pieces.append(quote_literal("".join(run)))
        else:
            units = "".join(run).encode("utf-16-le", "surrogatepass")
            pieces += [f"NCHAR({units[at] + 256 * units[at + 1]})" for at in range(0, len(units), 2)]
    return " + ".join(pieces)


def to_username(database: str, name: str) -> str:
    """Return the username of a principal; `database` is empty for logins and server roles. `to_principal` undoes it."""
    if database:
        return f"{quote_name(database)}.{quote_name(name)}"
    return quote_name(name) if name.startswith("[") else name


def to_principal(username: str) -> Principal:
    """Read a username back."""
    if not username.startswith("["):
        return Principal("", username)
    parts = [part.replace("]]", "]") for part in _QUOTED.findall(username)]
    return Principal("", parts[0]) if len(parts) == 1 else Principal(parts[0], parts[1])
