"""Accounts, roles and their state on MySQL and MariaDB."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.adapters.mysql.servers import grants_of, read
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql import rules
from whalefall_pipeline.core.model import MEMBER, AccountState, Grant, Kind, Securable
from whalefall_pipeline.core.rules import LOCKED, NO_LOGIN, PASSWORD_EXPIRED, SUPERUSER


def test_a_lock_is_seen(server: MysqlServer) -> None:
    server.create_accounts(["open", "shut"])
    server.lock("shut")
    accounts, _ = read(server)
    assert accounts["shut@%"].attributes["account_locked"] is True
    assert accounts["open@%"].attributes["account_locked"] is False
    now = datetime.now(UTC)
    assert LOCKED in rules.RULES.own_capabilities(AccountState.of(accounts["shut@%"]), now)
    assert LOCKED not in rules.RULES.own_capabilities(AccountState.of(accounts["open@%"]), now)


def test_accounts_with_names_like_the_servers_own_are_not_hidden(server: MysqlServer) -> None:
    server.create_accounts(["mysqlapp", "mysql.app", "mariadb.app", "root"])
    accounts, _ = read(server)
    assert {"mysqlapp@%", "mysql.app@%", "mariadb.app@%", "root@%"} <= accounts.keys()
    assert not any(account.attributes.get("built_in") for name, account in accounts.items() if name.endswith("%"))


def test_one_user_name_on_two_hosts_is_two_accounts(server: MysqlServer) -> None:
    server.execute("CREATE USER ann@'%', ann@'Db.Example.COM'", "GRANT SELECT ON wf_app.* TO ann@'DB.example.com'")
    accounts, reading = read(server)
    assert {"ann@%", "ann@db.example.com"} <= accounts.keys()
    assert not grants_of(reading, "ann@%")
    assert grants_of(reading, "ann@db.example.com")


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
    state = AccountState.of(accounts[username])
    assert state.account.kind is Kind.ROLE
    assert NO_LOGIN in rules.RULES.own_capabilities(state, datetime.now(UTC))


def test_an_account_that_is_granted_like_a_role_stays_a_user(mysql: MysqlServer) -> None:
    mysql.create_accounts(["ann", "bob"])
    mysql.grant_role("ann", "bob")
    accounts, reading = read(mysql)
    assert accounts["ann@%"].kind is Kind.USER
    assert Grant("bob@%", MEMBER, Securable("role", object="ann@%")) in reading.grants


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
    hand, aged = (AccountState.of(accounts[name]) for name in ("hand@%", "aged@%"))
    now = datetime.now(UTC)
    assert rules.RULES.own_capabilities(hand, now)[PASSWORD_EXPIRED]
    assert not rules.RULES.own_capabilities(aged, now)[PASSWORD_EXPIRED]
    assert rules.RULES.own_capabilities(aged, now + timedelta(days=31))[PASSWORD_EXPIRED]


def test_more_mandatory_roles_than_the_server_shows_are_all_read(mysql: MysqlServer) -> None:
    roles = [f"must_{number:02}_{'x' * 20}" for number in range(60)]
    mysql.create_accounts(["ann"])
    mysql.execute(f"CREATE ROLE {', '.join(roles)}", f"SET GLOBAL mandatory_roles = '{','.join(roles)}'")
    try:
        accounts, reading = read(mysql)
    finally:
        mysql.execute("SET GLOBAL mandatory_roles = ''")
    implied = rules.RULES.implied_roles(AccountState.of(accounts["ann@%"]), reading.attributes or {})
    assert {item.securable.object for item in implied} == {f"{name}@%" for name in roles}


def test_mandatory_roles_are_of_the_server_and_no_accounts_grants(mysql: MysqlServer) -> None:
    mysql.create_accounts(["ann"])
    mysql.execute("CREATE USER ''@localhost")
    mysql.create_accounts(["must", "also must"], role=True)
    before = read(mysql)
    mysql.execute("SET GLOBAL mandatory_roles = \"must,`also must`@'%',nobody@there\"")
    accounts, reading = read(mysql)
    assert (accounts, reading.held) == (before[0], before[1].held)
    settings = reading.attributes or {}
    implied = {
        name: [
            (item.privilege, item.securable.object)
            for item in rules.RULES.implied_roles(AccountState.of(accounts[name]), settings)
        ]
        for name in ("ann@%", "must@%", "@localhost")
    }
    assert [role for privilege, role in implied["ann@%"] if privilege == MEMBER][:2] == ["must@%", "also must@%"]
    assert not implied["must@%"]
    assert not implied["@localhost"]  # the server gives them none: tried


SETTINGS = {
    "mysql": [
        ("activate_all_roles_on_login", "ON", True),
        ("partial_revokes", "OFF", False),
        ("default_password_lifetime", "90", 90),
        ("password_history", "3", 3),
        ("require_secure_transport", "ON", True),
    ],
    "mariadb": [("default_password_lifetime", "90", 90), ("disconnect_on_expired_password", "ON", True)],
}


def test_what_the_server_is_set_to_is_the_servers_own_and_changes_no_account(server: MysqlServer) -> None:
    server.create_accounts(["ann"])
    before = read(server)
    for name, value, seen in SETTINGS[server.flavour]:
        server.execute(f"SET GLOBAL {name} = {value}")
        try:
            accounts, reading = read(server)
        finally:
            server.execute(f"SET GLOBAL {name} = {'ON' if name == 'partial_revokes' else 'DEFAULT'}")
        assert accounts == before[0]
        assert reading.held == before[1].held
        assert (reading.attributes or {})[name] == seen
        assert (before[1].attributes or {})[name] != seen


def test_the_servers_default_lifetime_expires_passwords(server: MysqlServer) -> None:
    server.execute("CREATE USER aged@'%' IDENTIFIED BY 'x'")
    state = AccountState.of(read(server)[0]["aged@%"])
    later = datetime.now(UTC) + timedelta(days=31)
    assert not rules.RULES.own_capabilities(state, later)[PASSWORD_EXPIRED]
    assert rules.RULES.own_capabilities(state, later, {"default_password_lifetime": 30})[PASSWORD_EXPIRED]


def test_rows_without_a_user_are_everybodys(server: MysqlServer) -> None:
    server.create_accounts(["ann"])
    server.execute("CREATE USER ''@'10.%'")
    server.execute(
        *(
            f"INSERT INTO mysql.db (host, db, user, select_priv) VALUES ('{host}', 'wf_app', '', 'Y')"
            for host in ("%", "10.%", "")
        )
    )
    try:
        accounts, reading = read(server)
    finally:
        server.execute("DELETE FROM mysql.db WHERE user = ''", "FLUSH PRIVILEGES")
    wide = Securable("database", "wf_app")
    for name in ("(everybody)@%", "(everybody)@10.%", "(everybody)@"):
        assert accounts[name].kind is Kind.PUBLIC
        assert grants_of(reading, name) == {Grant(name, "SELECT", wide)}
    assert grants_of(reading, "@10.%") == {Grant("@10.%", "SELECT", wide)}  # an account, which has the row by itself
    assert "@%" not in accounts
    states = {name: AccountState.of(account, grants_of(reading, name)) for name, account in accounts.items()}
    script = server.adapter.build_script(states)
    assert any("hold for everybody" in line for line in script if line.startswith("--"))
    assert not any("everybody" in line for line in script if not line.startswith("--"))


def test_an_account_that_is_named_like_everybody_keeps_its_name(server: MysqlServer) -> None:
    server.execute("CREATE USER '(everybody)'@'%'")
    server.execute("INSERT INTO mysql.db (host, db, user, select_priv) VALUES ('%', 'wf_app', '', 'Y')")
    try:
        accounts, reading = read(server)
    finally:
        server.execute("DELETE FROM mysql.db WHERE user = ''", "FLUSH PRIVILEGES")
    assert accounts["(everybody)@%"].kind is Kind.USER
    assert accounts["((everybody))@%"].kind is Kind.PUBLIC
    assert grants_of(reading, "((everybody))@%")
    assert not grants_of(reading, "(everybody)@%")


def test_a_name_that_a_plugin_maps_an_account_to_is_no_password(mariadb: MysqlServer) -> None:
    mariadb.execute(
        "CREATE USER mapped@localhost IDENTIFIED VIA unix_socket AS 'nobody'",
        "CREATE USER plain@localhost IDENTIFIED VIA unix_socket",
        "CREATE USER two@'%' IDENTIFIED VIA unix_socket AS 'nobody' OR mysql_native_password USING PASSWORD('x')",
        "CREATE USER either@localhost IDENTIFIED VIA mysql_native_password OR unix_socket AS 'nobody'",
    )
    accounts, _ = read(mariadb)
    flags = {
        name: (account.attributes.get("has_password", False), account.attributes.get("has_mapped_name", False))
        for name, account in accounts.items()
    }
    assert flags["mapped@localhost"] == (False, True)
    assert flags["plain@localhost"] == (False, False)
    assert flags["two@%"] == (True, True)
    assert flags["either@localhost"] == (False, True)


def test_super_is_what_the_contract_says(server: MysqlServer) -> None:
    server.create_accounts(["boss"])
    server.make_superuser("boss")
    accounts, reading = read(server)
    state = AccountState.of(accounts["boss@%"], frozenset(grants_of(reading, "boss@%")))
    without = replace(state, held=frozenset(item for item in state.held if item.privilege != "SUPER"))
    assert rules.RULES.own_capabilities(state, datetime.now(UTC))[SUPERUSER] == ["SUPER on *.*"]
    assert rules.RULES.own_capabilities(without, datetime.now(UTC))[SUPERUSER] == ["all static privileges on *.*"]
