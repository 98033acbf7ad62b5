"""The script of `instances grants`: without each of its lines the record, and the check, name what is missing."""

from pathlib import Path

import pytest

from tests.adapters.sqlserver.conftest import Readings
from tests.adapters.sqlserver.test_parser import VERSIONS, check
from tests.engines.sqlserver import SqlserverEngine
from tests.engines.sqlserver_cases import DATABASE
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, Product
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.adapters.sqlserver.collector import OPENS

SCOPES = {
    "VIEW ANY DEFINITION": "server",
    "VIEW ANY DATABASE": "databases",
    "CONNECT ANY DATABASE": f"database:{DATABASE}",
}


@pytest.mark.parametrize("permission", OPENS)
def test_without_a_line_its_scope_is_not_observed(engine: SqlserverEngine, readings: Readings, permission: str) -> None:
    held = f"CONNECT {DATABASE}" if permission == "CONNECT ANY DATABASE" else permission
    engine.standin.tables.allow(held, held=0)
    with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
        said = {part.scope: part.note for part in session.check() if not part.readable}
        unseen = {scope: seen.reason for scope, seen in session.read_grants().coverage.items() if seen.reason}
    assert permission in said[SCOPES[permission]]
    assert permission in unseen[SCOPES[permission]]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_script_is_t_sql(tmp_path: Path, version: str) -> None:
    lines = SqlserverAdapter().build_collector("it's [a] name", Product("sqlserver"))
    assert check(tmp_path, version, [line.statement for line in lines]) == []
