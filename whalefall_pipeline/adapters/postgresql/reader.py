"""Reads the catalogs of a PostgreSQL cluster: once what its databases share, then each database that admits us.

One connection is open at a time: that to the instance's database, over which all that databases share is read with its
own grants as of one moment, and when that is closed those to the others, one after the other.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from hashlib import blake2b
from itertools import chain

import orjson

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, SourceSession, Visibility
from whalefall_pipeline.adapters.postgresql import rules
from whalefall_pipeline.adapters.postgresql.connection import SQL, DatabaseConnection, open_database
from whalefall_pipeline.adapters.postgresql.errors import DatabaseRefusedError, UnreadableError
from whalefall_pipeline.adapters.postgresql.fetched import Fetched
from whalefall_pipeline.adapters.postgresql.login import Endpoint
from whalefall_pipeline.adapters.postgresql.rows import (
    PUBLIC,
    PUBLIC_OID,
    Row,
    Settings,
    to_accounts,
    to_attributes,
    to_settings,
)
from whalefall_pipeline.adapters.postgresql.unseen import (
    ALIAS,
    CLOSED,
    NO_CONNECT,
    NO_IDENTITY,
    NOT_TEXT,
    OBSERVED,
    find_advice,
    to_note,
)
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.exclusions import to_observations
from whalefall_pipeline.core.model import (
    SERVER,
    Account,
    Instance,
    Login,
    Observation,
    Reading,
    Security,
    Seen,
)
from whalefall_pipeline.sql import load_sql

DEFAULT_DATABASE = "postgres"
OF_DATABASE = load_sql(__package__ or "", "catalog_database.sql")


@contextmanager
def open_session(
    instance: Instance, login: Login, limits: Limits, deadline: Deadline
) -> Generator["PostgresqlSession"]:
    """Connect to the instance's database, `postgres` where it names none. See `Adapter.open`."""
    session = PostgresqlSession(instance, login, limits, deadline)
    with session.connected():
        yield session


