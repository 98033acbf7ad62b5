"""What a stranger depends on: one version, one ruff, a changelog in its form, and releases that stay as they were."""

import re
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import pytest
import yaml

import whalefall_pipeline
from whalefall_pipeline.ledger.version import MIGRATIONS

TOP = Path(__file__).parents[2]
CHANGELOG = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
RELEASED = {
    "0001_views.sql": "99e55b2da08089870b2e5c07c35dd63c78908476fe5494139f5ba529c3b31b30",
    "rev_0001.py": "f2f7b13570b89d7132b9a74af8be8a78dd1f5d4e4650d73ca74fbfc95625e511",
    "rev_0002.py": "9929a53b705a82de12ae625e45583bab5718a9b366038f805bcb189f95744336",
    "rev_0003.py": "4869940c9f65a1be33f97682ada2e6e83d0109e9405c550d26e70c5e1e494a59",
}
"""SHA-256 of each file of a released migration. A release adds its own; none is ever changed."""


@pytest.mark.parametrize("name", list(RELEASED))
def test_a_released_migration_is_as_it_was_released(name: str) -> None:
    assert sha256((MIGRATIONS / "versions" / name).read_bytes()).hexdigest() == RELEASED[name]


def test_the_changelog_has_the_version_first_with_its_date_and_all_before_it() -> None:
    unreleased, *released = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert unreleased == "[Unreleased]"
    found = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d{2}-\d{2})", line) for line in released]
    assert all(found), released
    versions = [tuple(int(part) for part in match.groups()[:3]) for match in found if match]
    dates = [match[4] for match in found if match]
    assert ".".join(map(str, versions[0])) == whalefall_pipeline.__version__
    assert versions == sorted(set(versions), reverse=True)
    assert dates == sorted(dates, reverse=True)


def test_the_changelog_names_kinds_of_changes_as_all_do() -> None:
    assert set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE)) <= set(KINDS)


def test_the_installed_version_is_that_of_the_package() -> None:
    assert metadata.version("whalefall-pipeline") == whalefall_pipeline.__version__


def test_what_is_committed_is_linted_by_the_ruff_of_the_lock() -> None:
    (hook,) = yaml.safe_load((TOP / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    (locked,) = re.findall(r"^ruff==(\S+)", (TOP / "requirements-dev.lock").read_text(encoding="utf-8"), re.MULTILINE)
    assert hook["rev"] == f"v{locked}"


def test_the_license_stands_in_the_package() -> None:
    assert "MIT License" in (TOP / "LICENSE").read_text(encoding="utf-8")
    assert metadata.metadata("whalefall-pipeline")["License-Expression"] == "MIT"
