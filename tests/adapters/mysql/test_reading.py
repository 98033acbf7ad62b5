"""What MySQL and MariaDB do not show is said, never shown as empty; and what a reading costs."""

from dataclasses import replace

import pytest

from tests.adapters.mysql.servers import read
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.mysql.flavour import CATALOGS
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncDataError
from whalefall_pipeline.core.model import Kind, Login, Seen

SCOPES = {"server", "databases", "tables", "columns", "routines", "proxies", "roles"}


def test_a_killed_connection_fails_the_reading(server: MysqlServer) -> None:
    with server.adapter.open(server.instance, server.login, Limits(), Deadline(60)) as session:
        session.read_accounts()
        server.kill_collectors()
        with pytest.raises(DatabaseConnectionError, match="lost") as raised:
            session.read_grants()
    assert raised.value.transient


def test_a_deadline_that_passes_keeps_what_was_read(server: MysqlServer) -> None:
    deadline = Deadline(60)
    with server.adapter.open(server.instance, server.login, Limits(), deadline) as session:
        accounts = session.read_accounts()
        deadline.expire()
        reading = session.read_grants()
        assert not session.identity
        assert not session.may_hide(accounts[0].username)
    late = {scope for scope, seen in reading.coverage.items() if seen.status is Seen.TIMED_OUT}
    assert late == reading.coverage.keys() - {"server", "account_attributes", "databases"}
    assert {item.securable.scope for item in reading.grants} >= {"server"}
    assert reading.attributes is None


def test_no_hash_is_read(server: MysqlServer) -> None:
    server.execute("CREATE USER ann@'%' IDENTIFIED BY 'a secret'")
    table, column = ("user", "authentication_string") if server.flavour == "mysql" else ("global_priv", "priv")
    ((stored,),) = server.query(f"SELECT {column} FROM mysql.{table} WHERE user = 'ann'")
    secret = str(stored) if server.flavour == "mysql" else _between(str(stored), '"authentication_string":"', '"')
    accounts, reading = read(server)
    assert accounts["ann@%"].attributes["has_password"] is True
    assert secret[-20:] not in repr(accounts) + repr(reading)


