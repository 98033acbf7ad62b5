"""A folder with a server that was initialised once and is copied for each test; and one that every user can reach."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.using import wait_until_gone
from whalefall_pipeline.embedded import embedded_server, stop


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "server"
    with embedded_server(folder):
        pass
    wait_until_gone(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path, template: Path) -> Iterator[Path]:
    """A server's folder, initialised and not running, below folders that only their owner may enter."""
    copy = tmp_path / "home" / "server"
    copy.parent.mkdir(mode=0o700)
    subprocess.run(["cp", "-a", template, copy], check=True)
    yield copy
    stop(copy)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
