"""The traps that concern MySQL and MariaDB, each on a real server."""

from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pymysql
import pytest

from tests.adapters.mysql_servers import STARTERS, grants_of, read
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.adapter import Limits
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.mysql import rules
from whalefall_pipeline.adapters.mysql.reader import CATALOGS
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncDataError
from whalefall_pipeline.core.model import MEMBER, AccountState, Grant, Kind, Login, Securable, Seen
from whalefall_pipeline.core.rules import GRANT_ADMIN, LOCKED, NO_LOGIN, PASSWORD_EXPIRED, SUPERUSER
from whalefall_pipeline.core.snapshot import build_snapshot

SCOPES = {"server", "databases", "tables", "columns", "routines", "proxies", "roles"}


@pytest.fixture(scope="module", params=list(STARTERS))
def running(request: pytest.FixtureRequest) -> Generator[MysqlServer]:
    with STARTERS[request.param]() as server:
        yield server


@pytest.fixture
def server(running: MysqlServer) -> MysqlServer:
    running.reset()
    running.prepare()
    return running


@pytest.fixture
def mysql(server: MysqlServer) -> MysqlServer:
    if server.flavour != "mysql":
        pytest.skip("of MySQL only")
    return server


@pytest.fixture
def mariadb(server: MysqlServer) -> MysqlServer:
    if server.flavour != "mariadb":
        pytest.skip("of MariaDB only")
    return server


def test_a_killed_connection_fails_the_reading(server: MysqlServer) -> None:
    with server.adapter.open(server.instance, server.login, Limits(), Deadline(60)) as session:
        session.read_accounts()
        server.kill_collectors()
        with pytest.raises(DatabaseConnectionError, match="lost") as raised:
            session.read_grants()
    assert raised.value.transient


def test_a_lock_is_seen(server: MysqlServer) -> None:
    server.create_accounts(["open", "shut"])
    server.lock("shut")
    accounts, _ = read(server)
    assert accounts["shut@%"].attributes["account_locked"] is True
    assert accounts["open@%"].attributes["account_locked"] is False
    now = datetime.now(UTC)
    assert LOCKED in rules.own_capabilities(AccountState(accounts["shut@%"]), now)
    assert LOCKED not in rules.own_capabilities(AccountState(accounts["open@%"]), now)


def test_accounts_with_names_like_the_servers_own_are_not_hidden(server: MysqlServer) -> None:
    server.create_accounts(["mysqlapp", "mysql.app", "mariadb.app", "root"])
    accounts, _ = read(server)
    assert {"mysqlapp@%", "mysql.app@%", "mariadb.app@%", "root@%"} <= accounts.keys()
    assert not any(account.attributes.get("built_in") for name, account in accounts.items() if name.endswith("%"))


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


def test_one_user_name_on_two_hosts_is_two_accounts(server: MysqlServer) -> None:
    server.execute("CREATE USER ann@'%', ann@'Db.Example.COM'", "GRANT SELECT ON wf_app.* TO ann@'DB.example.com'")
    accounts, reading = read(server)
    assert {"ann@%", "ann@db.example.com"} <= accounts.keys()
    assert not grants_of(reading, "ann@%")
    assert grants_of(reading, "ann@db.example.com")


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
    state = AccountState(accounts["ann@%"], frozenset(grants_of(reading, "ann@%")))
    assert rules.own_capabilities(state, datetime.now(UTC))[GRANT_ADMIN] == ["GRANT OPTION on *.*"]


def test_public_is_there_before_anything_is_granted_to_it(mariadb: MysqlServer) -> None:
    accounts, reading = read(mariadb)
    assert accounts["PUBLIC"].kind is Kind.PUBLIC
    assert not grants_of(reading, "PUBLIC")


def test_the_anonymous_user_is_an_account(server: MysqlServer) -> None:
    server.execute("CREATE USER ''@localhost")
    accounts, _ = read(server)
    assert accounts["@localhost"].kind is Kind.USER


def test_user_names_with_an_at_sign_stay_unambiguous(server: MysqlServer) -> None:
    server.execute("CREATE USER `a@b`@`c`", "CREATE USER `a`@`%`")
    roles = server.create_accounts(["a@b"], role=True)
    accounts, _ = read(server)
    assert {"a@b@c", *roles} <= accounts.keys()
    assert accounts["a@b@c"].attributes["user"] == "a@b"
    assert accounts["a@b@c"].attributes["host"] == "c"


