"""Reads a MySQL or MariaDB catalog: which statements are sent, and what it means when one of them fails."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from typing import TypeAlias, cast

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, SourceSession
from whalefall_pipeline.adapters.mysql import mariadb, mysql, rows
from whalefall_pipeline.adapters.mysql.connection import Rows, Source, connect
from whalefall_pipeline.adapters.mysql.errors import (
    ACCOUNT_TABLES,
    NO_MYSQL,
    NotSeenError,
    StatementError,
    observe,
    to_login_error,
    to_mask,
    why_not,
)
from whalefall_pipeline.adapters.mysql.names import Flavour, quote, to_username
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncDataError
from whalefall_pipeline.core.model import (
    SERVER,
    Account,
    HeldByGrantee,
    Instance,
    Kind,
    Login,
    Observation,
    Reading,
    Security,
)
from whalefall_pipeline.sql import load_sql

PACKAGE = "whalefall_pipeline.adapters.mysql"
CATALOGS: dict[Flavour, dict[str, str]] = {
    "mysql": load_sql(PACKAGE, "catalog.sql"),
    "mariadb": load_sql(PACKAGE, "catalog_mariadb.sql"),
}
PRODUCTS: dict[Flavour, str] = {"mysql": "MySQL", "mariadb": "MariaDB"}
OLDEST: dict[Flavour, int] = {"mysql": 80000, "mariadb": 100400}
SHOWN_AT_MOST = 1024
"""Bytes or characters of a variable that SHOW VARIABLES gives."""
PARTIAL_REVOKES = 80016
"""The version that has them, in mysql.user.User_attributes."""
SNAPSHOT = (
    "set session transaction isolation level repeatable read",
    "start transaction with consistent snapshot, read only",
)

_NUMBER = re.compile(r"(\d+)\.(\d+)\.(\d+)")

Read: TypeAlias = Callable[[], Iterable[rows.Holding]]


@contextmanager
def open_session(instance: Instance, login: Login, limits: Limits, deadline: Deadline) -> Generator["MysqlSession"]:
    """Connect, find out which server this is, and begin a read-only transaction; see `Adapter.open` for the errors."""
    with connect(instance, login, limits, deadline) as source:
        try:
            session = _identify(source)
            session.begin(limits.statement_seconds)
        except StatementError as error:
            raise to_login_error(error, source.security, has_certificate=True) from None
        yield session


def _identify(source: Source) -> "MysqlSession":
    found = source.query(CATALOGS["mysql"]["identify"])
    try:
        ((version, comment),) = cast("tuple[tuple[str, str]]", found)
    except (TypeError, ValueError):
        raise DatabaseConnectionError(NO_MYSQL, transient=False) from None
    flavour: Flavour = "mariadb" if "mariadb" in f"{version} {comment}".lower() else "mysql"
    numbers = _NUMBER.search(version)
    if not numbers:
        raise InvalidInstanceError(f"the server's version can't be understood: {version}")
    major, minor, patch = (int(part) for part in numbers.groups())
    number = major * 10000 + minor * 100 + patch
    name = f"{PRODUCTS[flavour]} {numbers.group()}"
    if number < OLDEST[flavour]:
        raise InvalidInstanceError(f"{name} is too old: MySQL from 8.0 and MariaDB from 10.4 can be read")
    return MysqlSession(source, flavour, name, number)


def _add(held: HeldByGrantee, found: Iterable[rows.Holding]) -> None:
    for grantee, items in found:
        if items:
            held[grantee] += items


class _Columns(dict[str, str]):
    """Stands for a statement's braces: a column that the server does not have, or does not show, is null."""

    def __missing__(self, name: str) -> str:
        return "null"


