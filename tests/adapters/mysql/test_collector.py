"""What the collector's own login lacks: either it is done without, or one line says what to do."""

from collections.abc import Callable

import pytest

from tests.adapters.mysql.servers import read
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.model import Held, Login, Reading, Seen

LOGIN = Login("narrow", "a secret")
REMEDY = "GRANT SELECT ON mysql.* to the login opens all of them"
TABLES = ("global_priv", "db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv", "roles_mapping")


@pytest.fixture
def login(server: MysqlServer) -> Login:
    server.execute(f"CREATE USER narrow@localhost IDENTIFIED BY '{LOGIN.password}'")
    return LOGIN


def list_denied(reading: Reading) -> set[str]:
    """Return what was not observed, but for definers, which take privileges beside SELECT."""
    denied = {scope for scope, seen in reading.coverage.items() if seen.status is not Seen.OBSERVED}
    return denied - {"definers"}


def list_held(reading: Reading) -> set[tuple[str, Held]]:
    """Return all that is held, but for definers."""
    return {(name, item) for name, held in reading.held.items() for item in held if item.privilege != "DEFINER"}


def test_a_role_that_is_not_a_default_one_is_turned_on(server: MysqlServer, login: Login) -> None:
    server.execute(
        "CREATE ROLE `a role``s role`",
        "CREATE ROLE collecting",
        "CREATE ROLE nothing",
        "GRANT SELECT ON mysql.* TO `a role``s role`",
        "GRANT `a role``s role` TO collecting",
        "GRANT collecting TO narrow@localhost",
        "GRANT nothing TO narrow@localhost",
    )
    accounts, reading = read(server, login)
    assert "narrow@localhost" in accounts
    assert list_denied(reading) == set()
    by_administrator = read(server)
    assert (accounts, list_held(reading)) == (by_administrator[0], list_held(by_administrator[1]))


@pytest.mark.parametrize("default", ["one", "two", "none"])
def test_the_role_that_shows_most_is_on_and_what_it_lacks_is_said(
    mariadb: MysqlServer, login: Login, default: str
) -> None:
    mariadb.execute("CREATE ROLE one", "CREATE ROLE two", "CREATE ROLE `thr``ee`")
    given = {"one": TABLES[1:], "two": TABLES[:3], "`thr``ee`": ("global_priv", "procs_priv", "proxies_priv", "db")}
    for role, tables in given.items():
        mariadb.execute(*(f"GRANT SELECT ON mysql.{table} TO {role}" for table in tables))
        mariadb.execute(f"GRANT {role} TO narrow@localhost")
    mariadb.execute(f"SET DEFAULT ROLE {default} FOR narrow@localhost")
    accounts, reading = read(mariadb, login)
    assert "narrow@localhost" in accounts
    assert list_denied(reading) == {"tables", "columns", "roles"}
    for scope in ("tables", "columns", "roles"):
        assert f"no SELECT on {'mysql' if scope != 'roles' else 'the'}" in reading.coverage[scope].reason
        assert f"{REMEDY}; MariaDB turns on one role of a login at a time: `thr``ee` is on" in (
            reading.coverage[scope].reason
        )


def test_a_default_role_that_shows_all_stays_on(mariadb: MysqlServer, login: Login) -> None:
    mariadb.execute("CREATE ROLE all_of_it", "CREATE ROLE more", "GRANT SELECT ON mysql.* TO all_of_it")
    mariadb.execute("GRANT ALL ON *.* TO more", "GRANT more TO narrow@localhost", "GRANT all_of_it TO narrow@localhost")
    mariadb.execute("SET DEFAULT ROLE all_of_it FOR narrow@localhost")
    assert list_denied(read(mariadb, login)[1]) == set()


def test_roles_that_show_nothing_leave_the_line_that_says_so(mariadb: MysqlServer, login: Login) -> None:
    mariadb.execute("CREATE ROLE one", "GRANT one TO narrow@localhost")
    with pytest.raises(SyncDataError, match=r"no SELECT on mysql.global_priv; GRANT SELECT .*: none is on"):
        read(mariadb, login)


