"""Nothing is imported before it is needed: a listing has no driver of a source, no SQLAlchemy, no Dagster."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from whalefall_pipeline.cli.commands import COMMANDS, GROUPS, LazyCommand

SOURCES = ("pymysql", "oracledb", "mssql_python")
HEAVY = (
    *SOURCES,
    *("dagster", "alembic", "sqlalchemy", "cryptography", "yaml", "jinja2", "apprise", "openpyxl", "xlsxwriter"),
    *("psycopg2", "requests"),
)
ARGUMENTS = "pydantic"
"""What typer reads arguments with."""
LEDGER = "psycopg"
"""The ledger's own driver: what only talks about commands needs not even that."""
COUNT = """
import json, sys
from whalefall_pipeline.cli.main import main
sys.argv = ["whalefall", *sys.argv[1:]]
try:
    main()
finally:
    print("\\n" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def find_imports(words: tuple[str, ...], environment: dict[str, str], folder: Path) -> set[str]:
    """Run a command in a process of its own, and return the packages that it has imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT, *words],
        env=os.environ | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("-h",),
        ("--version",),
        ("instances", "--help"),
        ("db", "-h"),
    ],
)
def test_what_talks_about_commands_imports_none_of_them(words: tuple[str, ...], tmp_path: Path) -> None:
    imported = find_imports(words, {}, tmp_path)
    assert not imported & {*HEAVY, LEDGER, "rich"}
    assert ARGUMENTS not in imported or words[0] in GROUPS


@pytest.mark.parametrize(
    "words",
    [
        ("accounts",),
        ("accounts", "--superuser", "--format", "json"),
        ("changes",),
        ("sessions",),
        ("findings",),
        ("waive", "list", "--all"),
        ("alerts", "list"),
        ("who-has", "--help"),
        ("who-can", "--help"),
        ("show", "--help"),
        ("instances", "list", "--format", "csv"),
        ("db", "url"),
    ],
)
def test_a_listing_imports_the_ledgers_driver_alone(
    words: tuple[str, ...], environment: dict[str, str], tmp_path: Path
) -> None:
    imported = find_imports(words, environment, tmp_path)
    assert LEDGER in imported
    assert not imported & set(HEAVY)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        *((name, LazyCommand(name, entry)) for name, entry in COMMANDS.items()),
        *((name, LazyCommand(name, entry)) for _, members in GROUPS.values() for name, entry in members.items()),
    ],
)
def test_a_command_is_where_its_line_says_and_does_what_it_says(name: str, command: LazyCommand) -> None:
    loaded = command.load()
    assert loaded.name == name
    assert (loaded.help or "").partition("\n")[0] == command.help
    assert len(command.help or "") <= 62, "a summary that is cut in a list of 80 columns says nothing"
