"""The driver over a real TDS connection, beyond the faults that every engine is tested with (`tests/engines`)."""

import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any

import pysqlbridge.server
import pytest
from pysqlbridge.tds.connection import Connection

from tests.adapters.sqlserver.conftest import Readings
from tests.engines.proxy import open_black_hole
from tests.engines.sqlserver import SqlserverEngine
from tests.engines.sqlserver_cases import DATABASE
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver.options import build_keywords
from whalefall_pipeline.adapters.sqlserver.worker import CallAbandonedError, Worker
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError
from whalefall_pipeline.core.model import Login, Seen


def test_a_refusal_says_whose_login_it_was(readings: Readings) -> None:
    readings.login = Login(readings.login.username, "wrong;}{")
    with pytest.raises(DatabaseConnectionError, match="Login failed for user 'wf_collector'") as raised:
        readings.read()
    assert not raised.value.transient
    assert raised.value.__suppress_context__


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(readings: Readings) -> None:
    readings.instance = readings.with_options(trust_server_certificate="no")
    with pytest.raises(DatabaseConnectionError, match="trust_server_certificate") as raised:
        readings.read()
    assert not raised.value.transient


@pytest.mark.parametrize(("encrypt", "encrypted"), [("yes", True), ("no", False)])
def test_tls_covers_the_whole_session_unless_it_is_turned_off(
    readings: Readings, monkeypatch: pytest.MonkeyPatch, encrypt: str, encrypted: bool
) -> None:
    made: list[Connection] = []

    def connect(*values: Any, **options: Any) -> Connection:
        made.append(Connection(*values, **options))
        return made[-1]

    monkeypatch.setattr(pysqlbridge.server, "Connection", connect)
    readings.instance = readings.with_options(encrypt=encrypt)
    readings.read()
    assert [connection.session_encrypted for connection in made] == [encrypted]


def test_a_database_that_hangs_is_timed_out_and_the_others_are_complete(
    engine: SqlserverEngine, readings: Readings
) -> None:
    """The connection that waits is left behind; the other databases are read over a new one."""
    whole = readings.grants()
    engine.standin.wire.faults.hanging.add(DATABASE)
    _, reading = readings.read(Limits(statement_seconds=0.7))
    engine.standin.wire.faults.release.set()
    assert reading.coverage[f"database:{DATABASE}"] == (Seen.TIMED_OUT, "no answer within 0.7 s")
    assert set(reading.grants) == {grant for grant in whole if grant.securable.database != DATABASE}


def test_a_statement_that_hangs_ends_with_the_deadline(engine: SqlserverEngine, readings: Readings) -> None:
    engine.standin.wire.faults.hanging.add(DATABASE)
    with pytest.raises(DatabaseConnectionError, match="deadline of 1 s"):
        readings.read(Limits(statement_seconds=60), seconds=1)
    engine.standin.wire.faults.release.set()


def test_a_value_that_an_option_does_not_take_is_refused(readings: Readings) -> None:
    with pytest.raises(InvalidInstanceError, match="strict"):
        build_keywords(readings.with_options(encrypt="perhaps"), readings.login, {})


def test_an_instance_s_option_wins_over_the_default(readings: Readings) -> None:
    instance = replace(readings.instance, options={"encrypt": "strict"})
    keywords = build_keywords(instance, readings.login, {"encrypt": "no", "application_intent": "ReadOnly"})
    assert (keywords["Encrypt"], keywords["ApplicationIntent"]) == ("strict", "ReadOnly")


def test_a_call_that_was_left_behind_is_followed_by_the_last_one() -> None:
    worker, release, ended = Worker("test"), threading.Event(), threading.Event()
    with pytest.raises(CallAbandonedError):
        worker.call(release.wait, Deadline(30), 0.05)
    worker.finish(ended.set)
    assert not ended.is_set()
    release.set()
    assert ended.wait(30)


def test_the_driver_imports_and_connects_without_client_libraries() -> None:
    """Both its halves: the module, and the native library that a first connection loads."""
    with open_black_hole() as port:
        code = f"""
import whalefall_pipeline.adapters.sqlserver.connection, mssql_python
try:
    mssql_python.connect("Server=127.0.0.1,{port};UID=a;PWD=b;ConnectRetryCount=0", timeout=1)
except mssql_python.Error as error:
    print(error.ddbc_error)
"""
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "imeout" in ran.stdout, ran.stdout