def test_select_on_the_names_of_accounts_alone_says_what_to_do(server: MysqlServer, login: Login) -> None:
    table = "user" if server.flavour == "mysql" else "global_priv"
    server.execute(f"GRANT SELECT (User, Host) ON mysql.{table} TO narrow@localhost")
    if server.flavour == "mariadb":
        with pytest.raises(SyncDataError, match=r"no SELECT on mysql.global_priv; GRANT SELECT ON mysql.\*"):
            read(server, login)
        return
    accounts, reading = read(server, login)
    assert {"account_kind", "account_locked", "plugin"} <= accounts["root@localhost"].unseen
    assert {seen.status for seen in reading.coverage.values()} == {Seen.DENIED}
    assert all(seen.reason.endswith(REMEDY) for scope, seen in reading.coverage.items() if scope != "definers")


def test_select_on_the_view_of_accounts_alone_says_what_to_do(mariadb: MysqlServer, login: Login) -> None:
    mariadb.execute("GRANT SELECT ON mysql.user TO narrow@localhost")
    with pytest.raises(SyncDataError, match=r"no SELECT on mysql.global_priv; GRANT SELECT ON mysql.\*"):
        read(mariadb, login)


def test_a_partial_revoke_on_the_catalog_says_what_to_do_and_that_helps(mysql: MysqlServer, login: Login) -> None:
    mysql.execute("GRANT SELECT ON *.* TO narrow@localhost", "REVOKE SELECT ON mysql.* FROM narrow@localhost")
    with pytest.raises(SyncDataError, match=r"no SELECT on mysql.user; GRANT SELECT ON mysql.\* to the login"):
        read(mysql, login)
    mysql.execute("GRANT SELECT ON mysql.* TO narrow@localhost")
    assert list_denied(read(mysql, login)[1]) == set()


def refuse_tls(server: MysqlServer) -> str:
    server.execute("ALTER USER narrow@localhost REQUIRE SSL")
    return r"account \(REQUIRE SSL\) or the server \(require_secure_transport\) takes TLS only, set the option tls"


def refuse_certificate(server: MysqlServer) -> str:
    server.execute("ALTER USER narrow@localhost REQUIRE X509")
    return "takes TLS only, set the option tls"


def refuse_unencrypted(server: MysqlServer) -> str:
    server.execute("SET GLOBAL require_secure_transport = ON")
    return "takes encrypted connections only: set the option tls|require_secure_transport.*set the option tls"


def refuse_locked(server: MysqlServer) -> str:
    server.execute("ALTER USER narrow@localhost ACCOUNT LOCK")
    return "the login is locked"


def refuse_expired(server: MysqlServer) -> str:
    server.execute("ALTER USER narrow@localhost PASSWORD EXPIRE")
    return "password must be changed first|password has expired"


def refuse_anonymous(server: MysqlServer) -> str:
    server.execute("DROP USER narrow@localhost", "CREATE USER narrow@'%' IDENTIFIED BY 'a secret'")
    server.execute("CREATE USER ''@localhost IDENTIFIED BY 'another'")
    return "or an anonymous account shadows it"


REFUSALS = [refuse_tls, refuse_certificate, refuse_unencrypted, refuse_locked, refuse_expired, refuse_anonymous]


@pytest.mark.parametrize("refuse", REFUSALS, ids=lambda refuse: refuse.__name__)
def test_a_refused_login_says_what_may_be_the_matter(
    server: MysqlServer, login: Login, refuse: Callable[[MysqlServer], str]
) -> None:
    said = refuse(server)
    try:
        with pytest.raises(DatabaseConnectionError, match=said) as raised:
            read(server, login, {"tls": "disabled"})
    finally:
        server.execute("SET GLOBAL require_secure_transport = OFF")
    assert not raised.value.transient
    assert LOGIN.password not in str(raised.value)
