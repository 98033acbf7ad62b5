"""Every kind of change that the log knows, made on a real server and taken back: the next reading is as before."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pytest

from tests.engines.mysql import MysqlServer
from tests.engines.reading import read_states
from whalefall_pipeline.adapters.mysql.names import Flavour
from whalefall_pipeline.core.diff import diff
from whalefall_pipeline.core.model import Account, AccountState, Json, Kind


class Change(NamedTuple):
    """Statements that come before a change, and those that make it; `gap` is in what no statement brings back."""

    name: str
    given: Sequence[str]
    made: Sequence[str]
    gap: str = ""
    flavour: Flavour | None = None


ANN = "CREATE USER ann@'%' IDENTIFIED BY 'a secret'"
BOB = "CREATE USER bob@'%' IDENTIFIED BY 'a secret'"
WIDE = "GRANT SELECT, INSERT ON *.* TO ann@'%'"
OPTION = "GRANT SELECT, INSERT ON *.* TO ann@'%' WITH GRANT OPTION"
DYNAMIC = "GRANT BACKUP_ADMIN, ROLE_ADMIN ON *.* TO ann@'%' WITH GRANT OPTION"

CHANGES = [
    Change("a user is made", [], [ANN]),
    Change("a user is made with all that one can have", [BOB], [ANN, OPTION, "GRANT PROXY ON bob@'%' TO ann@'%'"]),
    Change("a user is dropped", [ANN, WIDE], ["DROP USER ann@'%'"], "needs a password"),
    Change("a user without a password is dropped", ["CREATE USER ann@'%'", WIDE], ["DROP USER ann@'%'"]),
    Change("a password is expired", [ANN], ["ALTER USER ann@'%' PASSWORD EXPIRE"]),
    Change("an account is locked", [ANN], ["ALTER USER ann@'%' ACCOUNT LOCK"]),
    Change("an account is unlocked", [f"{ANN} ACCOUNT LOCK"], ["ALTER USER ann@'%' ACCOUNT UNLOCK"]),
    Change("TLS is required", [ANN], ["ALTER USER ann@'%' REQUIRE X509"]),
    Change("a certificate is required", [f"{ANN} REQUIRE SSL"],
           [r"ALTER USER ann@'%' REQUIRE SUBJECT '/CN=it''s\\'"]),
    Change("limits are set", [ANN], ["ALTER USER ann@'%' WITH MAX_USER_CONNECTIONS 3 MAX_QUERIES_PER_HOUR 7"]),
    Change("limits are lifted", [f"{ANN} WITH MAX_USER_CONNECTIONS 3"],
           ["ALTER USER ann@'%' WITH MAX_USER_CONNECTIONS 0"]),
    Change("a lifetime is set", [ANN], ["ALTER USER ann@'%' PASSWORD EXPIRE INTERVAL 30 DAY"]),
    Change("a lifetime ends", [f"{ANN} PASSWORD EXPIRE NEVER"], ["ALTER USER ann@'%' PASSWORD EXPIRE DEFAULT"]),
    Change("privileges are granted on the server", [ANN], [WIDE]),
    Change("privileges are revoked on the server", [ANN, OPTION], ["REVOKE SELECT ON *.* FROM ann@'%'"]),
    Change("a grant option is granted", [ANN, WIDE], ["GRANT USAGE ON *.* TO ann@'%' WITH GRANT OPTION"]),
    Change("a grant option is revoked", [ANN, OPTION], ["REVOKE GRANT OPTION ON *.* FROM ann@'%'"]),
    Change("a grant option alone is revoked", [ANN, "GRANT USAGE ON *.* TO ann@'%' WITH GRANT OPTION"],
           ["REVOKE GRANT OPTION ON *.* FROM ann@'%'"]),
    Change("everything is revoked", [ANN, OPTION, "GRANT UPDATE ON wf_app.orders TO ann@'%'"],
           ["REVOKE ALL PRIVILEGES, GRANT OPTION FROM ann@'%'"]),
    Change("ALL is granted", [ANN], ["GRANT ALL ON *.* TO ann@'%' WITH GRANT OPTION"]),
    Change("a pattern is granted", [ANN], [r"GRANT SELECT, DROP ON `app\_%`.* TO ann@'%' WITH GRANT OPTION"]),
    Change("a database is revoked", [ANN, "GRANT ALL ON wf_app.* TO ann@'%' WITH GRANT OPTION"],
           ["REVOKE ALL ON wf_app.* FROM ann@'%'"]),
    Change("a database's option is revoked", [ANN, "GRANT ALL ON wf_app.* TO ann@'%' WITH GRANT OPTION"],
           ["REVOKE GRANT OPTION ON wf_app.* FROM ann@'%'"]),
    Change("a table is granted", [ANN, "GRANT SELECT (id) ON wf_app.orders TO ann@'%'"],
           ["GRANT SELECT, UPDATE (total) ON wf_app.orders TO ann@'%' WITH GRANT OPTION"]),
    Change("a table is revoked", [ANN, "GRANT SELECT, SELECT (id), UPDATE (id, total) ON wf_app.orders TO ann@'%'"],
           ["REVOKE SELECT, UPDATE ON wf_app.orders FROM ann@'%'"]),
    Change("a routine is granted", [ANN], ["GRANT EXECUTE ON FUNCTION wf_app.one TO ann@'%' WITH GRANT OPTION"]),
    Change("a routine is revoked", [ANN, "GRANT EXECUTE, ALTER ROUTINE ON PROCEDURE wf_app.one TO ann@'%'"],
           ["REVOKE EXECUTE ON PROCEDURE wf_app.one FROM ann@'%'"]),
    Change("a proxy is granted", [ANN, BOB], ["GRANT PROXY ON bob@'%' TO ann@'%'"]),
    Change("a proxy may be passed on", [ANN, BOB, "GRANT PROXY ON bob@'%' TO ann@'%'"],
           ["GRANT PROXY ON bob@'%' TO ann@'%' WITH GRANT OPTION"]),
    Change("a proxy is revoked", [ANN, BOB, "GRANT PROXY ON bob@'%' TO ann@'%' WITH GRANT OPTION"],
           ["REVOKE PROXY ON bob@'%' FROM ann@'%'"]),
    Change("a role is made", [], ["CREATE ROLE readers", "GRANT SELECT ON wf_app.* TO readers"]),
    Change("a role is made and granted", [ANN], ["CREATE ROLE readers", "GRANT readers TO ann@'%' WITH ADMIN OPTION"]),
    Change("a role is dropped", [ANN, "CREATE ROLE readers", "GRANT readers TO ann@'%' WITH ADMIN OPTION"],
           ["DROP ROLE readers"]),
    Change("a role is granted", [ANN, "CREATE ROLE readers"], ["GRANT readers TO ann@'%' WITH ADMIN OPTION"]),
    Change("an admin option is granted", [ANN, "CREATE ROLE readers", "GRANT readers TO ann@'%'"],
           ["GRANT readers TO ann@'%' WITH ADMIN OPTION"]),
    Change("a role is revoked", [ANN, "CREATE ROLE readers", "GRANT readers TO ann@'%' WITH ADMIN OPTION"],
           ["REVOKE readers FROM ann@'%'"]),
    Change("a role is granted to a role", ["CREATE ROLE readers", "CREATE ROLE writers"],
           ["GRANT readers TO writers WITH ADMIN OPTION"]),
    Change("a default role is set", [ANN, "CREATE ROLE readers", "GRANT readers TO ann@'%'"],
           ["{default} readers {to} ann@'%'"]),
    Change("a default role is taken",
           [ANN, "CREATE ROLE readers", "GRANT readers TO ann@'%'", "{default} readers {to} ann@'%'"],
           ["{default} NONE {to} ann@'%'"]),
    Change("a default role is revoked",
           [ANN, "CREATE ROLE readers", "GRANT readers TO ann@'%'", "{default} readers {to} ann@'%'"],
           ["REVOKE readers FROM ann@'%'"]),
    Change("a default role is dropped",
           [ANN, "CREATE ROLE readers", "GRANT readers TO ann@'%'", "{default} readers {to} ann@'%'"],
           ["DROP ROLE readers"]),
    Change("a user becomes a role", [ANN], ["DROP USER ann@'%'", "CREATE ROLE ann"], "no statement does that alone",
           "mysql"),
    Change("dynamic privileges are granted", [ANN], [DYNAMIC], flavour="mysql"),
    Change("a dynamic privilege is revoked", [ANN, DYNAMIC], ["REVOKE ROLE_ADMIN ON *.* FROM ann@'%'"],
           flavour="mysql"),
    Change("grant options are revoked, dynamic ones too", [ANN, OPTION, DYNAMIC],
           ["REVOKE GRANT OPTION ON *.* FROM ann@'%'"], flavour="mysql"),
    Change("grant options of dynamic privileges alone are revoked", [ANN, DYNAMIC],
           ["REVOKE GRANT OPTION ON *.* FROM ann@'%'"], flavour="mysql"),
    Change("a privilege is revoked in part", [ANN, WIDE], ["REVOKE INSERT ON wf_app.* FROM ann@'%'"], flavour="mysql"),
    Change("a partial revoke ends", [ANN, WIDE, "REVOKE INSERT, SELECT ON wf_app.* FROM ann@'%'"],
           ["GRANT INSERT ON wf_app.* TO ann@'%'"], flavour="mysql"),
    Change("a restricted privilege is revoked", [ANN, WIDE, "REVOKE INSERT ON wf_app.* FROM ann@'%'"],
           ["REVOKE INSERT ON *.* FROM ann@'%'"], flavour="mysql"),
    Change("an attribute is set", [ANN], ["""ALTER USER ann@'%' ATTRIBUTE '{"a": {"b": 1}, "c": "it''s"}'"""],
           flavour="mysql"),
    Change("an attribute is changed", ["""CREATE USER ann@'%' ATTRIBUTE '{"a": {"b": 1, "d": 2}, "c": [1]}'"""],
           ["""ALTER USER ann@'%' ATTRIBUTE '{"a": {"b": null, "e": 3}, "c": null}'"""], flavour="mysql"),
    Change("a comment is set", [ANN], [r"ALTER USER ann@'%' COMMENT 'it''s a \\ comment'"], flavour="mysql"),
    Change("an attribute goes", ["""CREATE USER ann@'%' ATTRIBUTE '{"a": 1}'"""],
           ["""ALTER USER ann@'%' ATTRIBUTE '{"a": null}'"""], flavour="mysql"),
    Change("password rules are set", [ANN], ["ALTER USER ann@'%' PASSWORD HISTORY 3 PASSWORD REUSE INTERVAL 9 DAY "
           "PASSWORD REQUIRE CURRENT FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME UNBOUNDED"], flavour="mysql"),
    Change("password rules are lifted",
           [f"{ANN} PASSWORD HISTORY 3 PASSWORD REUSE INTERVAL 9 DAY PASSWORD REQUIRE CURRENT OPTIONAL "
            "FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2"],
           ["ALTER USER ann@'%' PASSWORD HISTORY DEFAULT PASSWORD REUSE INTERVAL DEFAULT "
            "PASSWORD REQUIRE CURRENT DEFAULT FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0"], flavour="mysql"),
    Change("a second password is kept", [ANN], ["ALTER USER ann@'%' IDENTIFIED BY 'another' RETAIN CURRENT PASSWORD"],
           "another password", "mysql"),
    Change("a library is granted", [ANN], ["GRANT EXECUTE ON LIBRARY wf_app.lib TO ann@'%'"], flavour="mysql"),
    Change("a limit on statements is set", [ANN], ["ALTER USER ann@'%' WITH MAX_STATEMENT_TIME 1.5"],
           flavour="mariadb"),
    Change("everybody is granted", [], ["GRANT SELECT ON wf_app.* TO PUBLIC", "GRANT wf_scope TO PUBLIC"],
           flavour="mariadb"),
    Change("a package is granted", [ANN, "SET sql_mode = ORACLE"],
           ["GRANT EXECUTE ON PACKAGE wf_app.pkg TO ann@'%'", "SET sql_mode = DEFAULT"], flavour="mariadb"),
    Change("another way to log in", [ANN], ["ALTER USER ann@'%' IDENTIFIED VIA unix_socket"], "another way", "mariadb"),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_change_is_undone_and_done_again(server: MysqlServer, change: Change) -> None:
    if change.flavour not in {None, server.flavour} or ("PUBLIC" in str(change.made) and server.lacks("public")):
        pytest.skip("not on this server")
    run(server, change.given)
    before = read_states(server)
    run(server, change.made)
    after = read_states(server)
    assert find_differing(before, after)
    assert_undone(server, after, before, change.gap)
    if not change.gap:
        assert_undone(server, before, after, "needs a password" if "IDENTIFIED BY" in str(change.made) else "")


def assert_undone(
    server: MysqlServer, now: Mapping[str, AccountState], then: Mapping[str, AccountState], gap: str
) -> None:
    """Take each account back by itself, those that are to come back first."""
    differing = find_differing(now, then)
    gaps: list[str] = []
    for name in sorted(differing, key=lambda name: (name in now, name)):
        gaps += server.adapter.find_gaps(now.get(name), then.get(name))
        server.execute(*server.adapter.build_change(now.get(name), then.get(name)))
    assert gap in " ".join(gaps)
    assert bool(gap) is bool(gaps)
    if not gap:
        assert find_differing(read_states(server), then) == []


def find_differing(before: Mapping[str, AccountState], after: Mapping[str, AccountState]) -> list[str]:
    return [name for name in before.keys() | after.keys() if diff(before.get(name), after.get(name))]


def run(server: MysqlServer, statements: Sequence[str]) -> None:
    default, to = ("SET DEFAULT ROLE", "FOR") if server.flavour == "mariadb" else ("SET DEFAULT ROLE", "TO")
    server.execute(*(line.replace("{default}", default).replace("{to}", to) for line in statements))


def test_a_password_that_was_changed_is_a_gap(server: MysqlServer) -> None:
    run(server, [ANN])
    account = read_states(server)["ann@%"].account
    older, now = (
        AccountState(replace(account, attributes={**account.attributes, "password_last_changed": f"{year}-01-01"}))
        for year in (2020, 2021)
    )
    (gap,) = server.adapter.find_gaps(now, older)
    assert "another password" in gap
    assert server.adapter.build_change(now, older)[-1] == f"-- {gap}"


@pytest.mark.parametrize("first", ["caching_sha2_password", "auth_socket"])
def test_an_account_that_had_further_factors_is_locked_until_they_are_added(mysql: MysqlServer, first: str) -> None:
    """With the first factor alone it would be let in by less than before."""
    attributes: dict[str, Json] = {"plugin": first, "second_factors": ["authentication_ldap_simple"]}
    account = Account("two@%", Kind.USER, {"flavour": "mysql", "has_password": first != "auth_socket", **attributes})
    lines = mysql.adapter.build_script({account.username: AccountState.of(account, [])})
    assert any("further factors: authentication_ldap_simple; add them, then ACCOUNT UNLOCK" in line for line in lines)
    assert any("CREATE USER" in line and "ACCOUNT LOCK" in line for line in lines)
    if first == "caching_sha2_password":  # the other plugin may not be there
        mysql.execute(*lines)
        assert read_states(mysql)[account.username].account.attributes["account_locked"] is True