class MysqlSession(SourceSession):
    """One reading of one server; the account rows are read once and serve the list and the grants."""

    def __init__(self, source: Source, flavour: Flavour, version: str, number: int) -> None:
        self._version = version
        self._source = source
        self._flavour: Flavour = flavour
        self._number = number
        self._catalog = CATALOGS[flavour]

    @property
    def security(self) -> Security:
        """See `SourceSession.security`."""
        return self._source.security

    @property
    def version(self) -> str:
        """See `SourceSession.version`."""
        return self._version

    @property
    def statements(self) -> int:
        """See `SourceSession.statements`."""
        return self._source.tally.statements

    def begin(self, statement_seconds: float) -> None:
        """Set up the session: UTC, the statement limit, and one moment for all that is read where tables allow it."""
        milliseconds = max(1, int(statement_seconds * 1000))
        limits = {
            "milliseconds": milliseconds,
            "seconds": milliseconds / 1000,
            "whole_seconds": math.ceil(statement_seconds),
        }
        self._source.query(self._catalog["session"].format_map(limits))
        for statement in SNAPSHOT:
            self._source.query(statement)

    def read_accounts(self) -> list[Account]:
        """See `SourceSession.read_accounts`; from mysql.user (MySQL) or mysql.global_priv (MariaDB)."""
        return sorted(self._accounts, key=lambda account: account.username)

    def read_grants(self) -> Reading:
        """See `SourceSession.read_grants`: one statement, for roles two, for each scope in the coverage."""
        held: HeldByGrantee = defaultdict(list)
        coverage: dict[str, Observation] = {}
        for scope, read in self._parts():
            coverage[scope] = observe(scope, lambda read=read: _add(held, list(read())))
        return Reading(held, coverage, self._source.tally.digest)

    def _parts(self) -> Iterator[tuple[str, Read]]:
        name = self._name
        yield SERVER, self._read_server
        if self._flavour == "mysql":
            yield "dynamic", lambda: mysql.to_dynamic_grants(self._rows("dynamic"), name)
        yield "databases", self._read_databases
        yield "tables", lambda: rows.to_table_grants(self._rows("tables"), name)
        yield "columns", lambda: rows.to_column_grants(self._rows("columns_of_tables"), name)
        yield "routines", lambda: rows.to_routine_grants(self._rows("routines"), name)
        yield "proxies", lambda: rows.to_proxy_grants(self._rows("proxies"), name)
        yield "roles", self._read_roles

    def _read_server(self) -> Iterator[rows.Holding]:
        if self._flavour == "mariadb":
            for row, account in self._account_rows:
                yield account.username, list(mariadb.to_server_grants(row, self._number))
            return
        read_mask = rows.to_mask_reader(to_mask("user", self._columns["user"]))
        for row, account in self._account_rows:
            yield account.username, mysql.to_server_grants(read_mask(cast("str", row[2])))

    def _read_databases(self) -> Iterator[rows.Holding]:
        columns = to_mask("db", self._columns["db"])
        is_hidden = "User_attributes" not in self._columns["user"]
        if self._flavour == "mysql" and self._number >= PARTIAL_REVOKES and is_hidden:
            raise NotSeenError("no SELECT on mysql.user.User_attributes, which holds partial revokes")
        statement = self._catalog["databases"].format(privileges=", ".join(columns))
        yield from rows.to_database_grants(self._source.query(statement), self._name, rows.to_mask_reader(columns))
        if self._flavour == "mysql":
            for row, account in self._account_rows:
                yield account.username, list(mysql.to_restrictions(row))

    def _read_roles(self) -> Iterator[rows.Holding]:
        direct = list(rows.to_memberships(self._rows("memberships"), self._name))
        if self._flavour == "mariadb":
            yield from direct
            for row, account in self._account_rows:
                yield account.username, list(mariadb.to_default_role(row))
            return
        users = [account.username for account in self._accounts if account.kind is Kind.USER]
        yield from mysql.add_mandatory(direct, self._mandatory_roles(), users)
        yield from rows.to_default_roles(self._rows("default_roles"), self._name)

    def _mandatory_roles(self) -> list[str]:
        """Give the mandatory roles that exist; the server ignores the others."""
        text = self._variables.get("mandatory_roles", "")
        if len(text.encode()) >= SHOWN_AT_MOST:
            ((text,),) = cast("tuple[tuple[str]]", self._rows("mandatory_roles"))
        named = mysql.parse_roles(text)
        return [self._usernames[user, host.lower()] for user, host in named if (user, host.lower()) in self._usernames]

    def _rows(self, statement: str) -> Rows:
        return self._source.query(self._catalog[statement])

    @cached_property
    def _name(self) -> rows.NameOf:
        """Gives the username in the inventory: hosts are compared without case."""
        usernames, flavour = self._usernames, self._flavour

        @cache
        def name(user: str, host: str) -> str:
            return usernames.get((user, host.lower())) or to_username(user, host, flavour)

        return name

    @cached_property
    def _usernames(self) -> Mapping[tuple[str, str], str]:
        addresses = (cast("tuple[str, str]", row[:2]) for row, _ in self._account_rows)
        return {(user, host.lower()): to_username(user, host, self._flavour) for user, host in addresses}

    @cached_property
    def _columns(self) -> Mapping[str, list[str]]:
        visible: dict[str, list[str]] = {"user": [], "db": []}
        for table, column in cast("Iterable[tuple[str, str]]", self._rows("columns")):
            visible[table].append(column)
        return visible

    @cached_property
    def _variables(self) -> Mapping[str, str]:
        return dict(cast("Iterable[tuple[str, str]]", self._rows("variables")))

    @cached_property
    def _accounts(self) -> list[Account]:
        return [account for _, account in self._account_rows]

    @cached_property
    def _account_rows(self) -> list[tuple[rows.Row, Account]]:
        to_account = mariadb.to_account if self._flavour == "mariadb" else mysql.to_account
        try:
            found = self._source.query(self._accounts_statement())
            given = mariadb.add_public(found, self._number) if self._flavour == "mariadb" else found
            return [(row, to_account(row, self._variables)) for row in given]
        except (NotSeenError, StatementError) as error:
            reason = why_not(ACCOUNT_TABLES[self._flavour], error).reason
            raise SyncDataError(f"the account list can't be read: {reason}") from None
        except (ValueError, TypeError) as error:
            raise SyncDataError(
                f"{ACCOUNT_TABLES[self._flavour]} has a row that can't be understood: {error}"
            ) from None

    def _accounts_statement(self) -> str:
        statement = self._catalog["accounts"]
        if self._flavour == "mariadb":
            return statement
        visible = self._columns["user"]
        if not {"User", "Host"} <= set(visible):
            raise NotSeenError("no SELECT on mysql.user")
        masks = [quote(column) for column in visible if column.endswith("_priv")]
        return statement.format_map(
            _Columns({column: quote(column) for column in visible}, privileges=", ".join(masks))
        )
