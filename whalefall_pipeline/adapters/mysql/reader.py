"""Reads a MySQL or MariaDB catalog: which statements are sent, and what it means when one of them fails."""

import math
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from typing import TypeAlias, cast

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, SourceSession
from whalefall_pipeline.adapters.mysql import mariadb, mysql, rows
from whalefall_pipeline.adapters.mysql.catalog import IDENTITY, Catalog
from whalefall_pipeline.adapters.mysql.connection import Connection, connect
from whalefall_pipeline.adapters.mysql.definers import DEFINERS, find_missing, list_active, to_definers
from whalefall_pipeline.adapters.mysql.errors import (
    ACCOUNT_TABLES,
    REMEDY,
    TABLES,
    NotSeenError,
    StatementError,
    observe,
    to_login_error,
    to_mask,
    why_not,
)
from whalefall_pipeline.adapters.mysql.everybody import find_everybody, is_everybodys
from whalefall_pipeline.adapters.mysql.flavour import Product, identify
from whalefall_pipeline.adapters.mysql.names import Flavour, to_address, to_username
from whalefall_pipeline.adapters.mysql.own_roles import turn_on_best
from whalefall_pipeline.adapters.mysql.rules import ACCOUNT_ATTRIBUTES
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.model import (
    SERVER,
    Account,
    Coverage,
    Held,
    HeldByGrantee,
    Instance,
    Login,
    Observation,
    Reading,
    Security,
    Seen,
    is_observed,
)

PARTIAL_REVOKES = 80016
"""The version that has them, in mysql.user.User_attributes."""
OBSERVED = Observation(Seen.OBSERVED)
OF_THE_LOGIN = (SERVER, "dynamic", "roles")
"""The scopes by which it is known what the login itself may do on the whole server."""
SNAPSHOT = (
    "set session transaction isolation level repeatable read",
    "start transaction with consistent snapshot, read only",
)

ReadHoldings: TypeAlias = Callable[[], Iterable[rows.Holding]]


@contextmanager
def open_session(instance: Instance, login: Login, limits: Limits, deadline: Deadline) -> Generator["MysqlSession"]:
    """Connect, find out which server this is, and begin a read-only transaction; see `Adapter.open` for the errors."""
    with connect(instance, login, limits, deadline) as source:
        try:
            session = MysqlSession(source, identify(source))
            session.begin(limits.statement_seconds)
        except StatementError as error:
            raise to_login_error(error, source.security, has_certificate=True) from None
        yield session


def _is_whole(coverage: Coverage) -> bool:
    """Whether all was observed; definers may be denied, which follows from what is."""
    may_be = {Seen.OBSERVED, Seen.DENIED}
    return all(seen.status in (may_be if scope == DEFINERS else {Seen.OBSERVED}) for scope, seen in coverage.items())


def _add(held: HeldByGrantee, found: Iterable[rows.Holding]) -> None:
    for grantee, items in found:
        if items:
            held[grantee] += items


