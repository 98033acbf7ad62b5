"""Reads an Oracle server: its accounts, its grants, what it is set to, and what of them was observed.

Sixteen statements for one database or pluggable database, four more for a whole container database and two from 23ai
on, whatever the number of accounts and containers.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, SourceSession
from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.catalog import STATEMENTS, VIEWS, Catalog, Connect
from whalefall_pipeline.adapters.oracle.container_data import ContainerData, ContainerDataRow, build_container_data
from whalefall_pipeline.adapters.oracle.containers import OBSERVED, ContainerRow, Containers, build_containers
from whalefall_pipeline.adapters.oracle.errors import CatalogError
from whalefall_pipeline.adapters.oracle.grants import to_grants
from whalefall_pipeline.adapters.oracle.options import to_endpoint
from whalefall_pipeline.adapters.oracle.rows import (
    PasswordFileRow,
    RoleRow,
    Row,
    UserRow,
    to_attributes,
    to_file_user,
    to_public,
    to_role,
    to_user,
)
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.exclusions import NOTHING_EXCLUDED
from whalefall_pipeline.core.model import (
    SERVER,
    Account,
    Instance,
    Json,
    Login,
    Observation,
    Reading,
    Security,
    Seen,
)

Part: TypeAlias = "Sequence[Row] | Observation"
"""The rows of one part of the catalog, or why there are none."""
DATABASES = "databases"
"""The scope that speaks for pluggable databases which the reading knows nothing of."""


class _AccountRows(NamedTuple):
    """The account list; rows of the root come last, so that a common account is taken as the root has it."""

    users: list[UserRow]
    roles: list[RoleRow]
    password_file: list[PasswordFileRow] | Observation
    read_only: frozenset[tuple[int, str]] | Observation


class OracleSession(SourceSession):
    """One reading of one server; see `SourceSession`."""

    def __init__(self, catalog: Catalog, excluded: Mapping[str, str] = NOTHING_EXCLUDED) -> None:
        self._catalog = catalog
        self._excluded = excluded
        self._looks: list[list[ContainerRow]] = []
        self._no_last_look: Observation | None = None
        self._built: Containers | None = None

    @property
    def version(self) -> str:
        """The server's version, for people."""
        return f"Oracle Database {self._catalog.version}"

    @property
    def statements(self) -> int:
        """How many statements have been sent."""
        return self._catalog.tally.statements

    @property
    def security(self) -> Security:
        """See `SourceSession.security`."""
        return self._catalog.security

    @property
    def identity(self) -> str:
        """The GUID of a pluggable database, else the DBID; a physical standby has that of its primary."""
        return self._catalog.identity

    def read_accounts(self) -> list[Account]:
        """Read users, roles, PUBLIC, and users that only the password file knows, ordered by username."""
        rows, containers = self._rows, self._containers
        file_rows = [] if isinstance(rows.password_file, Observation) else rows.password_file
        found = [
            to_public(containers),
            *(to_file_user(row, containers) for row in file_rows if containers.holds(row.con_id)),
            *(to_role(row, containers) for row in rows.roles if containers.holds(row.con_id)),
            *(self._to_user(row, containers, rows) for row in rows.users if containers.holds(row.con_id)),
        ]
        accounts = {account.username: account for account in found}
        return [accounts[username] for username in sorted(accounts)]

    def read_grants(self) -> Reading:
        """Read all grants; a part of the catalog that can't be read is not observed, in all containers.

        A pluggable database that was not open all the while is not observed either. When the deadline passes, what was
        read until then is kept, provided that it has roles and system privileges.
        """
        found: dict[str, Part] = {rules.PASSWORD_FILE: self._rows.password_file}
        for part in STATEMENTS:
            found[part] = self._read_part(part)
            if part in rules.NEEDED_PARTS and self._catalog.is_cut_short:
                self._catalog.check_deadline()
        settings = {part: self._catalog.read_part(part) for part in (rules.PROFILES, rules.PARAMETERS)}
        self._look_again()
        coverage = self._build_coverage(found)
        coverage |= {f"{SERVER}/{part}": why for part, why in settings.items() if isinstance(why, Observation)}
        coverage |= {f"{SERVER}/{rules.PROFILES}": why for why in self._find_narrowed(rules.PROFILES).values()}
        containers = self._containers
        grants = [
            grant
            for part, rows in found.items()
            if not isinstance(rows, Observation)
            for grant in to_grants(part, rows, containers)
        ]
        reading = Reading.of(grants, coverage, self._catalog.tally.digest)
        return Reading(reading.held, reading.coverage, reading.rows, self._build_attributes(settings))

    def may_hide(self, username: str) -> bool:
        """Return whether an account that the list lacks may exist where this reading could not look.

        That is a pluggable database that was not observed, or the password file when it failed for the moment. Where
        the login may not see it at all, no account was ever taken from it.
        """
        file = self._rows.password_file
        is_file_unseen = isinstance(file, Observation) and file.status is not Seen.DENIED
        return is_file_unseen or self._containers.may_hide(username)

    def _read_part(self, part: str) -> Part:
        if part == rules.SCHEMA_PRIVILEGES and VIEWS[STATEMENTS[part]] not in self._catalog.later:
            return []
        return self._catalog.read_part(STATEMENTS[part])

    def _to_user(self, row: UserRow, containers: Containers, rows: _AccountRows) -> Account:
        if isinstance(rows.read_only, Observation):
            return replace(to_user(row, containers, read_only=False), unseen=frozenset({"read_only"}))
        return to_user(row, containers, read_only=(row.con_id, row.username) in rows.read_only)

    def _build_coverage(self, found: Mapping[str, Part]) -> dict[str, Observation]:
        containers = self._containers
        coverage = {SERVER: OBSERVED, **{f"database:{name}": OBSERVED for name in containers.pdbs.values()}}
        if containers.is_root:
            coverage[DATABASES] = containers.listed
        for part, rows in found.items():
            if isinstance(rows, Observation):
                coverage |= dict.fromkeys(self._scopes_of(part), rows)
            else:
                coverage |= self._find_narrowed(part)
        return coverage | {f"database:{name}": why for name, why in containers.closed.items()}

    def _scopes_of(self, part: str) -> list[str]:
        containers = self._containers
        if containers.is_root:
            databases = ["", rules.ROOT, *containers.pdbs.values()]
        else:
            databases = [""] if part in rules.WIDE_PARTS else [containers.own]
        return [rules.to_coverage_scope(database, part) for database in databases]

    def _find_narrowed(self, part: str) -> dict[str, Observation]:
        """Return the containers whose rows of a part may be missing, as the login's CONTAINER_DATA hides them."""
        view = self._catalog.name_view(STATEMENTS.get(part, part))
        found = {name: self._container_data.find_hidden(view, name) for name in self._containers.pdbs.values()}
        return {rules.to_coverage_scope(name, part): why for name, why in found.items() if why}

    def _build_attributes(self, settings: Mapping[str, Part]) -> dict[str, Json] | None:
        """Return what the instance is set to; None where not all of it was seen, in each pluggable database."""
        profiles, parameters = settings[rules.PROFILES], settings[rules.PARAMETERS]
        containers = self._containers
        is_open = all(why.status is Seen.EXCLUDED for why in containers.closed.values())
        is_whole = is_open and containers.listed is OBSERVED and not self._find_narrowed(rules.PROFILES)
        if isinstance(profiles, Observation) or isinstance(parameters, Observation) or not is_whole:
            return None
        used = {(row.con_id, row.profile) for row in self._rows.users}
        return to_attributes(parameters, profiles, used, containers)

    @property
    def _containers(self) -> Containers:
        """The containers as far as they have been looked at."""
        if not self._catalog.is_root:
            return Containers(self._catalog.home.name)
        rows = self._rows
        if self._built is None:
            names = [(row.con_id, row[2]) for row in (*rows.users, *rows.roles)]
            data = self._container_data
            self._built = build_containers(self._looks, names, data, self._no_last_look, self._excluded)
        return self._built

    @cached_property
    def _container_data(self) -> ContainerData:
        """What the login sees from the root; without containers there is nothing to hide."""
        rows = self._catalog.read_part("container_data")
        if isinstance(rows, Observation):
            return ContainerData(self._catalog.home.username, unknown=rows)
        return build_container_data(self._catalog.home.username, map(ContainerDataRow._make, rows))

    def _look(self) -> None:
        """Ask the root which containers are open now."""
        if self._catalog.is_root:
            self._looks.append(list(map(ContainerRow._make, self._catalog.read_whole("containers"))))

    def _look_again(self) -> None:
        """Look a last time, after all has been read; without it no container is known to have been open till then."""
        self._built = None
        if self._catalog.is_root:
            rows = self._catalog.read_part("containers")
            if isinstance(rows, Observation):
                self._no_last_look = rows
            else:
                self._looks.append(list(map(ContainerRow._make, rows)))

    @cached_property
    def _rows(self) -> _AccountRows:
        read = self._catalog.read_whole
        if self._catalog.is_root:
            _ = self._container_data
        self._look()
        users = read("users")
        read_only = self._catalog.read_part("read_only_users") if VIEWS["users"] in self._catalog.later else []
        roles = read("roles")
        file = self._catalog.read_part("password_file")
        self._look()
        root_last = itemgetter(0)
        return _AccountRows(
            users=sorted(map(UserRow._make, users), key=root_last, reverse=True),
            roles=sorted(map(RoleRow._make, roles), key=root_last, reverse=True),
            password_file=file
            if isinstance(file, Observation)
            else sorted(map(PasswordFileRow._make, file), key=root_last, reverse=True),
            read_only=read_only
            if isinstance(read_only, Observation)
            else frozenset((con_id, username) for con_id, _, username in read_only),
        )


@contextmanager
def open_session(
    connect: Connect, instance: Instance, login: Login, limits: Limits, deadline: Deadline
) -> Generator[OracleSession]:
    """Connect and start to read. The login needs CREATE SESSION and the views of `catalog.sql`."""
    connection = connect(to_endpoint(instance, login, limits.default_options), limits, deadline)
    try:
        yield OracleSession(_begin(Catalog(connection, deadline)), instance.excluded)
    finally:
        connection.close()


def _begin(catalog: Catalog) -> Catalog:
    try:
        catalog.begin()
        _ = catalog.home
    except CatalogError as error:
        raise DatabaseConnectionError(f"the session can't start to read ({error.code})", transient=True) from None
    _ = catalog.identity
    return catalog