def test_unused_and_quoted_roles_are_roles(server: MysqlServer) -> None:
    name = "quoted ' ` \" role"
    (username,) = server.create_accounts([name], role=True)
    accounts, _ = read(server)
    state = AccountState(accounts[username])
    assert state.account.kind is Kind.ROLE
    assert NO_LOGIN in rules.own_capabilities(state, datetime.now(UTC))


def test_an_account_that_is_granted_like_a_role_stays_a_user(mysql: MysqlServer) -> None:
    mysql.create_accounts(["ann", "bob"])
    mysql.grant_role("ann", "bob")
    accounts, reading = read(mysql)
    assert accounts["ann@%"].kind is Kind.USER
    assert Grant("bob@%", MEMBER, Securable("role", object="ann@%")) in reading.grants


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
        (text,) = mariadb.show_grants(AccountState(accounts[f"old{access}@%"]))
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
        shown = " ".join(server.show_grants(AccountState(accounts[username])))
        assert held, shown
        assert all(name in shown for name in held)


def test_no_hash_is_read(server: MysqlServer) -> None:
    server.execute("CREATE USER ann@'%' IDENTIFIED BY 'a secret'")
    table, column = ("user", "authentication_string") if server.flavour == "mysql" else ("global_priv", "priv")
    ((stored,),) = server.query(f"SELECT {column} FROM mysql.{table} WHERE user = 'ann'")
    secret = str(stored) if server.flavour == "mysql" else _between(str(stored), '"authentication_string":"', '"')
    accounts, reading = read(server)
    assert accounts["ann@%"].attributes["has_password"] is True
    assert secret[-20:] not in repr(accounts) + repr(reading)


def test_a_second_password_is_a_flag_only(mysql: MysqlServer) -> None:
    mysql.execute("CREATE USER ann@'%' IDENTIFIED BY 'one'")
    mysql.execute("ALTER USER ann@'%' IDENTIFIED BY 'two' RETAIN CURRENT PASSWORD")
    accounts, _ = read(mysql)
    assert accounts["ann@%"].attributes["has_second_password"] is True


def test_further_plugins_are_read(mariadb: MysqlServer) -> None:
    mariadb.execute("CREATE USER ann@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('x') OR unix_socket")
    accounts, _ = read(mariadb)
    assert accounts["ann@%"].attributes["plugin"] == "mysql_native_password"
    assert accounts["ann@%"].attributes["other_plugins"] == ["unix_socket"]


def test_a_password_expires_by_hand_and_by_age(server: MysqlServer) -> None:
    server.execute("CREATE USER hand@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE")
    server.execute("CREATE USER aged@'%' IDENTIFIED BY 'x' PASSWORD EXPIRE INTERVAL 30 DAY")
    accounts, _ = read(server)
    hand, aged = (AccountState(accounts[name]) for name in ("hand@%", "aged@%"))
    now = datetime.now(UTC)
    assert rules.own_capabilities(hand, now)[PASSWORD_EXPIRED]
    assert not rules.own_capabilities(aged, now)[PASSWORD_EXPIRED]
    assert rules.own_capabilities(aged, now + timedelta(days=31))[PASSWORD_EXPIRED]


def test_mandatory_roles_are_everybodys(mysql: MysqlServer) -> None:
    mysql.create_accounts(["ann", "bob"])
    mysql.create_accounts(["must", "also must"], role=True)
    mysql.grant_role("must", "bob")
    mysql.execute("SET GLOBAL mandatory_roles = \"must,`also must`@'%',nobody@there\"")
    accounts, reading = read(mysql)
    must = Securable("role", object="must@%")
    options = {
        name: {grant.privilege for grant in grants_of(reading, name) if grant.securable == must} for name in accounts
    }
    assert options["ann@%"] == {MEMBER, "MANDATORY"}
    assert options["bob@%"] == {MEMBER, "MANDATORY", "GRANTED"}
    assert not options["must@%"]
    ann, bob = (AccountState(accounts[name], frozenset(grants_of(reading, name))) for name in ("ann@%", "bob@%"))
    categories = build_snapshot(bob, rules)["categories"]
    assert isinstance(categories, dict)
    assert categories["mysql_granted_roles"] == {"direct": ["must@%"], "default": []}
    assert not any(line.startswith("GRANT") for line in mysql.adapter.build_script({"ann@%": ann}))


