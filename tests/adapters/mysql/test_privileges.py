"""Privileges on MySQL and MariaDB: kept as the catalog has them, known or not."""

from contextlib import suppress
from datetime import UTC, datetime

import pymysql
import pytest

from tests.adapters.mysql.servers import grants_of, read
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql import rules
from whalefall_pipeline.core.model import AccountState, Grant, Securable
from whalefall_pipeline.core.rules import GRANT_ADMIN


def test_database_names_keep_their_case(server: MysqlServer) -> None:
    server.create_accounts(["ann"])
    server.execute("GRANT SELECT ON App_Mixed.* TO ann@'%'", "GRANT INSERT ON app_mixed.* TO ann@'%'")
    _, reading = read(server)
    assert grants_of(reading, "ann@%") == {
        Grant("ann@%", "SELECT", Securable("database", "App_Mixed")),
        Grant("ann@%", "INSERT", Securable("database", "app_mixed")),
    }


def test_patterns_stay_as_they_are_stored(server: MysqlServer) -> None:
    server.create_accounts(["ann"])
    server.execute(r"GRANT SELECT ON `app\_%`.* TO ann@'%'", "GRANT SELECT ON `app_%`.* TO ann@'%'")
    _, reading = read(server)
    assert {grant.securable.database for grant in grants_of(reading, "ann@%")} == {r"app\_%", "app_%"}


def test_column_privileges_are_not_counted_for_the_table_too(server: MysqlServer) -> None:
    server.create_accounts(["ann"])
    server.execute("GRANT SELECT (id), INSERT (total) ON wf_app.orders TO ann@'%'")
    _, reading = read(server)
    assert {grant.securable.scope for grant in grants_of(reading, "ann@%")} == {"column"}


def test_hosts_of_grants_are_matched_without_case(mysql: MysqlServer) -> None:
    mysql.create_accounts(["ann"])
    mysql.execute(
        "CREATE USER bob@'db.example.com'",
        "INSERT INTO mysql.db (host, db, user, select_priv) VALUES ('DB.example.com', 'wf_app', 'bob', 'Y')",
    )
    _, reading = read(mysql)
    assert grants_of(reading, "bob@db.example.com") == {
        Grant("bob@db.example.com", "SELECT", Securable("database", "wf_app"))
    }


def test_a_grant_option_alone_is_a_grant(server: MysqlServer) -> None:
    server.create_accounts(["ann"])
    server.execute("GRANT USAGE ON *.* TO ann@'%' WITH GRANT OPTION")
    accounts, reading = read(server)
    assert grants_of(reading, "ann@%") == {Grant("ann@%", "USAGE", Securable("server"), grant_option=True)}
    state = AccountState.of(accounts["ann@%"], frozenset(grants_of(reading, "ann@%")))
    assert rules.RULES.own_capabilities(state, datetime.now(UTC))[GRANT_ADMIN] == ["GRANT OPTION on *.*"]


def test_a_privilege_nobody_has_heard_of_keeps_its_name(mysql: MysqlServer) -> None:
    mysql.create_accounts(["ann"])
    mysql.execute("INSERT INTO mysql.global_grants VALUES ('ann', '%', 'MADE_UP_ADMIN', 'Y')")
    _, reading = read(mysql)
    assert grants_of(reading, "ann@%") == {Grant("ann@%", "MADE_UP_ADMIN", Securable("dynamic"), grant_option=True)}
    mysql.execute("DELETE FROM mysql.global_grants WHERE priv = 'MADE_UP_ADMIN'")


def test_a_column_nobody_has_heard_of_is_a_privilege(server: MysqlServer) -> None:
    server.create_accounts(["ann"])
    server.execute("GRANT SELECT ON wf_app.* TO ann@'%'")
    server.execute("ALTER TABLE mysql.db ADD Time_travel_priv ENUM('N','Y') CHARACTER SET utf8mb3 NOT NULL DEFAULT 'Y'")
    try:
        _, reading = read(server)
    finally:
        server.execute("ALTER TABLE mysql.db DROP Time_travel_priv")
    assert {grant.privilege for grant in grants_of(reading, "ann@%")} == {"SELECT", "TIME TRAVEL"}


def test_a_bit_nobody_has_heard_of_is_kept(mariadb: MysqlServer) -> None:
    mariadb.create_accounts(["ann"])
    mariadb.execute("UPDATE mysql.global_priv SET priv = json_set(priv, '$.access', 1 << 50) WHERE user = 'ann'")
    _, reading = read(mariadb)
    assert grants_of(reading, "ann@%") == {Grant("ann@%", "ACCESS BIT 50", Securable("server"))}
    mariadb.execute("UPDATE mysql.global_priv SET priv = json_set(priv, '$.access', 0) WHERE user = 'ann'")


@pytest.mark.parametrize("version", [0, 100400, 100503, 100508, 100600, 101100, 110000, 110400])
def test_old_rows_mean_what_the_server_makes_of_them(mariadb: MysqlServer, version: int) -> None:
    words = [1 << 15, 1 << 15 | 1 << 19, 1 << 20, 1 << 19, 1]
    mariadb.create_accounts([f"old{access}" for access in words])
    for access in words:
        document = f"json_set(priv, '$.access', {access}, '$.version_id', {version})"
        mariadb.execute(f"UPDATE mysql.global_priv SET priv = {document} WHERE user = 'old{access}'")
    mariadb.execute("FLUSH PRIVILEGES")
    accounts, reading = read(mariadb)
    for access in words:
        (text,) = mariadb.show_grants(AccountState.of(accounts[f"old{access}@%"]))
        shown = set(_between(text, "GRANT ", " ON ").split(", "))
        assert {grant.privilege for grant in grants_of(reading, f"old{access}@%")} == shown


def test_each_privilege_on_the_whole_server_has_its_name(server: MysqlServer) -> None:
    names = [str(row[0]).upper() for row in server.query("SHOW PRIVILEGES")]
    granted: list[str] = []
    for number, name in enumerate(names):
        server.execute(f"CREATE USER u{number}")
        with suppress(pymysql.err.MySQLError):  # a few words of that list are no privileges of the whole server
            server.execute(f"GRANT {name} ON *.* TO u{number}")
            granted += [f"u{number}@%"] if name != "USAGE" else []
    accounts, reading = read(server)
    assert len(granted) > 30
    for username in granted:
        held = {grant.privilege for grant in grants_of(reading, username)}
        shown = " ".join(server.show_grants(AccountState.of(accounts[username])))
        assert held, shown
        assert all(name in shown for name in held)


def _between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]
