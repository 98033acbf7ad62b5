"""The driver over a real TDS connection, beyond the faults that every engine is tested with (`tests/engines`)."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.sqlserver.conftest import Readings
from tests.engines.proxy import open_black_hole
from tests.engines.sqlserver import SqlserverEngine
from tests.engines.sqlserver_cases import DATABASE
from tests.servers.sqlserver_standin.browser import serve_browser
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.adapters.sqlserver.databases import WITHOUT_SERVER
from whalefall_pipeline.adapters.sqlserver.options import build_keywords
from whalefall_pipeline.adapters.sqlserver.worker import CallAbandonedError, Worker
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncDataError
from whalefall_pipeline.core.model import Login, Security, Seen


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


@pytest.mark.parametrize(
    ("host", "options", "refused"),
    [
        ("localhost", {}, ""),
        ("127.1", {"hostname_in_certificate": "localhost"}, ""),
        ("127.1", {}, "made out to another name"),
        ("localhost", {"hostname_in_certificate": "db.example"}, "made out to another name"),
    ],
)
def test_the_certificate_is_compared_with_the_server_s_name_through_the_relay(
    engine: SqlserverEngine, tmp_path: Path, host: str, options: dict[str, str], refused: str
) -> None:
    """The driver itself connects to the relay, at 127.0.0.1, which the stand-in's certificate has too.

    In a process of its own: which authorities are trusted is read once.
    """
    (tmp_path / "authority.pem").write_bytes(engine.standin.wire.certificate)
    code = f"""
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Instance, Login
instance = Instance(1, "x", "sqlserver", {host!r}, {engine.standin.wire.port}, options={options!r})
login = Login({engine.standin.username!r}, {engine.standin.password!r})
try:
    with Deadline(30) as deadline, SqlserverAdapter().open(instance, login, Limits(), deadline) as session:
        print(session.security)
except DatabaseConnectionError as error:
    print(error, error.transient)
"""
    environment = os.environ | {"SSL_CERT_FILE": str(tmp_path / "authority.pem")}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    if refused:
        assert refused in ran.stdout
        assert ran.stdout.rstrip().endswith("False")
    else:
        assert ran.stdout.strip() == str(Security(encrypted=True, verified=True))


@pytest.mark.parametrize(("encrypt", "encrypted"), [("yes", True), ("no", False)])
def test_tls_covers_the_whole_session_unless_it_is_turned_off(
    readings: Readings, monkeypatch: pytest.MonkeyPatch, encrypt: str, encrypted: bool
) -> None:
    import pysqlbridge.server
    from pysqlbridge.tds.connection import Connection

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
    _, reading = readings.read(Limits(statement_seconds=5))
    engine.standin.wire.faults.release.set()
    assert reading.coverage[f"database:{DATABASE}"] == (Seen.TIMED_OUT, "no answer within 5 s")
    assert set(reading.grants) == {grant for grant in whole if grant.securable.database != DATABASE}


def test_a_statement_that_hangs_ends_with_the_deadline(engine: SqlserverEngine, readings: Readings) -> None:
    engine.standin.wire.faults.hanging.add(DATABASE)
    began = Deadline(30)
    _, reading = readings.read(Limits(statement_seconds=60), seconds=15)
    engine.standin.wire.faults.release.set()
    assert began.remaining
    assert reading.coverage["server"].status is Seen.OBSERVED
    assert reading.coverage[f"database:{DATABASE}"] == (Seen.TIMED_OUT, "the deadline of 15 s passed before")


@pytest.mark.parametrize(
    ("number", "text", "transient"),
    [
        (18470, "Login failed for user 'wf_collector'. Reason: The account is disabled.", False),
        (
            17809,
            "Could not connect because the maximum number of '10' user connections has already been reached.",
            True,
        ),
    ],
)
def test_what_a_server_answers_to_a_login(
    engine: SqlserverEngine, readings: Readings, number: int, text: str, transient: bool
) -> None:
    """The driver itself tries once."""
    engine.standin.wire.faults.login = (number, text)
    with pytest.raises(DatabaseConnectionError, match=text[:30]) as raised:
        readings.read()
    assert raised.value.transient is transient
    assert engine.standin.wire.faults.attempts == 1


def test_an_answer_that_holds_too_much_is_not_taken(readings: Readings) -> None:
    with pytest.raises(SyncDataError, match="more than 100 bytes"):
        readings.read(Limits(answer_bytes=100))


def test_another_instance_than_the_one_that_was_asked_for_is_refused(
    engine: SqlserverEngine, readings: Readings
) -> None:
    r"""With a port the driver ignores the name: the stand-in is the default instance, or SALES."""
    readings.instance = replace(readings.instance, host=r"127.0.0.1\Sales")
    with pytest.raises(DatabaseConnectionError, match="instance MSSQLSERVER, not SALES") as raised:
        readings.read()
    assert not raised.value.transient
    engine.standin.tables.run("update properties set value = 'Sales' where name = 'InstanceName'")
    assert readings.grants()


def test_an_instance_is_found_by_its_name(engine: SqlserverEngine, readings: Readings) -> None:
    """SQL Server Browser answers a name on UDP port 1434 with the instance's port; no port is sent."""
    engine.standin.tables.run("update properties set value = 'SALES' where name = 'InstanceName'")
    with serve_browser("SALES", engine.standin.wire.port) as host:
        if host != engine.standin.host:
            pytest.skip("UDP port 1434 of this machine is taken")
        readings.instance = replace(readings.instance, host=rf"{host}\sales", port=1433)
        assert readings.grants()


