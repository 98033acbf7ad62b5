"""What can't be written is said in one line, a reader that has gone ends the program, and nothing is said twice."""

import io
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TextIO

import pytest

from whalefall_pipeline.cli.output import BROKEN_PIPE, OutputError, finish, leave_streams, prepare, write

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="a disk that is always full is Linux's")


@pytest.fixture
def full() -> Generator[TextIO]:
    with FULL.open("w", encoding="utf-8") as stream:
        yield stream


@pytest.fixture
def unread() -> Generator[TextIO]:
    """A pipe whose reader has gone."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w", encoding="utf-8") as stream:
        yield stream


@needs_full
def test_a_full_disk_is_named_once(full: TextIO) -> None:
    with pytest.raises(OutputError, match="the output can't be written: No space left on device"):
        write(full, "text")
    write(full, "what comes later goes nowhere")


@needs_full
def test_what_is_held_back_is_written_at_the_end(full: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", full)
    full.write("text")
    with pytest.raises(OutputError, match="No space left on device"):
        finish()
    finish()


@needs_full
def test_a_message_that_nobody_can_read_is_no_error_of_its_own(full: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", full)
    full.write("text")
    finish()


@needs_full
def test_streams_are_left_without_another_word(full: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", full)
    full.write("text")
    leave_streams()
    full.flush()


@pytest.mark.parametrize("ends_late", [False, True])
def test_a_reader_that_has_gone_ends_the_program_as_a_signal_would(
    unread: TextIO, monkeypatch: pytest.MonkeyPatch, *, ends_late: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", unread)
    if ends_late:
        unread.write("text")
    with pytest.raises(SystemExit) as ended:
        finish() if ends_late else write(unread, "text")
    assert ended.value.code == BROKEN_PIPE == 141


def test_a_letter_that_an_encoding_lacks_is_named_and_printed_as_an_escape_where_that_will_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = io.BytesIO()
    stream = io.TextIOWrapper(taken, encoding="ascii")
    with pytest.raises(OutputError, match=r"^ascii has no '\\xe9'; set PYTHONIOENCODING=utf-8$"):
        write(stream, "é")
    monkeypatch.setattr(sys, "stdout", stream)
    prepare()
    write(stream, "é")
    assert taken.getvalue() == rb"\xe9"
