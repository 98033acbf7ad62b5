"""A reading is called the same as the newest one only where it is, whatever changed and whoever asks."""

import pytest

from tests.adapters.mysql.servers import is_same, read, to_parts
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Login, Reading


def test_a_server_that_changed_is_read_as_one_that_was_never_asked(server: MysqlServer) -> None:
    server.create_accounts(["ann", "bob"])
    server.execute("GRANT SELECT ON wf_app.* TO ann@'%'")
    before = read(server)
    assert before[1].source
    assert is_same(server, before[1])
    server.execute("GRANT SELECT ON wf_app.orders TO bob@'%'")
    with server.adapter.open(server.instance, server.login, Limits(), Deadline(60)) as session:
        assert not session.is_same(before[1].source)
        accounts, reading = session.read_accounts(), session.read_grants()
        asked = session.statements
    plain_accounts, plain = read(server)
    assert {account.username: account for account in accounts} == plain_accounts
    assert (to_parts(reading), reading.rows, reading.source) == (to_parts(plain), plain.rows, plain.source)
    assert asked <= 18
    assert is_same(server, reading)


def test_a_change_between_the_question_and_the_reading_is_in_it_or_noticed_next_time(server: MysqlServer) -> None:
    server.create_accounts(["ann"])
    known = read(server)[1]
    server.execute("GRANT SELECT ON wf_app.* TO ann@'%'")
    with server.adapter.open(server.instance, server.login, Limits(), Deadline(60)) as session:
        assert not session.is_same(known.source)
        server.execute("GRANT SELECT ON wf_app.orders TO ann@'%'", "CREATE USER late@'%'")
        session.read_accounts()
        server.execute("REVOKE SELECT ON wf_app.* FROM ann@'%'")
        reading = session.read_grants()
    assert is_same(server, reading) == (to_parts(reading) == to_parts(read(server)[1]))
    assert not is_same(server, known)


CHANGES = (
    ("CREATE USER late@'%'", "DROP USER late@'%'"),
    ("ALTER USER ann@'%' ACCOUNT LOCK", "ALTER USER ann@'%' ACCOUNT UNLOCK"),
    ("GRANT wf_scope TO ann@'%'", "REVOKE wf_scope FROM ann@'%'"),
    ("GRANT EXECUTE ON FUNCTION wf_app.one TO ann@'%'", "REVOKE EXECUTE ON FUNCTION wf_app.one FROM ann@'%'"),
    ("CREATE VIEW wf_app.later AS SELECT 1", "DROP VIEW wf_app.later"),
    ("SET GLOBAL max_connect_errors = 99", "SET GLOBAL max_connect_errors = 100"),
    ("REVOKE SHOW VIEW ON *.* FROM wf_collector@localhost", "GRANT SHOW VIEW ON *.* TO wf_collector@localhost"),
)
"""What is read from tables, from the information schema and from variables, and what decides what the login sees."""


def test_whatever_changes_it_is_not_the_same_until_it_is_put_back(server: MysqlServer) -> None:
    server.create_accounts(["ann"])
    known = read(server)[1]
    for change, back in CHANGES:
        server.execute(change)
        try:
            assert not is_same(server, known), change
        finally:
            server.execute(back)
        assert is_same(server, known) == (read(server)[1].source == known.source), back


def test_another_login_is_not_taken_for_the_same(server: MysqlServer) -> None:
    server.execute("CREATE USER other@localhost IDENTIFIED BY 'x'", "GRANT SELECT ON mysql.* TO other@localhost")
    login = Login("other", "x")
    known, others = read(server)[1], read(server, login)[1]
    assert known.source
    assert others.source, "definers may be denied"
    assert is_same(server, others, login)
    assert not is_same(server, known, login)
    assert not is_same(server, others)
    server.execute("REVOKE SELECT ON mysql.* FROM other@localhost", "GRANT SELECT ON mysql.user TO other@localhost")
    if server.flavour == "mariadb":
        server.execute("GRANT SELECT ON mysql.global_priv TO other@localhost")
    assert not is_same(server, others, login)
    assert read(server, login)[1].source == b""


def test_what_is_kept_of_another_version_is_not_known(server: MysqlServer) -> None:
    known = read(server)[1]
    assert is_same(server, known)
    assert not is_same(server, Reading({}, {}, source=known.source.replace(b'"code":"', b'"code":"0')))


def test_what_is_lost_while_it_is_compared_costs_the_grants_and_not_the_account_list(server: MysqlServer) -> None:
    server.create_accounts(["ann"])
    known = read(server)[1]
    server.execute(*(f"GRANT CREATE ON wf_app.{'t' * 60}{number:03} TO ann@'%'" for number in range(300)))
    with server.adapter.open(server.instance, server.login, Limits(answer_bytes=60_000), Deadline(60)) as session:
        assert not session.is_same(known.source)
        assert "ann@%" in [account.username for account in session.read_accounts()]
        with pytest.raises(DatabaseConnectionError, match="60,000 bytes"):
            session.read_grants()