class MysqlSession(SourceSession):
    """One reading of one server; the account rows are read once and serve the list and the grants."""

    def __init__(self, source: Connection, product: Product) -> None:
        self._source = source
        self._product = product
        self._flavour: Flavour = product.flavour
        self._catalog = Catalog(source, product)
        self._role_note = ""

    @property
    def security(self) -> Security:
        """See `SourceSession.security`."""
        return self._source.security

    @property
    def version(self) -> str:
        """See `SourceSession.version`."""
        return self._product.name

    @property
    def identity(self) -> str:
        """See `SourceSession.identity`: MySQL's `server_uuid`.

        MariaDB has none: its `server_uid` is of machine and port, whatever data folder is behind them (tried on 10.11
        and 11.8).
        """
        return (self._catalog.variables or {}).get(IDENTITY, "")

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
        for statement in self._product.session_statements:
            self._source.query(statement.format_map(limits))
        self._role_note = turn_on_best(self._source, self._product)
        for statement in SNAPSHOT:
            self._source.query(statement)

    def read_accounts(self) -> list[Account]:
        """See `SourceSession.read_accounts`; from mysql.user (MySQL) or mysql.global_priv (MariaDB).

        Rows of mysql.db that hold for everybody make one more account for each host that they are for.
        """
        accounts = [account for _, account in self._account_rows]
        return sorted([*accounts, *self._everybody.values()], key=lambda account: account.username)

    def is_same(self, source: bytes) -> bool:
        """See `SourceSession.is_same`: answers are fetched packed, and taken apart only where one differs."""
        return self._catalog.is_same(source)

    def may_hide(self, username: str) -> bool:
        """See `SourceSession.may_hide`: whom mysql.db names is not known while it can't be read."""
        return is_everybodys(username) and not isinstance(self._database_rows, list)

    def read_grants(self) -> Reading:
        """See `SourceSession.read_grants`: one statement, for roles and definers two, for each scope.

        When the deadline passes after what accounts hold on the server was read, the reading ends with what it has: the
        scopes that are left are `timed_out`.
        """
        held: HeldByGrantee = defaultdict(list)
        coverage: dict[str, Observation] = {ACCOUNT_ATTRIBUTES: self._observe_attributes()}
        for scope, read in (*self._parts(), (DEFINERS, lambda: self._read_definers(held, coverage))):
            try:
                seen = observe(scope, lambda read=read: _add(held, list(read())))
            except DatabaseConnectionError:
                if not (is_observed(SERVER, coverage) and self._source.is_late):
                    raise
                seen = self._source.late
            coverage[scope] = seen if scope == DEFINERS else self._note_role(seen)
        settings = self._catalog.read_settings()
        source = self._catalog.source if _is_whole(coverage) and settings is not None else b""
        return Reading(held, coverage, self._catalog.digest, settings, source)

    def _parts(self) -> Iterator[tuple[str, ReadHoldings]]:
        name = self._name
        yield SERVER, self._read_server
        if self._flavour == "mysql":
            yield "dynamic", lambda: mysql.to_dynamic_grants(self._catalog.read("dynamic"), name)
        yield "databases", self._read_databases
        yield "tables", lambda: rows.to_table_grants(self._catalog.read("tables"), name)
        yield "columns", lambda: rows.to_column_grants(self._catalog.read("columns_of_tables"), name)
        yield "routines", lambda: rows.to_routine_grants(self._catalog.read("routines"), name)
        yield "proxies", lambda: rows.to_proxy_grants(self._catalog.read("proxies"), name)
        yield "roles", self._read_roles

    def _read_server(self) -> Iterator[rows.Holding]:
        if self._flavour == "mariadb":
            for row, account in self._account_rows:
                yield account.username, mariadb.to_server_grants(row, self._product.number)
            return
        read_mask = rows.to_mask_reader(to_mask("user", self._catalog.columns["user"]))
        for row, account in self._account_rows:
            yield account.username, mysql.to_server_grants(read_mask(cast("str", row[2])))

    def _read_databases(self) -> Iterator[rows.Holding]:
        is_hidden = "User_attributes" not in self._catalog.columns["user"]
        if self._flavour == "mysql" and self._product.number >= PARTIAL_REVOKES and is_hidden:
            raise NotSeenError("no SELECT on mysql.user.User_attributes, which holds partial revokes")
        found = self._database_rows
        if not isinstance(found, list):
            raise found
        read_mask = rows.to_mask_reader(to_mask("db", self._catalog.columns["db"]))
        everybodys = [row for row in found if not row[0]]
        own = [row for row in found if row[0] or (row[0], row[1]) in self._usernames]
        yield from rows.to_database_grants(own, self._name, read_mask)
        yield from rows.to_database_grants(everybodys, lambda _, host: self._everybody[host].username, read_mask)
        if self._flavour == "mysql":
            for row, account in self._account_rows:
                yield account.username, list(mysql.to_restrictions(row))

    def _read_roles(self) -> Iterator[rows.Holding]:
        direct = list(rows.to_memberships(self._catalog.read("memberships"), self._name))
        yield from direct
        if self._flavour == "mysql":
            yield from rows.to_default_roles(self._catalog.read("default_roles"), self._name)
            return
        members = {(member, item.securable) for member, held in direct for item in held}
        for row, account in self._account_rows:
            # a default role that was revoked or dropped stays in the row, and is nothing to the server
            default = list(mariadb.to_default_role(row))
            yield account.username, [item for item in default if (account.username, item.securable) in members]

    def _read_definers(self, held: Mapping[str, Sequence[Held]], coverage: Coverage) -> Iterator[rows.Holding]:
        ((user, roles),) = cast("tuple[tuple[str, str | None]]", self._catalog.read("identity"))
        active = list_active(self._name(*to_address(user)), roles, self._flavour)
        if missing := find_missing(active, held, self._flavour):
            hidden = [TABLES[scope] for scope in OF_THE_LOGIN if scope in coverage and not is_observed(scope, coverage)]
            if hidden:
                raise NotSeenError(
                    f"no SELECT on {' and '.join(hidden)}, which may have what the login lacks: {missing}"
                )
            raise NotSeenError(missing, "; GRANT them to the login to see definers")
        yield from to_definers(self._catalog.read("definers"), self._name)

    def _observe_attributes(self) -> Observation:
        hidden = self._hidden_columns
        if not hidden:
            return OBSERVED
        return Observation(Seen.DENIED, f"no SELECT on mysql.user ({', '.join(hidden)}){REMEDY}")

    def _note_role(self, seen: Observation) -> Observation:
        """Say which of the login's roles is on where a part is denied and another role may show it."""
        return Observation(seen.status, f"{seen.reason}{self._role_note}") if seen.status is Seen.DENIED else seen

    @cached_property
    def _name(self) -> rows.NameOf:
        """The function to the username in the inventory: hosts are compared without case."""
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
    def _hidden_columns(self) -> list[str]:
        if self._flavour == "mariadb":
            return []
        return mysql.find_hidden(self._catalog.columns["user"], self._product.number)

    @cached_property
    def _database_rows(self) -> list[rows.Row] | NotSeenError | StatementError:
        """The rows of mysql.db, or why they can't be read; the account list is whole without them."""
        try:
            return list(self._catalog.read("databases"))
        except (NotSeenError, StatementError) as error:
            return error

    @cached_property
    def _everybody(self) -> Mapping[str, Account]:
        found = self._database_rows
        taken = {account.username for _, account in self._account_rows}
        return find_everybody(found, taken, self._flavour) if isinstance(found, list) else {}

    @cached_property
    def _account_rows(self) -> list[tuple[rows.Row, Account]]:
        try:
            found = self._catalog.read("accounts")
            if self._flavour == "mysql":
                return [(row, mysql.to_account(row, self._hidden_columns)) for row in found]
            return [(row, mariadb.to_account(row)) for row in mariadb.add_public(found, self._product.number)]
        except (NotSeenError, StatementError) as error:
            reason = self._note_role(why_not(ACCOUNT_TABLES[self._flavour], error)).reason
            raise SyncDataError(f"the account list can't be read: {reason}") from None
        except (ValueError, TypeError) as error:
            raise SyncDataError(
                f"{ACCOUNT_TABLES[self._flavour]} has a row that can't be understood: {error}"
            ) from None
