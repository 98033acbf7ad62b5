"""Rows and errors of servers that do not fit: each ends in one line that says why, and whether to try again."""

import socket
from typing import Any

import pymysql.err
import pytest

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.mysql.errors import to_login_error, why_not
from whalefall_pipeline.adapters.mysql.names import find_only_database, means_database
from whalefall_pipeline.adapters.network import Address, find_addresses
from whalefall_pipeline.adapters.oracle.containers import Containers
from whalefall_pipeline.adapters.oracle.errors import to_connection_error
from whalefall_pipeline.adapters.oracle.names import UnsafeNameError, quote_text
from whalefall_pipeline.adapters.oracle.options import Endpoint
from whalefall_pipeline.adapters.oracle.rows import UserRow, to_user
from whalefall_pipeline.adapters.postgresql.rows import FLAGS, to_accounts
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import Observation, Security, Seen


@pytest.mark.parametrize(
    ("code", "said", "transient"),
    [
        (1040, "the server has too many connections (error 1040)", True),
        (1203, "the login has too many connections (error 1203)", True),
        (1044, "the login has no right to connect (error 1044)", False),
        (2013, "the connection was lost during the login", True),
        (1064, "a text", False),
    ],
)
def test_a_login_that_mysql_refuses_is_tried_again_only_where_that_may_help(
    code: int, said: str, *, transient: bool
) -> None:
    error = to_login_error(pymysql.err.OperationalError(code, "a text"), Security(), has_certificate=False)
    assert (str(error), error.transient) == (said, transient)


def test_a_login_may_need_tls_or_a_certificate_where_mysql_only_says_that_it_refuses() -> None:
    refused = pymysql.err.OperationalError(1045, "Access denied")
    plain, encrypted, shown = (
        str(to_login_error(refused, Security(is_encrypted), has_certificate=has_certificate))
        for is_encrypted, has_certificate in ((False, False), (True, False), (True, True))
    )
    assert plain.endswith("takes TLS only, set the option tls")
    assert encrypted.endswith("(REQUIRE X509) needs tls_cert and tls_key")
    assert shown.endswith("(error 1045)")


@pytest.mark.parametrize(
    ("code", "status"), [(1142, Seen.DENIED), (3024, Seen.TIMED_OUT), (1969, Seen.TIMED_OUT), (1064, Seen.UNREACHABLE)]
)
def test_why_mysql_did_not_show_a_table_is_told_by_its_error(code: int, status: Seen) -> None:
    found = why_not("mysql.db", pymysql.err.OperationalError(code, "a text"))
    assert found.status is status
    assert "mysql.db" in found.reason


def test_a_name_is_no_pattern_where_the_server_takes_none() -> None:
    assert find_only_database("app%", are_patterns=False) == "app%"
    assert find_only_database("app%") is None
    assert find_only_database(r"app\_1") == "app_1"
    assert not means_database("app%", "app1", are_patterns=False)
    assert means_database("app%", "app1")


@pytest.mark.parametrize(("number", "transient"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)])
def test_a_host_that_does_not_resolve_is_tried_again_when_the_resolver_says_so(number: int, *, transient: bool) -> None:
    target = Endpoint("db1", 1521, "ana", "hush", service_name="shop")
    error = to_connection_error(target, 10, socket.gaierror(number, "no"))
    assert str(error).endswith(": the host name does not resolve")
    assert error.transient is transient


def test_no_text_with_a_control_character_reaches_a_statement_of_oracle() -> None:
    assert quote_text("it's") == "'it''s'"
    with pytest.raises(UnsafeNameError):
        quote_text("a\nb")


def _to_user_row(**values: str) -> UserRow:
    row: dict[str, Any] = {**dict.fromkeys(UserRow._fields), "con_id": 0, "common": "NO", **values}
    return UserRow(**row)


@pytest.mark.parametrize("values", [{"username": "ANA"}, {"account_status": "OPEN"}])
def test_a_user_of_oracle_without_name_or_status_ends_the_reading(values: dict[str, str]) -> None:
    whole = Containers("", {}, {}, frozenset(), Observation(Seen.OBSERVED))
    with pytest.raises(SyncDataError, match="DBA_USERS has a row without name or status"):
        to_user(_to_user_row(**values), whole, read_only=False)


@pytest.mark.parametrize("place", [1, 2, 2 + len(FLAGS)])
def test_a_role_of_postgresql_that_lacks_what_every_role_has_ends_the_reading(place: int) -> None:
    row: list[object] = [16384, "ana", *([False] * len(FLAGS)), -1, None]
    assert [account.username for account in to_accounts([row], {})] == ["ana", "public"]
    row[place] = None
    with pytest.raises(SyncDataError, match="pg_roles has a row that can't be understood: OID 16384"):
        to_accounts([row], {})


def test_a_host_that_is_a_folder_is_that_of_a_socket() -> None:
    with Deadline(10) as deadline:
        assert find_addresses("/run/postgresql", 5433, deadline) == [
            Address(socket.AF_UNIX, "/run/postgresql/.s.PGSQL.5433")
        ]
