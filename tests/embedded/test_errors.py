"""What the operating system refuses is one line that says whose folder it is, and what to do."""

import errno
import os
import pwd
from pathlib import Path

import pytest

from whalefall_pipeline.embedded.errors import explain

REFUSED = PermissionError(errno.EACCES, "Permission denied", "postmaster.pid")
FULL = OSError(errno.ENOSPC, "No space left on device", "lock")


def test_a_folder_of_somebody_elses_is_named_with_its_owner(tmp_path: Path) -> None:
    owner = pwd.getpwuid(tmp_path.stat().st_uid).pw_name
    said = explain(tmp_path, REFUSED)
    assert said.startswith(f"postmaster.pid can't be used: {tmp_path} belongs to {owner}; run as that user, or set ")


def test_an_owner_that_can_not_be_looked_up_is_somebody_else(tmp_path: Path) -> None:
    assert f"{tmp_path / 'gone'} belongs to somebody else; " in explain(tmp_path / "gone", REFUSED)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_an_owner_without_a_name_is_a_number(tmp_path: Path) -> None:
    os.chown(tmp_path, 4_000_000, -1)
    assert " belongs to user 4000000; " in explain(tmp_path, REFUSED)


def test_anything_else_is_said_as_the_system_says_it(tmp_path: Path) -> None:
    assert explain(tmp_path, FULL) == f"the server in {tmp_path} can't be used: No space left on device (lock)"
