"""Rows of MariaDB's mysql.global_priv that somebody wrote by hand: each means what the server makes of it."""

import json
import math
from collections.abc import Generator, Mapping
from datetime import UTC, datetime

import pymysql
import pytest

from tests.adapters.mysql.servers import read
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.names import quote_text
from whalefall_pipeline.adapters.mysql.rules import RULES
from whalefall_pipeline.core.model import AccountState, Json, Kind
from whalefall_pipeline.core.rules import LOCKED, PASSWORD_EXPIRED

USUAL: Mapping[str, Json] = {
    "access": 0,
    "plugin": "mysql_native_password",
    "authentication_string": "",
    "password_last_changed": 1_700_000_000,
}
IS_LOCKED, IS_EXPIRED, HAS_USED_UP = 4151, 1820, 1226
VALUES: list[Json] = [
    0,
    1,
    2,
    -1,
    -5,
    1.5,
    1_700_000_000.5,
    10**9,
    10**15,
    10**18,
    True,
    False,
    None,
    "",
    "1",
    "x",
    "true",
]
KEYS = (
    "account_locked", "password_lifetime", "password_last_changed", "is_role", "ssl_type", "max_questions",
    "max_updates", "max_connections", "max_statement_time",
)  # fmt: skip


@pytest.fixture
def writable(mariadb: MysqlServer) -> Generator[MysqlServer]:
    yield mariadb
    mariadb.execute("DELETE FROM mysql.global_priv WHERE user LIKE 'by\\_hand%'", "FLUSH PRIVILEGES")


def write(server: MysqlServer, user: str, row: Mapping[str, Json]) -> None:
    document = quote_text(json.dumps(row))
    server.execute(f"INSERT INTO mysql.global_priv (user, host, priv) VALUES ('{user}', '%', {document})")


def try_login(server: MysqlServer, user: str) -> int:
    """Return the error that a login or its first statement ends with; 0: none."""
    host, port = server.instance.host, server.instance.port
    try:
        with pymysql.connect(user=user, host=host, port=port) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except pymysql.err.MySQLError as error:
        return int(error.args[0])
    return 0


def test_numbers_and_flags_are_what_the_server_takes_for_them(writable: MysqlServer) -> None:
    rows: dict[str, dict[str, Json]] = {
        f"by_hand_{key}_{place}": {**USUAL, key: value}
        for key in KEYS
        for place, value in enumerate(VALUES)
        if not (key == "is_role" and value is True)
    }
    rows |= {
        f"by_hand_aged_{place}": {**USUAL, "password_lifetime": 1, "password_last_changed": value}
        for place, value in enumerate(VALUES)
    }
    rows["by_hand_nothing"] = {"access": 0}
    rows["by_hand_never"] = {"access": 0, "plugin": "mysql_native_password", "password_lifetime": 1}
    for user, row in rows.items():
        write(writable, user, row)
    writable.execute("FLUSH PRIVILEGES")
    accounts, _ = read(writable)
    found: set[int] = set()
    for user in rows:
        account = accounts[f"{user}@%"]
        assert account.kind is Kind.USER
        said = RULES.own_capabilities(AccountState.of(account), datetime.now(UTC))
        error = try_login(writable, user)
        found.add(error)
        assert (LOCKED in said) is (error == IS_LOCKED), rows[user]
        assert bool(said[PASSWORD_EXPIRED]) is (error == IS_EXPIRED), rows[user]
        assert error in {0, IS_LOCKED, IS_EXPIRED, HAS_USED_UP} or account.attributes["tls_requirement"], (
            rows[user],
            error,
        )
    assert found > {0, IS_LOCKED, IS_EXPIRED}


@pytest.mark.parametrize("document", ['{"access": 1e3}', '{"access": 1.9e1}', '{"access": 12e0}'])
def test_a_number_ends_before_what_is_no_digit(writable: MysqlServer, document: str) -> None:
    writable.execute(f"INSERT INTO mysql.global_priv (user, host, priv) VALUES ('by_hand', '%', '{document}')")
    writable.execute("FLUSH PRIVILEGES")
    shown = str(writable.query("SHOW GRANTS FOR by_hand")[0][0])
    held = {item.privilege for item in read(writable)[1].held["by_hand@%"]}
    assert shown.startswith("GRANT ")
    assert held == set(shown.removeprefix("GRANT ").partition(" ON ")[0].split(", "))


def test_numbers_without_end_are_read(writable: MysqlServer) -> None:
    endless = "9" * 5000
    numbers = ("password_last_changed", "password_lifetime", "max_questions", "max_updates", "max_connections")
    others = "".join(f', "{key}": {endless}' for key in numbers)
    document = f'{{"access": {endless}, "ssl_type": 0, "max_statement_time": 1e999{others}}}'
    writable.execute(f"INSERT INTO mysql.global_priv (user, host, priv) VALUES ('by_hand', '%', '{document}')")
    writable.execute("FLUSH PRIVILEGES")
    accounts, reading = read(writable)
    assert str(writable.query("SHOW GRANTS FOR by_hand")[0][0]).startswith("GRANT ALL PRIVILEGES")
    assert {item.privilege for item in reading.held["by_hand@%"]} >= {"SELECT", "SUPER"}
    seconds = accounts["by_hand@%"].attributes["max_statement_seconds"]
    assert isinstance(seconds, float)
    assert math.isfinite(seconds)
    RULES.own_capabilities(AccountState.of(accounts["by_hand@%"]), datetime.now(UTC))
