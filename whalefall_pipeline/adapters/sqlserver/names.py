"""Pure spelling: quoted identifiers and literals, comments, and the usernames of principals that live in one database.

A login is called by its name. A principal that lives in one database only (a contained or orphaned user, a database
role, `guest`) is called `[database].[name]`, since that name may stand in every database and be a login's as well. A
login whose own name begins with a bracket is quoted too, so no two principals share a username.
"""

import re
from typing import NamedTuple

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


def comment(text: str) -> str:
    """Make a comment of one line: a name may hold line breaks, and what follows one would be run."""
    return f"-- {' '.join(text.split())}"


def to_username(database: str, name: str) -> str:
    """Give the username of a principal; `database` is empty for logins and server roles. `to_principal` undoes it."""
    if database:
        return f"{quote_name(database)}.{quote_name(name)}"
    return quote_name(name) if name.startswith("[") else name


def to_principal(username: str) -> Principal:
    """Read a username back."""
    if not username.startswith("["):
        return Principal("", username)
    parts = [part.replace("]]", "]") for part in _QUOTED.findall(username)]
    return Principal("", parts[0]) if len(parts) == 1 else Principal(parts[0], parts[1])
