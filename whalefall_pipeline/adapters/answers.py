"""What an answer takes in memory, so that none takes more than its limit, however short or empty its rows are."""

from collections.abc import Sequence
from typing import Any

BYTES_PER_VALUE = 16
"""What a number counts for, and a text or a binary value beside its length."""
BYTES_PER_ROW = 64

Row = tuple[Any, ...]


class AnswerTooLargeError(Exception):
    """A server sent more than an answer may hold."""


class BoundedRows:
    """The rows of one answer, as they come."""

    def __init__(self, most: int) -> None:
        self.rows: list[Row] = []
        self._size = 0
        self._most = most

    def add(self, rows: Sequence[Row]) -> None:
        """Keep further rows; raise AnswerTooLargeError where all of them take more than `most` bytes."""
        self._size += sum(map(measure, rows))
        if self._size > self._most:
            raise AnswerTooLargeError
        self.rows += rows


def measure(row: Row) -> int:
    """Return about how many bytes a row takes: its texts, two a character, and a little for each value and itself."""
    texts = sum(2 * len(value) for value in row if isinstance(value, str))
    binaries = sum(len(value) for value in row if isinstance(value, bytes))
    return texts + binaries + BYTES_PER_VALUE * len(row) + BYTES_PER_ROW
