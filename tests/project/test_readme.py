"""What the README and the pages promise is there: settings, commands, targets, options of engines."""

from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest

from whalefall_pipeline.cli.commands import COMMANDS, GROUPS
from whalefall_pipeline.settings import Settings

TOP = Path(__file__).parents[2]
DOCS = TOP / "docs"
README = (TOP / "README.md").read_text(encoding="utf-8")
SETTINGS = (DOCS / "settings.md").read_text(encoding="utf-8")
PAGES = "".join(path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md")))
MEMBERS = [f"{group} {member}" for group, (_, entries) in GROUPS.items() for member in entries]


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_is_on_its_page_with_its_default_and_meaning(setting: Field[Any]) -> None:
    (row,) = [line for line in SETTINGS.splitlines() if line.startswith(f"| `WHALEFALL_{setting.name.upper()}` |")]
    assert setting.default is None or f"`{setting.default}`" in row
    assert setting.metadata["description"] in row


@pytest.mark.parametrize("command", sorted({*COMMANDS, *MEMBERS} - {"demo", "up"}))
def test_every_command_has_an_example(command: str) -> None:
    assert f"whalefall {command}" in PAGES


def test_the_readme_is_one_screen_and_a_half() -> None:
    assert len(README.splitlines()) <= 60


def test_its_files_are_there() -> None:
    assert (DOCS / "dagster-ui.png").stat().st_size > 10_000
    assert (TOP / "CONTRIBUTING.md").exists()
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    for target in ("demo", "test", "up", "clean", "docs"):
        assert f"make {target}" in README
        assert f"\n{target}: " in makefile
