"""Accounts, roles and their state on MySQL and MariaDB."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.adapters.mysql.servers import grants_of, read
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql import rules
from whalefall_pipeline.core.model import MEMBER, AccountState, Grant, Kind, Securable
from whalefall_pipeline.core.rules import LOCKED, NO_LOGIN, PASSWORD_EXPIRED, SUPERUSER
from whalefall_pipeline.core.snapshot import build_snapshot


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
        _, reading = read(mysql)
    finally:
        mysql.execute("SET GLOBAL mandatory_roles = ''")
    found = {grant.securable.object for grant in reading.grants if grant[:2] == ("ann@%", "MEMBER")}
    assert found == {f"{name}@%" for name in roles}


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
    ann, bob = (AccountState.of(accounts[name], frozenset(grants_of(reading, name))) for name in ("ann@%", "bob@%"))
    categories = build_snapshot(bob, rules.RULES)["categories"]
    assert isinstance(categories, dict)
    assert categories["mysql_granted_roles"] == {"direct": ["must@%"], "default": []}
    assert not any(line.startswith("GRANT") for line in mysql.adapter.build_script({"ann@%": ann}))


def test_super_is_what_the_contract_says(server: MysqlServer) -> None:
    server.create_accounts(["boss"])
    server.make_superuser("boss")
    accounts, reading = read(server)
    state = AccountState.of(accounts["boss@%"], frozenset(grants_of(reading, "boss@%")))
    without = replace(state, held=frozenset(item for item in state.held if item.privilege != "SUPER"))
    assert rules.RULES.own_capabilities(state, datetime.now(UTC))[SUPERUSER] == ["SUPER on *.*"]
    assert rules.RULES.own_capabilities(without, datetime.now(UTC))[SUPERUSER] == ["all static privileges on *.*"]
