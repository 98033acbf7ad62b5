"""Cursors are set by anybody who reaches the UI: one that is none of ours is as good as none."""

from datetime import UTC, datetime, timedelta

import pytest

from whalefall_pipeline.defs.reconcile import EARLIEST, Cursor
from whalefall_pipeline.defs.sensors import _parse_moment  # pyright: ignore[reportPrivateUsage]

NONE_OF_OURS = (
    *("", "x", "{}", "[]", "null", "1", '{"seen_until": 1, "silent": {}}', '{"seen_until": "x", "silent": {}}'),
    *('{"seen_until": "2026-01-01", "silent": []}', '{"seen_until": "2026-01-01", "silent": {"a": "x"}}'),
)


@pytest.mark.parametrize("text", NONE_OF_OURS)
def test_what_is_no_cursor_begins_anew(text: str) -> None:
    assert datetime.now(UTC) - Cursor.parse(text).seen_until < timedelta(days=1, minutes=1)
    assert _parse_moment(text) is None


@pytest.mark.parametrize("moment", ["0001-01-01", "9999-12-31T23:59:59", "2026-01-01T00:00:00+14:00", "2026-01-01"])
def test_a_moment_out_of_range_is_brought_into_it(moment: str) -> None:
    cursor = Cursor.parse(f'{{"seen_until": "{moment}", "silent": {{}}}}')
    assert EARLIEST <= cursor.seen_until <= datetime.now(UTC)


def test_a_cursor_comes_back() -> None:
    cursor = Cursor(datetime(2026, 1, 2, tzinfo=UTC), {"session": 1.5})
    assert Cursor.parse(cursor.dump()) == cursor
