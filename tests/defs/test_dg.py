"""Dagster's own `dg` and the definitions: without our command, in a clone and in a project of somebody else's."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance

TOP = Path(__file__).parents[2]
COMPONENT = "whalefall_pipeline.components.DatabaseAccounts"
SECONDS = 240
PYPROJECT = """
[project]
name = "my-project"
version = "0.1"
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "my_project"
"""
DEFINITIONS = """
from pathlib import Path
from dagster import definitions, load_from_defs_folder

@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


def dg(folder: Path, *words: str) -> str:
    """Run `dg` in a folder, with no setting of ours, and return what it prints."""
    program = Path(sys.executable).with_name("dg")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WHALEFALL_", "DAGSTER_"))}
    environment |= {"PYTHONPATH": str(folder / "src"), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    done = subprocess.run(
        [program, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_clone_is_checked_without_a_ledger() -> None:
    assert "All definitions loaded successfully" in dg(TOP, "check", "defs")


def test_dagster_reads_the_settings_of_a_clone_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WHALEFALL_DAGSTER_URL", "WHALEFALL_DAGSTER_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(TOP / "dagster.yaml", tmp_path)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert (instance.run_monitoring_enabled, instance.telemetry_enabled) == (True, False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project as `dg` makes them, with nothing in it yet."""
    package = tmp_path / "src" / "my_project"
    (package / "defs").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "defs" / "__init__.py").touch()
    (package / "definitions.py").write_text(DEFINITIONS)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    return tmp_path


def test_the_component_is_scaffolded_and_its_yaml_is_what_the_definitions_are(project: Path) -> None:
    dg(project, "scaffold", "defs", COMPONENT, "accounts")
    path = project / "src" / "my_project" / "defs" / "accounts" / "defs.yaml"
    described = yaml.safe_load(path.read_text())
    assert described["type"] == COMPONENT
    attributes = {"key_prefix": ["security"], "owners": ["dba@example.com"], "schedule": "15 4 * * *"}
    path.write_text(yaml.safe_dump({**described, "attributes": {**described["attributes"], **attributes}}))
    listed = json.loads(dg(project, "list", "defs", "--json"))
    assert {item["asset_key"] for item in listed["assets"]} == {
        "security/instance_accounts",
        "security/account_permissions",
    }
    assert {item["name"]: item["cron_schedule"] for item in listed["schedules"]}["daily_sync"] == "15 4 * * *"
    assert "declared_instances" in {item["name"] for item in listed["sensors"]}
