"""The rules file is read as what it is: a plain file of a sensible size."""

import os
from pathlib import Path

import pytest

from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.sync.rulebook import LARGEST, read_rulebook


def test_a_rules_file_is_a_plain_one_of_a_sensible_size(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    large.write_bytes(b"#" * (LARGEST + 1))
    for path, reason in ((Path("/dev/zero"), "no plain file"), (pipe, "no plain file"), (large, "more than 1,000,000")):
        with pytest.raises(InvalidInputError, match=f"{path} can't be read: it .*{reason}"):
            read_rulebook(path, {})
