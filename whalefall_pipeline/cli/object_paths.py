"""Reads name paths of objects as people write them."""

import re
from collections.abc import Sequence

from whalefall_pipeline.core.errors import InvalidInputError

MOST = 3
KINDS = {
    **{kind: kind for kind in ("database", "domain", "index", "language", "package", "routine", "schema")},
    **{kind: kind for kind in ("sequence", "synonym", "table", "tablespace", "type", "view", "role", "parameter")},
    "function": "routine",
    "procedure": "routine",
    **{kind: kind for kind in ("directory", "foreign_data_wrapper", "foreign_server", "large_object")},
    "user": "user",
    "login": "login",
}
"""Words that may stand before an object, and the scope that they name."""
_NAME = r'"(?:[^"]|"")+"|[^".]+'
_PATH = re.compile(rf"({_NAME})(\.({_NAME}))*")


def parse_target(
    words: Sequence[str], usage: str = "whalefall who-has PRIVILEGE [ON OBJECT]"
) -> tuple[str | None, tuple[str, ...]]:
    """Return kind and name path of `[ON] [KIND] OBJECT`; none of both where nothing is written.

    Raises InvalidInputError, with the usage, for anything else.
    """
    rest = list(words[1:] if words and words[0].upper() == "ON" else words)
    if words and not rest:
        raise InvalidInputError(f"say: {usage}")
    match rest:
        case []:
            return None, ()
        case [name]:
            return None, parse_object_path(name)
        case [kind, name] if kind.lower() in KINDS:
            return KINDS[kind.lower()], parse_object_path(name)
        case _:
            raise InvalidInputError(f"say: {usage}, as ON app.orders or ON role dba")


def parse_object_path(text: str, most: int = MOST) -> tuple[str, ...]:
    """Return the names of `table`, `schema.table` (MySQL: `database.table`) or `database.schema.table`.

    A name that holds a dot or a double quote stands in double quotes, its own ones doubled: `app."my.table"`.
    Raises InvalidInputError for anything else.
    """
    names = re.findall(_NAME, text) if _PATH.fullmatch(text) else []
    if not 0 < len(names) <= most:
        raise InvalidInputError(
            f"{text!r} is no object; write table, schema.table, database.table or database.schema.table, "
            'and a name that holds a dot in double quotes: app."my.table"'
        )
    return tuple(name[1:-1].replace('""', '"') if name.startswith('"') else name for name in names)