def test_a_group_of_tables_that_is_denied_is_not_observed(server: MysqlServer) -> None:
    accounts_table = "user" if server.flavour == "mysql" else "global_priv"
    readable = [accounts_table, "db", "columns_priv"]
    server.execute("CREATE USER partly@localhost IDENTIFIED BY 'x'")
    server.execute(*(f"GRANT SELECT ON mysql.{table} TO partly@localhost" for table in readable))
    login = Login("partly", "x")
    _, reading = read(server, login)
    expected = dict.fromkeys(SCOPES - {"server", "databases", "columns"}, "no SELECT on")
    if server.flavour == "mysql":
        expected["dynamic"] = "no SELECT on"
    assert {scope for scope, seen in reading.coverage.items() if seen.status is Seen.DENIED} == expected.keys()
    assert all(
        seen.status is not Seen.DENIED or "no SELECT on mysql." in seen.reason or scope == "roles"
        for scope, seen in reading.coverage.items()
    )
    assert reading.coverage["databases"].status is Seen.OBSERVED
    with server.adapter.open(server.instance, login, Limits(), Deadline(60)) as session:
        assert {item.scope for item in session.check() if not item.readable} == expected.keys()


def test_an_unreadable_account_list_is_an_error_and_not_an_empty_list(server: MysqlServer) -> None:
    server.execute("CREATE USER blind@localhost IDENTIFIED BY 'x'", "GRANT SELECT ON mysql.db TO blind@localhost")
    login = Login("blind", "x")
    with (
        server.adapter.open(server.instance, login, Limits(), Deadline(60)) as session,
        pytest.raises(SyncDataError, match="no SELECT on mysql"),
    ):
        session.read_accounts()
    with server.adapter.open(server.instance, login, Limits(), Deadline(60)) as session:
        (only,) = session.check()
    assert not only.readable


def test_hidden_columns_are_neither_false_nor_absent_privileges(mysql: MysqlServer) -> None:
    mysql.execute("CREATE USER narrow@localhost IDENTIFIED BY 'x'")
    mysql.execute("GRANT SELECT (User, Host, Select_priv, plugin) ON mysql.user TO narrow@localhost")
    accounts, reading = read(mysql, Login("narrow", "x"))
    assert "account_locked" not in accounts["root@localhost"].attributes
    assert reading.coverage["server"].status is Seen.DENIED


def test_a_statement_that_takes_too_long_is_a_scope_not_observed(
    server: MysqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "SELECT user, host, db, table_name, sleep(20) FROM mysql.tables_priv"
    monkeypatch.setitem(CATALOGS[server.flavour], "tables", slow)
    with server.adapter.open(server.instance, server.login, Limits(statement_seconds=0.5), Deadline(60)) as session:
        reading = session.read_grants()
    assert reading.coverage["tables"].status is Seen.TIMED_OUT
    assert reading.coverage["databases"].status is Seen.OBSERVED


def test_a_refused_login_is_never_tried_again(server: MysqlServer) -> None:
    with (
        pytest.raises(DatabaseConnectionError, match="refuses the login") as raised,
        server.adapter.open(server.instance, Login(server.login.username, "wr0ng pässwörd"), Limits(), Deadline(60)),
    ):
        pass
    assert not raised.value.transient
    assert "pässwörd" not in str(raised.value)


def test_an_unknown_option_is_named(server: MysqlServer) -> None:
    instance = replace(server.instance, options={"ssl": "yes"})
    with (
        pytest.raises(InvalidInstanceError, match="unknown option ssl: known are tls, tls_ca"),
        server.adapter.open(instance, server.login, Limits(), Deadline(60)),
    ):
        pass


def test_statements_do_not_depend_on_the_number_of_accounts(server: MysqlServer) -> None:
    counts: list[int] = []
    for names in ([f"few{number}" for number in range(10)], [f"many{number}" for number in range(1000)]):
        server.create_accounts(names)
        with server.adapter.open(server.instance, server.login, Limits(), Deadline(60)) as session:
            session.read_accounts()
            session.read_grants()
            counts.append(session.statements)
    assert counts[0] == counts[1] <= 16


def test_super_is_what_the_contract_says(server: MysqlServer) -> None:
    server.create_accounts(["boss"])
    server.make_superuser("boss")
    accounts, reading = read(server)
    state = AccountState(accounts["boss@%"], frozenset(grants_of(reading, "boss@%")))
    without = replace(state, grants=frozenset(grant for grant in state.grants if grant.privilege != "SUPER"))
    assert rules.own_capabilities(state, datetime.now(UTC))[SUPERUSER] == ["SUPER on *.*"]
    assert rules.own_capabilities(without, datetime.now(UTC))[SUPERUSER] == ["all static privileges on *.*"]


def _between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]
