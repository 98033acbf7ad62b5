"""Microsoft's own T-SQL parser (ScriptDom, brought by `maxdop`) on all T-SQL that is written or sent, by version."""

import json
import subprocess
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.adapters.sqlserver.hostile import build_hostile_states
from tests.adapters.sqlserver.population import build_population
from tests.engines.sqlserver_cases import CASES
from whalefall_pipeline.adapters.sqlserver.catalog import STATEMENTS, build_statement
from whalefall_pipeline.adapters.sqlserver.script import build_change, build_script

MAXDOP = Path(sysconfig.get_path("scripts")) / "maxdop"
VERSIONS = ("2016", "2017", "2019", "2022", "2025")
NEWER = {"database_external_languages": "2019", "database_external_models": "2025"}
"""Statements that are sent from this version on."""
SINCE = {"EXTERNAL MODEL::": "2025", "LOGIN [ann@example.com] FROM EXTERNAL PROVIDER": "2019"}
"""What no older server has, so that no older server's script has it."""
NOT_IN_THE_PARSER = ("ON DATABASE SCOPED CREDENTIAL::", "ON EXTERNAL LANGUAGE::")
"""Documented (Microsoft Learn, "GRANT Database Scoped Credential", "CREATE EXTERNAL LANGUAGE"), but not known to it."""


def check(tmp_path: Path, version: str, statements: Iterable[str]) -> list[str]:
    """Return what the parser says of the statements, each a file of its own, that it does not take."""
    folder = tmp_path / version
    folder.mkdir(parents=True)
    for number, statement in enumerate(statements):
        (folder / f"{number}.sql").write_text(statement, encoding="utf-8")
    (folder / ".maxdop.json").write_text(json.dumps({"maxWidth": 100}), encoding="utf-8")
    command = [MAXDOP, "--check", "--parser-version", version, folder]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [*ran.stdout.splitlines(), *ran.stderr.splitlines()]
    assert ran.returncode in (0, 1), said
    return [line for line in said if "could not be parsed" in line]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_statement_of_the_catalog_is_t_sql(tmp_path: Path, version: str) -> None:
    asked = [
        build_statement(name, ["a]b", "it's"]) if name.startswith("database_") else text
        for name, text in STATEMENTS.items()
        if version >= NEWER.get(name, "")
    ]
    assert check(tmp_path, version, asked) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_line_of_a_script_is_t_sql(tmp_path: Path, version: str) -> None:
    """A population of all that can be held, with hostile names; made, and taken back again."""
    states = {**build_population(), **build_hostile_states()}
    lines = {*build_script(states)}
    for state in states.values():
        lines |= {*build_change(state, None), *build_change(None, state)}
    newer = [words for words, since in SINCE.items() if since > version]
    of_this_version = [line for line in sorted(lines) if not any(words in line for words in newer)]
    unknown = [line for line in of_this_version if any(words in line for words in NOT_IN_THE_PARSER)]
    known = sorted({*of_this_version} - {*unknown})
    assert len(known) > 4000
    assert len(check(tmp_path, version, unknown)) == len(unknown)
    assert check(tmp_path / "known", version, ["\nGO\n".join(known)]) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_whole_script_is_one_batch_that_parses(tmp_path: Path, version: str) -> None:
    states = build_hostile_states()
    assert check(tmp_path, version, ["\n".join(build_script(states))]) == []


def test_what_is_no_t_sql_is_told(tmp_path: Path) -> None:
    (said,) = check(tmp_path, "2022", ["SELECT FROM WHERE", "SELECT 1"])
    assert "0.sql" in said


def test_the_cases_of_the_shared_body_are_t_sql(tmp_path: Path) -> None:
    """What the stand-in is told is what a server would take."""
    statements = [statement for case in CASES for statement in (*case.grant, *case.revoke)]
    known = [text for text in statements if not any(words in text for words in NOT_IN_THE_PARSER)]
    assert check(tmp_path, "2025", known) == []
