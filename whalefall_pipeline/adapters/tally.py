"""What a reading has asked and got; one that got what the one before did is known without looking into it."""

from collections.abc import Sequence
from hashlib import blake2b

import orjson


class Tally:
    """How many statements a reading has sent, and a digest of all rows that came back, in their order."""

    def __init__(self) -> None:
        self.statements = 0
        self._rows = blake2b(digest_size=16)

    @property
    def digest(self) -> bytes:
        """Return 16 bytes that are equal when, and in practice only when, all rows so far are."""
        return self._rows.digest()

    def count(self, statements: int = 1) -> None:
        """Count statements that are sent now, whatever comes of them."""
        self.statements += statements

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Take in what a statement gave."""
        self._rows.update(_to_text(rows))


def digest_rows(rows: Sequence[Sequence[object]]) -> bytes:
    """Return 16 bytes that are equal when, and in practice only when, the rows of one statement are."""
    return blake2b(_to_text(rows), digest_size=16).digest()


def _to_text(rows: Sequence[Sequence[object]]) -> bytes:
    try:
        return orjson.dumps(rows, default=repr)
    except TypeError:  # JSON has no such number, or no such text
        return repr(rows).encode(errors="backslashreplace")