def test_a_group_of_tables_that_is_denied_is_not_observed(server: MysqlServer) -> None:
    accounts_table = "user" if server.flavour == "mysql" else "global_priv"
    readable = [accounts_table, "db", "columns_priv"]
    server.execute("CREATE USER partly@localhost IDENTIFIED BY 'x'")
    server.execute(*(f"GRANT SELECT ON mysql.{table} TO partly@localhost" for table in readable))
    login = Login("partly", "x")
    _, reading = read(server, login)
    expected = dict.fromkeys(SCOPES - {"server", "databases", "columns"}, "no SELECT on")
    expected["definers"] = "no SHOW VIEW"
    if server.flavour == "mysql":
        expected["dynamic"] = "no SELECT on"
    assert {scope for scope, seen in reading.coverage.items() if seen.status is Seen.DENIED} == expected.keys()
    assert all(
        seen.status is not Seen.DENIED or "no SELECT on mysql." in seen.reason or scope in {"roles", "definers"}
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
    root = accounts["root@localhost"]
    assert {"account_kind", "account_locked", "has_password", "tls_requirement", "metadata"} <= root.unseen
    assert reading.coverage["server"].status is Seen.DENIED
    assert reading.coverage["account_attributes"].status is Seen.DENIED
    assert "authentication_string, account_locked" in reading.coverage["account_attributes"].reason


def test_hidden_attributes_are_not_partial_revokes_that_are_gone_and_no_account_a_role(mysql: MysqlServer) -> None:
    hidden = ("authentication_string", "User_attributes")
    columns = mysql.query(
        "select column_name from information_schema.columns where table_schema = 'mysql' and table_name = 'user'"
    )
    shown = ", ".join(f"`{name}`" for (name,) in columns if name not in hidden)
    mysql.execute(
        "CREATE USER gone@localhost IDENTIFIED BY 'x' PASSWORD EXPIRE ACCOUNT LOCK",
        "CREATE USER careful@localhost IDENTIFIED BY 'x'",
        f"GRANT SELECT ({shown}) ON mysql.user TO careful@localhost",
        "GRANT SELECT ON mysql.db TO careful@localhost",
    )
    accounts, reading = read(mysql, Login("careful", "x"))
    assert "account_kind" in accounts["gone@localhost"].unseen
    assert "plugin" in accounts["gone@localhost"].unseen
    assert "account_kind" not in accounts["careful@localhost"].unseen
    assert accounts["careful@localhost"].kind is Kind.USER
    assert {"has_password", "metadata"} <= accounts["careful@localhost"].unseen
    assert "plugin" not in accounts["careful@localhost"].unseen
    assert reading.coverage["server"].status is Seen.OBSERVED
    assert reading.coverage["databases"].status is Seen.DENIED
    assert "mysql.user.User_attributes, which holds partial revokes" in reading.coverage["databases"].reason


@pytest.mark.parametrize(
    "limits",
    [
        ["sql_select_limit = 3"],
        ["max_join_size = 1", "sql_big_selects = 0"],
        ["max_session_mem_used = 8192"],
        ["sql_mode = 'PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"],
        ["sql_auto_is_null = 1", "sql_safe_updates = 1", "time_zone = '+13:00'"],
        ["max_execution_time = 1"],
        ["wait_timeout = 1", "net_write_timeout = 1", "lock_wait_timeout = 1"],
        ["idle_transaction_timeout = 1", "idle_readonly_transaction_timeout = 1"],
        ["use_secondary_engine = 'FORCED'"],
        ["max_tmp_session_space_usage = 65536"],
        ["init_connect = 'set names latin1, session sql_select_limit = 1'"],
    ],
    ids=lambda limits: str(limits[0]).partition(" ")[0],
)
def test_no_setting_of_the_server_cuts_alters_or_refuses_what_is_read(server: MysqlServer, limits: list[str]) -> None:
    server.create_accounts(["ünïcöde", *(f"cut{number}" for number in range(10))])
    accounts, reading = read(server)
    known = [limit for limit in limits if server.query(f"SHOW GLOBAL VARIABLES LIKE '{limit.partition(' ')[0]}'")]
    if not known:
        pytest.skip("this server has no such variable")
    names = [limit.partition(" ")[0] for limit in known]
    before = [server.query(f"SELECT @@GLOBAL.{name}")[0][0] for name in names]
    try:
        for limit in known:
            server.execute(f"SET GLOBAL {limit}")
        limited = read(server)
    finally:
        for name, value in zip(names, before, strict=True):
            server.execute(f"SET GLOBAL {name} = {repr(value) if isinstance(value, str) else value}")
    assert limited[0] == accounts
    assert (limited[1].held, limited[1].coverage) == (reading.held, reading.coverage)


def test_a_failing_init_connect_says_so_and_how_to_exempt_the_collector(server: MysqlServer) -> None:
    server.execute("SET GLOBAL init_connect = 'select nonsense'")
    try:
        with pytest.raises(DatabaseConnectionError, match=r"init_connect fails.*CONNECTION_ADMIN") as raised:
            read(server)
    finally:
        server.execute("SET GLOBAL init_connect = ''")
    assert not raised.value.transient


def test_a_statement_that_takes_too_long_is_a_scope_not_observed(
    server: MysqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "SELECT user, host, db, table_name, sleep(20) FROM mysql.tables_priv"
    monkeypatch.setitem(CATALOGS[server.flavour], "tables", slow)
    with server.adapter.open(server.instance, server.login, Limits(statement_seconds=0.5), Deadline(60)) as session:
        reading = session.read_grants()
    assert reading.coverage["tables"].status is Seen.TIMED_OUT
    assert reading.coverage["databases"].status is Seen.OBSERVED


def test_a_locked_table_is_a_scope_not_observed(server: MysqlServer) -> None:
    server.execute("LOCK TABLES mysql.tables_priv WRITE")
    try:
        with server.adapter.open(server.instance, server.login, Limits(statement_seconds=1), Deadline(60)) as session:
            reading = session.read_grants()
    finally:
        server.execute("UNLOCK TABLES")
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
        pytest.raises(InvalidInstanceError, match="MySQL has no option 'ssl'; options are: "),
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
    assert counts[0] == counts[1] <= 18


def _between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]
