"""An answer is bounded by what it takes in memory: rows of a few bytes each fill it as texts do."""

from itertools import repeat
from typing import Any

import pytest

from whalefall_pipeline.adapters.answers import AnswerTooLargeError, BoundedRows

MOST = 100_000


@pytest.mark.parametrize(
    ("row", "fits"),
    [(("x" * 10_000,), 4), ((b"x" * 10_000,), 9), ((1,), 1250), ((None,), 1250), ((None,) * 100, 60), ((), 1562)],
    ids=["texts", "binaries", "numbers", "nulls", "many nulls", "nothing"],
)
def test_rows_are_taken_until_they_fill_the_limit(row: tuple[Any, ...], fits: int) -> None:
    answer = BoundedRows(MOST)
    answer.add(list(repeat(row, fits)))
    assert len(answer.rows) == fits
    with pytest.raises(AnswerTooLargeError):
        answer.add([row])
    assert len(answer.rows) == fits
