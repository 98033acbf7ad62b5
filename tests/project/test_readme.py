"""What the README promises is there: settings, commands, targets, options of engines."""

from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest

from whalefall_pipeline.cli.commands import COMMANDS
from whalefall_pipeline.settings import Settings

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_is_in_the_readme_with_its_default_and_meaning(setting: Field[Any]) -> None:
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `WHALEFALL_{setting.name.upper()}` |")]
    assert setting.default is None or f"`{setting.default}`" in row
    assert setting.metadata["description"] in row


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"demo", "up", "stop", "sessions"}))
def test_every_command_has_an_example(command: str) -> None:
    assert f"whalefall {command} " in README


def test_its_files_are_there() -> None:
    assert (TOP / "docs" / "dagster-ui.png").stat().st_size > 10_000
    assert (TOP / "CONTRIBUTING.md").exists()
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "up", "clean"):
        assert f"make {target}" in README
        assert f"\n{target}: " in makefile
