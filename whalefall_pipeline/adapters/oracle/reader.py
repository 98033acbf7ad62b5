"""Reads an Oracle server: its accounts, its grants, and what of them was observed.

Twelve statements for one database or pluggable database, one more for a whole container database and two from 23ai on,
whatever the number of accounts and containers.
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, SourceSession
from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.catalog import STATEMENTS, VIEWS, Catalog, Connect
from whalefall_pipeline.adapters.oracle.containers import ContainerRow, Containers, build_containers
from whalefall_pipeline.adapters.oracle.errors import CatalogError
from whalefall_pipeline.adapters.oracle.options import to_target
from whalefall_pipeline.adapters.oracle.rows import (
    PasswordFileRow,
    RoleRow,
    Row,
    UserRow,
    to_file_user,
    to_grants,
    to_public,
    to_role,
    to_user,
)
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import (
    SERVER,
    Account,
    Instance,
    Login,
    Observation,
    Reading,
    Seen,
)

OBSERVED = Observation(Seen.OBSERVED)
WIDE_PARTS = frozenset({rules.ROLES, rules.SYSTEM_PRIVILEGES})
"""Parts whose grants have no database when one container is read."""


class _AccountRows(NamedTuple):
    """The account list; rows of the root come last, so that a common account is taken as the root has it."""

    users: list[UserRow]
    roles: list[RoleRow]
    password_file: list[PasswordFileRow]
    read_only: frozenset[tuple[int, str]]


class OracleSession(SourceSession):
    """One reading of one server; see `SourceSession`."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._looks: list[list[ContainerRow]] = []
        self._built: Containers | None = None

    @property
    def version(self) -> str:
        """The server's version, for people."""
        return f"Oracle Database {self._catalog.version}"

    @property
    def statements(self) -> int:
        """How many statements have been sent."""
        return self._catalog.statements

    def read_accounts(self) -> list[Account]:
        """Read users, roles, PUBLIC, and users that only the password file knows, ordered by username."""
        rows, containers = self._rows, self._containers
        found = [
            to_public(containers),
            *(to_file_user(row, containers) for row in rows.password_file if containers.holds(row.con_id)),
            *(to_role(row, containers) for row in rows.roles if containers.holds(row.con_id)),
            *(
                to_user(row, containers, read_only=row[:1] + row[2:3] in rows.read_only)
                for row in rows.users
                if containers.holds(row.con_id)
            ),
        ]
        accounts = {account.username: account for account in found}
        return [accounts[username] for username in sorted(accounts)]

    def read_grants(self) -> Reading:
        """Read all grants; a part of the catalog that can't be read is not observed, in all containers.

        A pluggable database that was not open all the while is not observed either.
        """
        password_file = self._rows.password_file
        found = {part: self._read_part(part) for part in STATEMENTS}
        self._look()
        containers = self._containers
        coverage = {SERVER: OBSERVED, **{f"database:{name}": OBSERVED for name in containers.pdbs.values()}}
        for name, why in containers.closed.items():
            coverage |= {rules.to_coverage_scope(name, part): why for part in (*STATEMENTS, rules.PASSWORD_FILE)}
        grants = to_grants(rules.PASSWORD_FILE, password_file, containers)
        for part, rows in found.items():
            if isinstance(rows, Observation):
                coverage |= dict.fromkeys(self._scopes_of(part), rows)
            else:
                grants += to_grants(part, rows, containers)
        return Reading.of(grants, coverage)

    def may_hide(self, username: str) -> bool:
        """Whether an account that the list lacks may still exist, in a pluggable database that was not observed."""
        return any(username.startswith(f"{name}.") for name in self._containers.closed)

    def _read_part(self, part: str) -> list[Row] | Observation:
        if part == rules.SCHEMA_PRIVILEGES and VIEWS[STATEMENTS[part]] not in self._catalog.later:
            return []
        try:
            return self._catalog.ask(STATEMENTS[part])
        except CatalogError as error:
            return self._catalog.explain(STATEMENTS[part], error)

    def _scopes_of(self, part: str) -> list[str]:
        containers = self._containers
        if containers.is_root:
            databases = ["", rules.ROOT, *containers.pdbs.values()]
        else:
            databases = [""] if part in WIDE_PARTS else [containers.own]
        return [rules.to_coverage_scope(database, part) for database in databases]

    @property
    def _containers(self) -> Containers:
        """The containers as far as they have been looked at."""
        if not self._catalog.is_root:
            return Containers(self._catalog.home[1])
        rows = self._rows
        if self._built is None:
            self._built = build_containers(self._looks, [(row.con_id, row[2]) for row in (*rows.users, *rows.roles)])
        return self._built

    def _look(self) -> None:
        """Ask the root which containers are open now."""
        if self._catalog.is_root:
            self._looks.append(list(map(ContainerRow._make, self._catalog.ask_whole("containers"))))
            self._built = None

    @cached_property
    def _rows(self) -> _AccountRows:
        ask = self._catalog.ask_whole
        self._look()
        read_only = ask("read_only_users") if VIEWS["users"] in self._catalog.later else []
        root_last = itemgetter(0)
        rows = _AccountRows(
            users=sorted(map(UserRow._make, ask("users")), key=root_last, reverse=True),
            roles=sorted(map(RoleRow._make, ask("roles")), key=root_last, reverse=True),
            password_file=sorted(map(PasswordFileRow._make, ask("password_file")), key=root_last, reverse=True),
            read_only=frozenset((con_id, username) for con_id, _, username in read_only),
        )
        self._look()
        return rows


@contextmanager
def open_session(
    connect: Connect, instance: Instance, login: Login, limits: Limits, deadline: Deadline
) -> Generator[OracleSession]:
    """Connect and start to read. The login needs CREATE SESSION and the views of `catalog.sql`."""
    connection = connect(to_target(instance, login, limits.default_options), limits, deadline)
    try:
        yield OracleSession(_begin(Catalog(connection)))
    finally:
        connection.close()


def _begin(catalog: Catalog) -> Catalog:
    try:
        catalog.begin()
        _ = catalog.home
    except CatalogError as error:
        raise DatabaseConnectionError(f"the session can't start to read ({error.code})", transient=True) from None
    return catalog
