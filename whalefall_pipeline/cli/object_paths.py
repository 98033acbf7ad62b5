"""Reads name paths of objects as people write them."""

import re

from whalefall_pipeline.core.errors import InvalidInstanceError

MOST = 3
_NAME = r'"(?:[^"]|"")+"|[^".]+'
_PATH = re.compile(rf"({_NAME})(\.({_NAME}))*")


def parse_object_path(text: str) -> tuple[str, ...]:
    """Give the names of `table`, `schema.table` (MySQL: `database.table`) or `database.schema.table`.

    A name that holds a dot or a double quote stands in double quotes, its own ones doubled: `app."my.table"`.
    Raises InvalidInstanceError for anything else.
    """
    names = re.findall(_NAME, text) if _PATH.fullmatch(text) else []
    if not 0 < len(names) <= MOST:
        raise InvalidInstanceError(
            f"{text!r} is no object; write table, schema.table, database.table or database.schema.table, "
            'and a name that holds a dot in double quotes: app."my.table"'
        )
    return tuple(name[1:-1].replace('""', '"') if name.startswith('"') else name for name in names)
