"""Folders of ours are for their owner alone, and a secret that is sent is the first line of what was sent."""

import io
import stat
import sys
from pathlib import Path

import pytest

from whalefall_pipeline.cli.secret_input import LONGEST, read_secret
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.system import close_folder, make_private, read_plain, read_small, try_lock, write_private


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_made_for_its_owner_alone_and_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    make_private(tmp_path / "a" / "b")
    assert (_mode(tmp_path / "a"), _mode(tmp_path / "a" / "b")) == (0o700, 0o700)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_private(tmp_path / "file")


@pytest.mark.parametrize(
    ("mode", "change", "found", "then"),
    [
        (0o755, True, 0o755, 0o700),
        (0o755, False, None, 0o755),  # others may only read it
        (0o775, False, 0o775, 0o775),
        (0o700, True, None, 0o700),
        (0o1777, True, None, 0o1777),  # a folder for all, as /tmp is
    ],
)
def test_a_folder_that_others_may_enter_is_named_and_closed_when_that_is_asked(
    tmp_path: Path, mode: int, found: int | None, then: int, *, change: bool
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    assert close_folder(folder, change=change) == found
    assert _mode(folder) == then
    assert close_folder(tmp_path / "none", change=change) is None


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    held = try_lock(path)
    assert held
    assert try_lock(path) is None
    held.close()
    again = try_lock(path)
    assert again
    again.close()


def test_only_a_plain_file_of_a_sensible_size_is_read(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    write_private(path, "text")
    link.symlink_to(path)
    assert (_mode(path), read_small(path), read_small(path, 2), read_plain(path, 4)) == (0o600, "text", "te", "text")
    assert [read_small(other) for other in (link, tmp_path, tmp_path / "none")] == [None, None, None]
    with pytest.raises(OSError, match="it has more than 3 bytes"):
        read_plain(path, 3)
    with pytest.raises(OSError, match="it is no plain file"):
        read_plain(tmp_path, 3)


def _send(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("content", "secret"), [(b"hush\n", "hush"), (b"hu sh\r\nmore", "hu sh"), (b"gr\xc3\xbcn", "grün")]
)
def test_a_secret_is_the_first_line_that_is_sent(monkeypatch: pytest.MonkeyPatch, content: bytes, secret: str) -> None:
    _send(monkeypatch, content)
    assert read_secret(from_input=True) == secret


@pytest.mark.parametrize(
    ("content", "from_input", "said"),
    [
        (b"", True, "there is no password on standard input"),
        (b"\n", False, "there is no terminal to ask for the password"),
        (b"\xff\n", True, "is no UTF-8 text"),
        (b"x" * (LONGEST + 1), True, "has more than 65536 bytes"),
    ],
)
def test_what_is_no_secret_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, content: bytes, said: str, *, from_input: bool
) -> None:
    _send(monkeypatch, content)
    with pytest.raises(InvalidInputError, match=said) as refused:
        read_secret(from_input=from_input)
    assert "xxx" not in str(refused.value)
