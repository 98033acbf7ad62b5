"""Answers that the server packs into one text, and how they are taken apart. Pure.

A driver in Python takes ten times as long as the server for rows that come one by one. So most statements are asked
inside another, `packed`, which gives their rows as one text and counts them. A text that has the digest of one that was
taken apart before holds the same rows: that one had as many rows as separators say, and as many values in each, so no
value in it holds a separator.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, cast

from whalefall_pipeline.adapters.answers import BYTES_PER_ROW, BYTES_PER_VALUE
from whalefall_pipeline.adapters.mysql.mariadb import PrivilegeRow
from whalefall_pipeline.adapters.mysql.mysql import UserRow
from whalefall_pipeline.adapters.mysql.names import Flavour, quote
from whalefall_pipeline.adapters.mysql.rows import Row

BETWEEN_VALUES, BETWEEN_ROWS = "\x1f", "\x1e"


class NotPackedError(Exception):
    """The server did not pack all rows, or a value holds what parts them: they have to be fetched one by one."""


class Column(NamedTuple):
    """A column of a statement: whether it is a number, and whether it may be null."""

    name: str
    is_number: bool = False
    is_optional: bool = False

    @property
    def packed(self) -> str:
        """The SQL of its value in a row."""
        return f"ifnull(concat('+', {quote(self.name)}), '')" if self.is_optional else quote(self.name)

    @property
    def unpack(self) -> Callable[[Iterable[str]], Iterable[object]] | None:
        """What makes values of their texts; None: they are texts."""
        if self.is_optional:
            return _unpack_optional_numbers if self.is_number else _unpack_optional_texts
        return _unpack_numbers if self.is_number else None


def _unpack_numbers(texts: Iterable[str]) -> Iterable[int]:
    return [int(text) for text in texts]


def _unpack_optional_texts(texts: Iterable[str]) -> Iterable[str | None]:
    return [text[1:] if text else None for text in texts]


def _unpack_optional_numbers(texts: Iterable[str]) -> Iterable[int | None]:
    return [int(text[1:]) if text else None for text in texts]


REST = Column("rest")
"""Stands for all columns behind those that are each row's own."""


def _of_accounts(row: type[UserRow] | type[PrivilegeRow]) -> Sequence[Column]:
    kinds = {str: (False, False), str | None: (False, True), int | None: (True, True)}
    rest = [Column(name, *kinds[kind]) for name, kind in row.__annotations__.items()]
    return [Column("user"), Column("host"), Column("password_last_changed", is_optional=True), *rest]


def _of_texts(names: str, *numbers: str) -> Sequence[Column]:
    return [*map(Column, names.split()), *(Column(name, is_number=True) for name in numbers)]


_TABLES = {
    "databases": _of_texts("user host db mask"),
    "tables": _of_texts("user host db table_name table_priv"),
    "columns_of_tables": _of_texts("user host db table_name column_name column_priv"),
    "routines": _of_texts("user host db routine_name routine_type proc_priv"),
    "proxies": _of_texts("user host proxied_user proxied_host", "with_grant"),
    "memberships": _of_texts("user host role_user role_host", "admin"),
}
COLUMNS: dict[Flavour, dict[str, Sequence[Column]]] = {
    "mariadb": {**_TABLES, "accounts": _of_accounts(PrivilegeRow)},
    "mysql": {
        **_TABLES,
        "dynamic": _of_texts("user host priv", "grant_option"),
        "default_roles": _of_texts("user host role_user role_host"),
        "accounts": _of_accounts(UserRow),
    },
}
"""The columns of each statement that is packed; those that most often differ, and are largest, come first."""


class Packed(NamedTuple):
    """An answer: how many rows it has, and their text."""

    many: int
    text: str

    @property
    def digest(self) -> str:
        """What it is known by: its number of rows, and SHA-256 of its text."""
        return f"{self.many} {sha256(self.text.encode()).hexdigest()}"


def build_packed(template: str, statement: str, columns: Sequence[Column]) -> str:
    """Build the statement that packs another one's rows."""
    return template.format(values=", ".join(column.packed for column in columns), statement=statement)


class Shared(NamedTuple):
    """Rows whose last value is by what the rest of the row is known; and each rest, once."""

    rows: Sequence[Sequence[Any]]
    rests: Mapping[Hashable, Sequence[Any]]


def share(rows: Iterable[Row], own: int) -> Shared:
    """Find the rests of rows behind the values that are each row's own."""
    found = [(*row[:own], tuple(row[own:])) for row in rows]
    return Shared(found, {row[-1]: row[-1] for row in found})


def unpack_shared(packed: Packed, columns: Sequence[Column], own: int) -> Shared:
    """Take a text apart into what is each row's own, and the rests, each once, however many rows have it.

    Raises NotPackedError where it does not have as many rows, of as many values.
    """
    rows = _split(_split_rows(packed), [*columns[:own], REST], own)
    texts = list(dict.fromkeys(cast("str", row[-1]) for row in rows))
    return Shared(rows, dict(zip(texts, _split(texts, columns[own:]), strict=True)))


def measure(packed: Packed, columns: Sequence[Column]) -> int:
    """Return about how many bytes its rows will take."""
    return packed.many * (BYTES_PER_ROW + BYTES_PER_VALUE * len(columns)) + len(packed.text)


def _split_rows(packed: Packed) -> list[str]:
    many, text = packed
    lines = text.split(BETWEEN_ROWS) if text else []
    if len(lines) != many:
        raise NotPackedError
    return lines


def _split(lines: Iterable[str], columns: Sequence[Column], most: int = -1) -> list[Row]:
    """Take rows apart into values of these columns, at so many separators; more of them stay in the last value."""
    rows = [line.split(BETWEEN_VALUES, most) for line in lines]
    if not set(map(len, rows)) <= {len(columns)}:
        raise NotPackedError
    return _convert(rows, columns)


def _convert(rows: list[list[str]], columns: Sequence[Column]) -> list[Row]:
    unpacks = [column.unpack for column in columns]
    if not (rows and any(unpacks)):
        return cast("list[Row]", rows)
    values = zip(*rows, strict=True)
    try:
        converted = [convert(texts) if convert else texts for convert, texts in zip(unpacks, values, strict=True)]
    except ValueError:  # a text that is no number
        raise NotPackedError from None
    return list(zip(*converted, strict=True))
