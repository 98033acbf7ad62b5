"""A change on a real server stands in the log as what it is: its type, its session, and its documents' entries."""

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.end_to_end.history.watched import Watched
from tests.engines.engine import ACCOUNT
from tests.engines.mysql import MysqlServer
from tests.engines.postgresql import PostgresqlEngine
from tests.ledger.rows import read

MYSQL = f"`{ACCOUNT}`@`%`"
BESIDE = ("account_kind", "password_last_changed")
"""What may change too: a PostgreSQL role without login is of another kind, MariaDB ends a password by its age."""
Steps = list[tuple[str, str, list[Any], list[Any]]]


def _entry(action: str, thing: str, *permissions: str) -> tuple[str, str, list[str]]:
    return action, thing, list(permissions)


def _field(name: str, before: object, after: object) -> dict[str, object]:
    return {"field": name, "before": before, "after": after}


POSTGRESQL: Steps = [
    (f"ALTER ROLE {ACCOUNT} NOLOGIN;", "modify_other", [], [_field("rolcanlogin", True, False)]),
    (
        f"ALTER ROLE {ACCOUNT} VALID UNTIL '2020-01-02 03:04:05+00';",
        "modify_other",
        [],
        [_field("rolvaliduntil", None, "2020-01-02T03:04:05.000000+00:00")],
    ),
    (
        f"GRANT SELECT ON app.orders TO {ACCOUNT};",
        "modify_privilege",
        [_entry("GRANT", "table wf_shop.app.orders", "SELECT")],
        [],
    ),
    (
        f"GRANT SELECT ON app.orders TO {ACCOUNT} WITH GRANT OPTION;",
        "modify_privilege",
        [_entry("GRANT", "table wf_shop.app.orders", "GRANT OPTION FOR SELECT")],
        [],
    ),
    (
        f"REVOKE SELECT ON app.orders FROM {ACCOUNT};",
        "modify_privilege",
        [_entry("REVOKE", "table wf_shop.app.orders", "SELECT WITH GRANT OPTION")],
        [],
    ),
]
MYSQL_STEPS: Steps = [
    (f"ALTER USER {MYSQL} ACCOUNT LOCK", "modify_other", [], [_field("account_locked", False, True)]),
    (f"ALTER USER {MYSQL} PASSWORD EXPIRE", "modify_other", [], [_field("password_expired", False, True)]),
    (
        f"GRANT SELECT ON wf_app.orders TO {MYSQL}",
        "modify_privilege",
        [_entry("GRANT", "table wf_app.orders", "SELECT")],
        [],
    ),
    (
        f"GRANT SELECT ON wf_app.orders TO {MYSQL} WITH GRANT OPTION",
        "modify_privilege",
        [_entry("GRANT", "table wf_app.orders", "GRANT OPTION FOR SELECT")],
        [],
    ),
]
PLUGINS = {
    "mysql": ("caching_sha2_password", f"ALTER USER {MYSQL} IDENTIFIED WITH sha256_password BY 'x'", "sha256_password"),
    "mariadb": ("mysql_native_password", f"ALTER USER {MYSQL} IDENTIFIED VIA unix_socket", "unix_socket"),
}


def follow(watched: Watched, username: str, steps: Steps) -> None:
    """Take each step on the server, sync, and compare the one change that the session's log has of the account."""
    for statement, change_type, privileges, others in steps:
        watched.server.execute(statement)
        watched.sync_well()
        (change,) = [row for row in watched.read_changes(watched.sessions[-1]) if row["username"] == username]
        assert change["change_type"] == change_type
        documents = [change["privilege_diff"], change["other_diff"]]
        assert {document["version"] for document in documents if document} == {1}
        said, fields = (_list_entries(document) for document in documents)
        assert [(entry["action"], entry["object"], entry["permissions"]) for entry in said] == privileges
        assert [entry for entry in fields if entry["field"] not in BESIDE] == others


def _list_entries(document: dict[str, Any] | None) -> list[dict[str, Any]]:
    return document["entries"] if document else []


@pytest.mark.parametrize("engine", ["postgresql-18"], indirect=True)
def test_changes_on_postgresql(watched: Watched, server: PostgresqlEngine, whalefall: Run) -> None:
    server.create_accounts([ACCOUNT])
    watched.sync_well()
    follow(watched, ACCOUNT, POSTGRESQL)
    server.drop_accounts([ACCOUNT])
    watched.sync_well()
    server.create_accounts([ACCOUNT])
    watched.sync_well()
    server.drop_accounts([ACCOUNT])
    server.create_accounts([ACCOUNT])
    watched.sync_well()
    types = [row["change_type"] for row in watched.read_log(ACCOUNT)]
    assert (types[0], types[-4:]) == ("add", ["delete", "reactivate"] * 2)
    (_, change) = watched.read_changes(watched.sessions[-1])
    said = whalefall("script", watched.name, "--undo", str(change["id"]))
    assert (said.returncode, said.stdout) == (1, "")
    assert f"not undone: {ACCOUNT} was dropped and made again" in said.stderr
    steps = read(watched.ledger, "select action, item from change_entries where action <> 'SET' order by change_id")
    table = [(row["action"], row["item"]) for row in steps if "SELECT" in row["item"]]
    assert table[-3:] == [
        ("GRANT", "SELECT"),
        ("GRANT", "GRANT OPTION FOR SELECT"),
        ("REVOKE", "SELECT WITH GRANT OPTION"),
    ]


@pytest.mark.parametrize("engine", ["mariadb", "mysql"], indirect=True)
def test_changes_on_mysql(watched: Watched, server: MysqlServer) -> None:
    server.execute(f"CREATE USER {MYSQL} IDENTIFIED BY 'x'")
    watched.sync_well()
    follow(watched, server.probe_username, MYSQL_STEPS)
    before, statement, after = PLUGINS[server.flavour]
    server.execute(statement)
    watched.sync_well()
    change = watched.read_log(server.probe_username)[-1]
    assert change["change_type"] == "modify_other"
    assert _field("plugin", before, after) in change["other_diff"]["entries"]
    assert f"plugin: {before} -> {after}" in change["message"]
