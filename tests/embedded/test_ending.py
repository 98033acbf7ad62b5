"""How an embedded server ends: with its last user, by word, or killed, and what comes after."""

import os
import signal
from pathlib import Path

import psycopg
import pytest

from tests.embedded.using import connect, kill_and_wait, on_linux, parent_of, read_value, user, wait_until_gone
from whalefall_pipeline.embedded import embedded_server, is_running, stop, wait_for_end
from whalefall_pipeline.embedded.postmaster import read_postmaster


def test_a_killed_user_leaves_no_server_behind(folder: Path) -> None:
    with user(folder) as running:
        postmaster = read_postmaster(folder)
        assert postmaster
        running.kill()
        wait_until_gone(folder)
    with pytest.raises(ProcessLookupError):
        os.kill(postmaster, 0)
    assert "database system is shut down" in (folder / "postgres.log").read_text()


def test_its_end_is_waited_for_unless_others_use_it(folder: Path) -> None:
    with embedded_server(folder):
        pass
    wait_for_end(folder)
    assert not is_running(folder)
    assert "database system is shut down" in (folder / "postgres.log").read_text()
    with user(folder):
        with embedded_server(folder):
            pass
        wait_for_end(folder)
        assert is_running(folder)
    wait_for_end(folder / "nothing")


def test_ctrl_c_in_one_terminal_leaves_the_server_to_the_others(folder: Path) -> None:
    with user(folder) as first, embedded_server(folder) as server:
        os.killpg(first.pid, signal.SIGINT)
        first.wait()
        assert read_value(server, "select 1") == 1


@on_linux
def test_a_crashed_server_comes_back_with_its_data_on_the_same_port(folder: Path) -> None:
    with embedded_server(folder) as server:
        with connect(server) as connection:
            connection.execute("create table t as select 42 as answer")
        postmaster = read_postmaster(folder)
        assert postmaster
        kill_and_wait(postmaster, ends=postmaster)
        with embedded_server(folder) as again:
            assert again == server
            assert read_value(server, "select answer from t") == 42
            assert read_postmaster(folder) != postmaster


@on_linux
def test_a_killed_guard_takes_the_server_with_it(folder: Path) -> None:
    with embedded_server(folder) as server:
        with connect(server) as connection:
            connection.execute("create table t as select 42 as answer")
        postmaster = read_postmaster(folder)
        assert postmaster
        kill_and_wait(parent_of(postmaster), ends=postmaster)
        with embedded_server(folder) as again:
            assert read_value(again, "select answer from t") == 42
            assert read_postmaster(folder) != postmaster


def test_a_lock_file_left_by_a_crash_is_no_obstacle_though_its_process_id_lives(folder: Path) -> None:
    with embedded_server(folder):
        pass
    wait_until_gone(folder)
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n")
    with embedded_server(folder) as server:
        assert read_value(server, "select 1") == 1


def test_stop_ends_it_under_its_users(folder: Path) -> None:
    assert not stop(folder)
    with embedded_server(folder) as server:
        assert is_running(folder)
        assert stop(folder)
        assert not is_running(folder)
        with pytest.raises(psycopg.OperationalError):
            read_value(server, "select 1")