@pytest.mark.parametrize(("edition", "name"), WITHOUT_SERVER.items())
def test_what_has_no_catalog_of_a_server_is_refused_plainly(
    engine: SqlserverEngine, readings: Readings, edition: int, name: str
) -> None:
    engine.standin.tables.run("update properties set value = ? where name = 'EngineEdition'", [str(edition)])
    with pytest.raises(InvalidInstanceError, match=name):
        readings.read()
    assert [text for text in engine.standin.wire.statements if "sys.databases" in text] == []


def test_who_a_server_says_it_is(engine: SqlserverEngine, readings: Readings) -> None:
    """Its own name, or by a listener the group, which another replica will say too."""
    tables = engine.standin.tables

    def identify() -> str:
        with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
            return session.identity

    assert identify() == "STANDIN"
    tables.insert("availability_group_listeners", [("6f9619ff-8b86-d011-b42d-00c04fc964ff", "l1")])
    tables.insert("availability_group_listener_ip_addresses", [("l1", "127.0.0.1")])
    assert identify() == "availability group 6F9619FF-8B86-D011-B42D-00C04FC964FF"
    tables.allow("VIEW ANY DEFINITION", held=0)
    assert identify() == ""


@pytest.mark.parametrize(("option", "encrypted"), [("TRUE", True), ("FALSE", False)])
def test_the_server_says_whether_it_is_encrypted_where_the_driver_does_not_require_it(
    engine: SqlserverEngine, readings: Readings, option: str, encrypted: bool
) -> None:
    engine.standin.tables.run("update dm_exec_connections set encrypt_option = ?", [option])
    readings.instance = readings.with_options(encrypt="no")
    known: list[Security] = []
    for held in (0, 1):
        engine.standin.tables.allow("VIEW SERVER STATE", held=held)
        with SqlserverAdapter().open(readings.instance, readings.login, Limits(), Deadline(30)) as session:
            known.append(session.security)
    assert known == [Security(None, verified=False), Security(encrypted=encrypted, verified=False)]


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
    worker.finish(ended.set, 0)
    assert not ended.is_set()
    release.set()
    assert ended.wait(30)


def test_the_driver_imports_and_connects_without_client_libraries() -> None:
    """Both its halves: the module, and the native library that a first connection loads."""
    with open_black_hole() as port:
        code = f"""
import os
before = dict(os.environ)
import mssql_python
from whalefall_pipeline.adapters.sqlserver.connection import choose_provider
assert os.environ == before, "an import changes the environment"
choose_provider()
try:
    mssql_python.connect("Server=127.0.0.1,{port};UID=a;PWD=b;ConnectRetryCount=0", timeout=1)
except mssql_python.Error as error:
    print(error.ddbc_error)
"""
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "imeout" in ran.stdout, ran.stdout
