"""What the command says of who can, on real servers: the server itself is asked the same, and grants are taken away."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from tests.end_to_end.history.watched import Watched
from tests.engines.engine import Server
from tests.engines.registry import find_starter

PEOPLE = ("wf_ana", "wf_bob", "wf_eve", "wf_sue")
"""Of whom one has it granted, one by a role, one has nothing, and one needs a step."""
CAN_READ = """
select r.rolname from pg_roles r, pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'app' and c.relname = 'orders' and has_table_privilege(r.oid, c.oid, 'SELECT')
"""
DENIED = (1044, 1142, 1143)
"""What MySQL's errors are to who may not."""


@pytest.fixture(scope="module")
def postgresql() -> Generator[Server]:
    with find_starter("postgresql-18")() as server:
        yield server


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def mysql(request: pytest.FixtureRequest) -> Generator[Server]:
    with find_starter(str(request.param))() as server:
        yield server


def watch(server: Server, ledger: Engine, home: Path) -> Watched:
    server.reset()
    server.prepare()
    server.create_accounts(PEOPLE)
    server.create_accounts(["wf_readers"], role=True)
    return Watched(ledger, server, home, "shop")


def read_answer(whalefall: Run, *words: str) -> tuple[int, list[dict[str, Any]]]:
    said = whalefall(*words, "--format", "json")
    return said.returncode, json.loads(said.stdout)


def test_postgresql(postgresql: Server, ledger: Engine, tmp_path: Path, whalefall: Run) -> None:
    watched = watch(postgresql, ledger, tmp_path / "home")
    postgresql.execute(
        "GRANT SELECT ON app.orders TO wf_readers, wf_ana;",
        "GRANT wf_readers TO wf_ana, wf_bob;",
        "GRANT wf_readers TO wf_sue WITH INHERIT FALSE;",
    )
    watched.sync_well()
    question = ("SELECT", "ON", "app.orders")
    code, rows = read_answer(whalefall, "who-can", *question, "--predefined")
    assert code == 0
    assert {row["username"] for row in rows if row["verdict"] == "yes"} == _read_postgresql(postgresql)
    (sue,) = [row for row in rows if row["username"] == "wf_sue"]
    assert (sue["verdict"], sue["steps"]) == ("yes after a step", ["SET ROLE wf_readers"])
    assert read_answer(whalefall, "why", "shop", "wf_eve", *question)[0] == 1

    _, ways = read_answer(whalefall, "why", "shop", "wf_ana", *question)
    assert [row["path"] for row in ways if not row["steps"]] == [
        "wf_ana: SELECT on table wf_shop.app.orders",
        "wf_ana: member of wf_readers, SELECT on table wf_shop.app.orders",
    ]
    postgresql.execute("REVOKE SELECT ON app.orders FROM wf_ana;")
    watched.sync_well()
    assert read_answer(whalefall, "why", "shop", "wf_ana", *question)[0] == 0, "the other way is left"
    postgresql.execute("REVOKE SELECT ON app.orders FROM wf_readers;")
    watched.sync_well()
    assert read_answer(whalefall, "why", "shop", "wf_ana", *question)[0] == 1
    _, rows = read_answer(whalefall, "who-can", *question, "--predefined")
    assert {row["username"] for row in rows if row["verdict"] == "yes"} == _read_postgresql(postgresql)
    code, rows = read_answer(whalefall, "what-can", "shop", "wf_ana")
    assert "table wf_shop.app.orders" not in {row["object"] for row in rows}


def _read_postgresql(server: Server) -> set[str]:
    """Return the roles that can read the table, by the server's own word."""
    place = server.instance
    with psycopg.connect(
        host=place.host, port=place.port, user=server.login.username, password=server.login.password, dbname="wf_shop"
    ) as connection:
        rows = connection.execute(CAN_READ)
        return {str(name) for (name,) in rows}


def test_who_could_become_a_superuser_of_postgresql(
    postgresql: Server, ledger: Engine, tmp_path: Path, whalefall: Run
) -> None:
    watched = watch(postgresql, ledger, tmp_path / "home")
    postgresql.execute("GRANT pg_execute_server_program TO wf_ana;", "CREATE ROLE wf_root SUPERUSER;")
    postgresql.execute("GRANT wf_root TO wf_bob;")
    outcome = watched.sync_well()
    code, rows = read_answer(whalefall, "escalations")
    assert code == 0
    assert {row["username"] for row in rows if row["privilege"] == "SUPERUSER"} == {"wf_ana", "wf_bob"}
    assert outcome.dangers is not None
    assert (outcome.dangers.superusers, outcome.dangers.could_become) == (2, 2)
    (row,) = read_answer(whalefall, "what-can", "shop", "wf_root")[1]
    assert row["privilege"] == "SUPERUSER"


def test_mysql(mysql: Server, ledger: Engine, tmp_path: Path, whalefall: Run) -> None:
    watched = watch(mysql, ledger, tmp_path / "home")
    mysql.execute(
        "GRANT SELECT ON wf_app.* TO wf_readers",
        "GRANT SELECT ON wf_app.orders TO wf_ana",
        "GRANT wf_readers TO wf_ana",
        "GRANT wf_readers TO wf_bob",
        "GRANT wf_readers TO wf_sue",
    )
    role = "`wf_readers`" if "MariaDB" in watched.sync_well().version else "wf_readers TO"
    ending = " FOR " if role.startswith("`") else " "
    mysql.execute(f"SET DEFAULT ROLE {role}{ending}wf_bob")
    watched.sync_well()
    question = ("SELECT", "ON", "wf_app.orders")
    code, rows = read_answer(whalefall, "who-can", *question, "--instance", "shop")
    assert code == 0
    can = {row["username"].partition("@")[0] for row in rows if row["verdict"] == "yes"}
    assert {name for name in PEOPLE if name in can} == {name for name in PEOPLE if _can_read(mysql, name)}
    (sue,) = [row for row in rows if row["username"].startswith("wf_sue@")]
    assert sue["verdict"] == "yes after a step"
    assert sue["steps"]

    mysql.execute("REVOKE SELECT ON wf_app.orders FROM wf_ana")
    watched.sync_well()
    _, (row,) = read_answer(whalefall, "why", "shop", "wf_ana@%", *question)
    assert row["verdict"] == "yes after a step"
    assert not _can_read(mysql, "wf_ana")


def _can_read(server: Server, name: str) -> bool:
    """Log in, and try."""
    place = server.instance
    connection = pymysql.connect(host=place.host, port=place.port, user=name, password="")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM wf_app.orders")
    except pymysql.MySQLError as error:
        if error.args[0] not in DENIED:
            raise
        return False
    finally:
        connection.close()
    return True