class PostgresqlSession(SourceSession):
    """One reading of one cluster. See `SourceSession`."""

    def __init__(self, instance: Instance, login: Login, limits: Limits, deadline: Deadline) -> None:
        self._database = instance.database or DEFAULT_DATABASE
        self._excluded = to_observations(instance.excluded)
        self._where = f"{instance.host}:{instance.port}, database {self._database}"
        self._endpoint = Endpoint.of(instance, login, limits)
        self._security = Security(encrypted=True, verified=True)
        self._limits = limits
        self._deadline = deadline
        self._names: dict[int, str] = {}
        self._settings: Settings = {}
        self._tally = Tally()
        self._connected = ExitStack()
        self._was_left = False
        self._lost: DatabaseConnectionError | None = None

    @contextmanager
    def connected(self) -> Generator[None]:
        """Hold the connection over which accounts and what all databases share are read, as of one moment."""
        with self._connected:
            try:
                self._link = self._connected.enter_context(self._open(self._database))
                self._link.identify()
                self._version = self._link.version
                self._version_text = self._link.version_text
            except (DatabaseConnectionError, UnreadableError) as failed:
                transient = isinstance(failed, DatabaseConnectionError) and failed.transient
                advice = find_advice(failed, transient=transient)
                raise DatabaseConnectionError(f"{self._where}: {failed}{advice}", transient=transient) from None
            yield

    @property
    def statements(self) -> int:
        """See `SourceSession.statements`."""
        return self._tally.statements

    @property
    def security(self) -> Security:
        """See `SourceSession.security`."""
        return self._security

    @property
    def version(self) -> str:
        """`PostgreSQL 15.18`, without the packager's words."""
        return f"PostgreSQL {self._version_text.partition(' ')[0]}"

    @property
    def identity(self) -> str:
        """The cluster's system identifier, which its replicas share; empty where this login may not ask for it."""
        return self._link.identity

    def read_accounts(self) -> list[Account]:
        """Read `pg_roles` and `pg_db_role_setting`, and PUBLIC. See `SourceSession.read_accounts`."""
        roles, settings = self._roles
        self._names = {PUBLIC_OID: PUBLIC, **{role[0]: role[1] for role in roles}}
        self._settings = to_settings(settings, self._link.identity, self._limits.digest_key)
        return to_accounts(roles, self._settings, self._link.escaped)

    def read_grants(self) -> Reading:
        """Read the cluster's grants, then each database's. See `SourceSession.read_grants`.

        When the deadline passes after the cluster's, the reading ends with what it has: the databases that are left
        are `timed_out`. One whose connection is lost while the server is there is `unreachable`.
        """
        if not self._names:
            self.read_accounts()
        if self._lost:
            raise self._lost
        fetched = self._fetched
        server_settings = fetched.server_settings
        attributes = None if server_settings is None else to_attributes(server_settings, self._settings)
        held = fetched.to_held(self._names)
        return Reading(held, fetched.coverage, self._tally.digest, attributes, self._source)

    def is_same(self, source: bytes) -> bool:
        """See `SourceSession.is_same`: all is fetched, which takes less than what is made of it, and kept for that."""
        self._roles  # noqa: B018 - fetched first, as for a reading
        try:
            return self._source == source
        except DatabaseConnectionError as lost:
            self._lost = lost  # of the grants alone: the accounts are there
            return False

    def check(self) -> list[Visibility]:
        """Read all grants, and return which scopes that gave something of. See `SourceSession.check`."""
        coverage = self.read_grants().coverage
        parts = [Visibility(scope, seen.status is Seen.OBSERVED, to_note(seen)) for scope, seen in coverage.items()]
        return parts if self.identity else [*parts, Visibility(rules.IDENTITY, readable=False, note=NO_IDENTITY)]

    @cached_property
    def _roles(self) -> tuple[list[Row], list[Row]]:
        """The rows of roles, and of their settings."""
        try:
            roles, settings = self._link.read_each([SQL["roles"], SQL["role_settings"]], shared=True)
        except UnreadableError as failed:
            if failed.observation.status is Seen.TIMED_OUT:
                raise DatabaseConnectionError(f"the list of roles: {failed}", transient=True) from None
            raise SyncDataError(f"the list of roles can't be read: {failed}") from None
        return roles, settings

    @property
    def _source(self) -> bytes:
        """A digest of all that was fetched and of what was not; keyed, since settings of roles may hold secrets."""
        coverage = sorted((scope, *seen) for scope, seen in self._fetched.coverage.items())
        key = blake2b(self._limits.digest_key).digest()
        return blake2b(self._tally.digest + orjson.dumps(coverage), key=key, digest_size=16).digest()

    @cached_property
    def _fetched(self) -> Fetched:
        fetched, databases = Fetched(), list[Row]()
        try:
            answers = self._link.read_each([SQL[name] for name in self._list_shared()], shared=True)
            fetched.server_settings = next(answers)
            databases = next(answers)
            memberships, *shared = answers
            fetched.memberships, fetched.shared = memberships, list(chain.from_iterable(shared))
            fetched.coverage[SERVER] = OBSERVED
        except UnreadableError as failed:
            fetched.coverage[SERVER] = failed.observation
        for row in sorted(databases, key=self._is_other):
            _, name, allows_connections, may_connect = row
            scope = f"{rules.DATABASE}:{name}"
            if scope in self._excluded:
                fetched.coverage[scope] = self._excluded[scope]
            elif not allows_connections or not may_connect:
                fetched.coverage[scope] = CLOSED if not allows_connections else NO_CONNECT
            elif name in self._link.escaped:
                fetched.coverage[scope] = NOT_TEXT
            else:
                fetched.coverage |= self._try_database(row, fetched)
        return fetched

    def _list_shared(self) -> list[str]:
        """Return the names of the statements that ask for what all databases share."""
        memberships = "memberships" if self._version >= 160000 else "memberships_before_16"
        parameters = ["parameter_grants"] if self._version >= 150000 else []
        return ["server_settings", "databases", memberships, "server_grants", *parameters]

    def _try_database(self, row: Row, fetched: Fetched) -> dict[str, Observation]:
        try:
            return self._read_database(row, fetched)
        except DatabaseConnectionError as lost:
            return {f"{rules.DATABASE}:{row[1]}": self._explain(lost)}

    def _explain(self, lost: DatabaseConnectionError) -> Observation:
        """Return why nothing more of one database was read; raise `lost` where the server itself is lost."""
        if self._deadline.has_passed:
            return Observation(Seen.TIMED_OUT, f"the deadline of {self._deadline.seconds:g} s passed before")
        if not self._server_answers():
            raise lost
        return Observation(Seen.UNREACHABLE, str(lost))

    def _server_answers(self) -> bool:
        """Whether the server is still there, now that a connection was lost.

        Where the first connection was, it is not: all that is shared would lack its moment. After that was closed, a
        new one to the same database says so, be it by a refusal.
        """
        if not self._was_left:
            return self._link.answers()
        try:
            with self._open(self._database):
                return True
        except DatabaseRefusedError as refused:
            return refused.seen is not Seen.TIMED_OUT
        except DatabaseConnectionError:
            return False

    def _read_database(self, row: Row, fetched: Fetched) -> dict[str, Observation]:
        """Add what one database holds, and return what was seen of it; of a part where a statement fails, nothing."""
        oid, name, *_ = row
        scope = f"{rules.DATABASE}:{name}"
        try:
            with ExitStack() as stack:
                if self._is_other(row) or not self._link.stands:
                    self._leave()
                opened = stack.enter_context(self._open(name)) if self._was_left else self._link
                if opened.database_oid != oid:
                    return {scope: ALIAS}
                rows, changed = opened.read_each([OF_DATABASE["database_grants"], OF_DATABASE["changed_grants"]])
                if self._is_another_server(opened):
                    return {scope: ALIAS}
                fetched.of_databases.append((name, rows))
                fetched.changed.append((name, changed))
                return {scope: OBSERVED, **self._read_definitions(opened, name, fetched)}
        except UnreadableError as failed:
            return {scope: failed.observation}
        except DatabaseRefusedError as refused:
            return {scope: Observation(refused.seen, str(refused))}

    def _read_definitions(self, opened: DatabaseConnection, name: str, fetched: Fetched) -> dict[str, Observation]:
        """Add what is no privilege; named apart only where it can't be read, since privileges do not depend on it.

        It is sent apart too: where it does not end, what was read before is there.
        """
        try:
            fetched.of_databases.append((name, opened.read(OF_DATABASE["definitions"])))
        except UnreadableError as failed:
            return {f"{rules.DATABASE}:{name}/{rules.DEFINITIONS}": failed.observation}
        except DatabaseConnectionError as lost:
            opened.close()
            return {f"{rules.DATABASE}:{name}/{rules.DEFINITIONS}": self._explain(lost)}
        return {}

    def _is_other(self, row: Row) -> bool:
        """Whether a row of a database is of another than the one whose connection all that is shared is read over."""
        return row[0] != self._link.database_oid

    def _is_another_server(self, opened: DatabaseConnection) -> bool:
        """Whether a database's connection leads to another cluster than the first did, as far as both may say."""
        known = {opened.identity, self._link.identity} - {""}
        return len(known) > 1

    def _leave(self) -> None:
        """Close the first connection: nothing more is read of its moment."""
        self._connected.close()
        self._was_left = True

    @contextmanager
    def _open(self, database: str) -> Generator[DatabaseConnection]:
        with open_database(self._endpoint, database, self._deadline, self._tally) as opened:
            known, found = self._security, opened.security
            self._security = Security(known.encrypted and found.encrypted, known.verified and found.verified)
            yield opened
