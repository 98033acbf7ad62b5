"""Reads a MySQL or MariaDB catalog: which statements are sent, and what it means when one of them fails."""

import math
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property, partial
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
from whalefall_pipeline.adapters.mysql.packed import Shared
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

OfMysql: TypeAlias = Sequence[tuple[mysql.Common, Account]]
OfMariadb: TypeAlias = Sequence[tuple[mariadb.Common, Account]]
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
        accounts = [account for _, account in self._accounts]
        return sorted([*accounts, *self._everybody.values()], key=lambda account: account.username)

    def is_same(self, source: bytes) -> bool:
        """See `SourceSession.is_same`: answers are fetched packed, and taken apart only where one differs."""
        return self._catalog.is_same(source)

    def may_hide(self, username: str) -> bool:
        """See `SourceSession.may_hide`: whom mysql.db names is not known while it can't be read."""
        return is_everybodys(username) and not isinstance(self._database_rows, Shared)

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
        yield SERVER, self._read_server
        if self._flavour == "mysql":
            yield "dynamic", lambda: self._read_held("dynamic", mysql.to_dynamic_grants)
        yield "databases", self._read_databases
        yield "tables", lambda: self._read_held("tables", rows.to_table_grants)
        yield "columns", lambda: self._read_held("columns_of_tables", rows.to_column_grants)
        yield "routines", lambda: self._read_held("routines", rows.to_routine_grants)
        yield "proxies", lambda: self._read_held("proxies", rows.to_proxy_grants)
        yield "roles", self._read_roles

    def _read_held(self, statement: str, to_held: Callable[..., Sequence[Held]]) -> list[rows.Holding]:
        """Return what the rows of a statement say; `to_held` makes it of what follows the user and the host."""
        name = self._name
        found, rests = self._catalog.read_shared(statement)
        held = {key: to_held(*rest) for key, rest in rests.items()}
        return [(name(user, host), held[key]) for user, host, key in found]

    def _read_server(self) -> Iterator[rows.Holding]:
        if self._flavour == "mariadb":
            for common, account in cast("OfMariadb", self._accounts):
                yield account.username, mariadb.to_server_grants(common.row, self._product.number)
            return
        read_mask = rows.to_mask_reader(to_mask("user", self._catalog.columns["user"]))
        for common, account in cast("OfMysql", self._accounts):
            yield account.username, mysql.to_server_grants(read_mask(common.row.mask))

    def _read_databases(self) -> Iterator[rows.Holding]:
        is_hidden = "User_attributes" not in self._catalog.columns["user"]
        if self._flavour == "mysql" and self._product.number >= PARTIAL_REVOKES and is_hidden:
            raise NotSeenError("no SELECT on mysql.user.User_attributes, which holds partial revokes")
        if not isinstance(self._database_rows, Shared):
            raise self._database_rows
        found, rests = self._database_rows
        read_mask = rows.to_mask_reader(to_mask("db", self._catalog.columns["db"]))
        held = {key: rows.to_database_grants(database, read_mask(mask)) for key, (database, mask) in rests.items()}
        for user, host, key in found:
            if user or (user, host) in self._usernames:
                yield self._name(user, host), held[key]
            if not user:
                yield self._everybody[host].username, held[key]
        if self._flavour == "mysql":
            for common, account in cast("OfMysql", self._accounts):
                if common.row.restrictions:
                    yield account.username, list(mysql.to_restrictions(common.row.restrictions))

    def _read_roles(self) -> list[rows.Holding]:
        name = self._name
        direct = self._read_held("memberships", partial(rows.to_membership, name))
        if self._flavour == "mysql":
            return direct + self._read_held("default_roles", partial(rows.to_default_role, name))
        return direct + mariadb.find_default_roles(cast("OfMariadb", self._accounts), direct)

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
        addresses = ((to_address(account.username), account.username) for _, account in self._accounts)
        return {(user, host.lower()): username for (user, host), username in addresses}

    @cached_property
    def _hidden_columns(self) -> list[str]:
        if self._flavour == "mariadb":
            return []
        return mysql.find_hidden(self._catalog.columns["user"], self._product.number)

    @cached_property
    def _database_rows(self) -> Shared | NotSeenError | StatementError:
        """The rows of mysql.db, or why they can't be read; the account list is whole without them."""
        try:
            return self._catalog.read_shared("databases")
        except (NotSeenError, StatementError) as error:
            return error

    @cached_property
    def _everybody(self) -> Mapping[str, Account]:
        found = self._database_rows
        taken = {account.username for _, account in self._accounts}
        return find_everybody(found.rows, taken, self._flavour) if isinstance(found, Shared) else {}

    @cached_property
    def _accounts(self) -> OfMysql | OfMariadb:
        try:
            found, rests = self._catalog.read_shared("accounts", own=3)
            if self._flavour == "mysql":
                return mysql.build_accounts(found, rests, self._hidden_columns)
            return mariadb.build_accounts(found, rests, self._product.number)
        except (NotSeenError, StatementError) as error:
            reason = self._note_role(why_not(ACCOUNT_TABLES[self._flavour], error)).reason
            raise SyncDataError(f"the account list can't be read: {reason}") from None
        except (ValueError, TypeError) as error:
            raise SyncDataError(
                f"{ACCOUNT_TABLES[self._flavour]} has a row that can't be understood: {error}"
            ) from None
