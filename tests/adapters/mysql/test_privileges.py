"""Privileges on MySQL and MariaDB: kept as the catalog has them, known or not."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pymysql

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


VERSIONS = [None, 0, 1, 100399, 100400, 100501, 100502, 100508, 100509, 100600, 101100, 110000, 110300, 999999, 1000000]
WHOLE = [(1 << count) - 1 for count in (29, 30, 38, 39, 40, 41, 64)]
WORDS = [
    *(1 << bit for bit in range(42)), 1 << 50, 1 << 15 | 1 << 19, 1 << 34 | 1 << 15,
    *WHOLE, *(whole & ~(1 << 10) for whole in WHOLE), -1, 5.7, "5", None, True, 1 << 64,
]  # fmt: skip


def test_rows_mean_what_the_server_makes_of_them_whatever_wrote_them(mariadb: MysqlServer) -> None:
    rows = {f"w{place}_{version}": (version, word) for place, word in enumerate(WORDS) for version in VERSIONS}
    usable = {"plugin": "mysql_native_password", "authentication_string": ""}
    for user, (version, word) in rows.items():
        document = json.dumps({"access": word, **usable} | ({} if version is None else {"version_id": version}))
        mariadb.execute(f"INSERT INTO mysql.global_priv (user, host, priv) VALUES ('{user}', '%', '{document}')")
    mariadb.execute("FLUSH PRIVILEGES")
    assert _list_shown(mariadb, "root", "localhost") == ({"ALL PRIVILEGES"}, True)
    _, reading = read(mariadb)
    every = {held.privilege for held in reading.held["root@localhost"] if held.securable.scope == "server"}
    for user in rows:
        shown, option = _list_shown(mariadb, user, "%")
        held = grants_of(reading, f"{user}@%")
        expected = every if shown == {"ALL PRIVILEGES"} else shown - {"USAGE"}
        assert {grant.privilege for grant in held} - {"USAGE"} == expected, user
        assert any(grant.grant_option for grant in held) is option, user


def _list_shown(server: MysqlServer, user: str, host: str) -> tuple[set[str], bool]:
    texts = [str(row[0]) for row in server.query(f"SHOW GRANTS FOR '{user}'@'{host}'")]
    text = next(text for text in texts if " ON *.* " in text)
    return set(_between(text, "GRANT ", " ON ").split(", ")), "WITH GRANT OPTION" in text


def test_a_dynamic_privilege_has_one_spelling(mysql: MysqlServer) -> None:
    mysql.create_accounts(["ann"])
    mysql.execute("GRANT backup_admin, Role_Admin ON *.* TO ann@'%'")
    _, reading = read(mysql)
    assert {grant.privilege for grant in grants_of(reading, "ann@%")} == {"BACKUP_ADMIN", "ROLE_ADMIN"}
    mysql.execute("INSERT INTO mysql.global_grants VALUES ('ann', '%', 'HelloWorld', 'Y')", "FLUSH PRIVILEGES")
    try:
        _, reading = read(mysql)
        shown = " ".join(str(row[0]) for row in mysql.query("SHOW GRANTS FOR ann@'%'"))
    finally:
        mysql.execute("DELETE FROM mysql.global_grants WHERE priv = 'HelloWorld'", "FLUSH PRIVILEGES")
    assert "HELLOWORLD" in shown
    assert Grant("ann@%", "HELLOWORLD", Securable("dynamic"), grant_option=True) in reading.grants


def test_a_default_role_that_was_revoked_or_dropped_is_none(mariadb: MysqlServer) -> None:
    mariadb.create_accounts(["ann", "bob"])
    mariadb.create_accounts(["readers", "writers"], role=True)
    for member, role in (("ann", "readers"), ("bob", "writers")):
        mariadb.grant_role(role, member)
        mariadb.execute(f"SET DEFAULT ROLE {role} FOR {member}@'%'")
    mariadb.execute("REVOKE readers FROM ann@'%'", "DROP ROLE writers")
    _, reading = read(mariadb)
    assert not grants_of(reading, "ann@%")
    assert not grants_of(reading, "bob@%")


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
