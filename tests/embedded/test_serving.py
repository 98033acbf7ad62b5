"""The embedded PostgreSQL as it is used: one server for all who come, with its data; and why there may be none."""

import socket
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.embedded.using import USER, connect, read_value, wait_until_gone
from whalefall_pipeline.embedded import EmbeddedServer, EmbeddedServerError, embedded_server, is_running
from whalefall_pipeline.embedded.postmaster import read_postmaster


def test_a_new_server_takes_connections_with_the_password_only(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with embedded_server(folder) as server:
        assert (
            read_value(server, "select rolpassword ~ '^SCRAM-SHA-256' from pg_authid where rolname = 'whalefall'")
            is True
        )
        assert (
            read_value(server, "select string_agg(distinct auth_method, ',') from pg_hba_file_rules") == "scram-sha-256"
        )
        assert read_value(server, "show fsync") == "on"
        assert read_value(server, "show server_encoding") == "UTF8"
        assert read_value(server, "select datcollate from pg_database where datname = 'template1'") == "C"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(replace(server, password="wrong"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    assert server.password not in repr(server)


def test_it_listens_on_loopback_and_on_no_socket_file(folder: Path) -> None:
    with embedded_server(folder) as server:
        assert read_value(server, "show listen_addresses") == "127.0.0.1"
        assert read_value(server, "show unix_socket_directories") == ""
        if sys.platform == "linux":
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", server.port))


def test_urls_name_the_driver_that_is_asked_for() -> None:
    server = EmbeddedServer("127.0.0.1", 5432, "whalefall", "a/b@c")
    assert server.url("ledger") == "postgresql+psycopg://whalefall:a%2Fb%40c@127.0.0.1:5432/ledger"
    assert server.url("d x", driver="psycopg2") == "postgresql+psycopg2://whalefall:a%2Fb%40c@127.0.0.1:5432/d%20x"
    assert server.url("ledger", driver="") == "postgresql://whalefall:a%2Fb%40c@127.0.0.1:5432/ledger"


def test_a_restart_keeps_port_and_data(folder: Path) -> None:
    with embedded_server(folder) as first:
        first.ensure_database("kept")
        first.ensure_database("kept")
        with connect(first, "kept") as connection:
            connection.execute("create table t as select 42 as answer")
    wait_until_gone(folder)
    assert not is_running(folder)
    with embedded_server(folder) as second, connect(second, "kept") as connection:
        assert connection.execute("select answer from t").fetchone() == (42,)
        assert second == first


def test_a_taken_port_makes_it_choose_another(folder: Path) -> None:
    with embedded_server(folder) as first:
        pass
    wait_until_gone(folder)
    with socket.create_server(("127.0.0.1", first.port)), embedded_server(folder) as second:
        assert second.port != first.port
        assert read_value(second, "select 1") == 1


def test_many_who_come_at_once_share_one_server(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    command = [sys.executable, "-c", USER, str(folder)]
    users = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        ports = {running.stdout.readline() for running in users if running.stdout}
        assert len(ports) == 1
        assert is_running(folder)
    finally:
        for running in users:
            running.communicate()
    assert [running.returncode for running in users] == [0] * 4
    wait_until_gone(folder)
    assert read_postmaster(folder) is None


def test_one_who_comes_while_it_stops_gets_a_new_one(folder: Path) -> None:
    for _ in range(5):
        with embedded_server(folder) as server:
            assert read_value(server, "select 1") == 1


def test_a_half_made_data_folder_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("18\n")
    with embedded_server(folder) as server:
        assert read_value(server, "select 1") == 1


def test_data_of_another_version_is_not_opened(folder: Path) -> None:
    (folder / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedServerError, match=r"made by PostgreSQL 12, which is not here .*PG_BIN") as caught:
        embedded_server(folder).__enter__()
    assert "\n" not in str(caught.value)


def test_without_programs_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(EmbeddedServerError, match=r"no PostgreSQL 14 or later found; install .* or set WHALEFALL_DATA"):
        embedded_server(tmp_path / "new").__enter__()
    wait_until_gone(tmp_path / "new")


def test_the_server_knows_no_secret_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALEFALL_SECRET_KEY", "hush")
    with embedded_server(folder):
        environment = Path(f"/proc/{read_postmaster(folder)}/environ")
        if not environment.exists():
            pytest.skip("there is no /proc here")
        assert b"hush" not in environment.read_bytes()
