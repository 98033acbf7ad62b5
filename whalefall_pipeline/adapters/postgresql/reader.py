"""Reads the catalogs of a PostgreSQL cluster: once what its databases share, then each database that admits us."""

from collections import defaultdict
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits, SourceSession, Visibility
from whalefall_pipeline.adapters.postgresql import rules
from whalefall_pipeline.adapters.postgresql.connection import Link, Row, open_link, to_parameters
from whalefall_pipeline.adapters.postgresql.errors import DatabaseRefusedError, UnreadableError
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC, PUBLIC_OID, add_held, to_accounts, to_held_by_grantee
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.model import (
    SERVER,
    Account,
    Held,
    Instance,
    Login,
    Observation,
    Reading,
    Seen,
)
from whalefall_pipeline.sql import load_sql

DEFAULT_DATABASE = "postgres"
REFUSED = "check the login, its database, pg_hba.conf and sslmode"
OBSERVED = Observation(Seen.OBSERVED)
CLOSED = Observation(Seen.DENIED, "the database allows no connections (datallowconn is false)")
NO_CONNECT = Observation(Seen.DENIED, "the collector's login has no CONNECT on the database")
HINTS = {CLOSED: "ALTER DATABASE … ALLOW_CONNECTIONS true", NO_CONNECT: "GRANT CONNECT ON DATABASE … TO the login"}

SQL = load_sql(__package__ or "", "catalog.sql")


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
        self._where = f"{instance.host}:{instance.port}, database {self._database}"
        self._parameters = to_parameters(instance, login, limits)
        self._limits = limits
        self._deadline = deadline
        self._names: dict[int, str] = {}
        self._tally = Tally()

    @contextmanager
    def connected(self) -> Generator[None]:
        """Hold the connection over which accounts and what all databases share are read, as of one moment."""
        with ExitStack() as stack:
            try:
                self._link = stack.enter_context(self._open(self._database))
            except (DatabaseConnectionError, UnreadableError) as failed:
                transient = isinstance(failed, DatabaseConnectionError) and failed.transient
                advice = "is the server up, and reachable from here?" if transient else REFUSED
                raise DatabaseConnectionError(f"{self._where}: {failed}; {advice}", transient=transient) from None
            yield

    @property
    def statements(self) -> int:
        """See `SourceSession.statements`."""
        return self._tally.statements

    @property
    def version(self) -> str:
        """`PostgreSQL 15.18`, without the packager's words."""
        return f"PostgreSQL {self._link.version_text.partition(' ')[0]}"

    def read_accounts(self) -> list[Account]:
        """Read `pg_roles` and `pg_db_role_setting`, and PUBLIC. See `SourceSession.read_accounts`."""
        try:
            roles = self._link.read(SQL["roles"])
            settings = self._link.read(SQL["role_settings"])
        except UnreadableError as failed:
            if failed.observation.status is Seen.TIMED_OUT:
                raise DatabaseConnectionError(f"the list of roles: {failed}", transient=True) from None
            raise SyncDataError(f"the list of roles can't be read: {failed}") from None
        self._names = {PUBLIC_OID: PUBLIC, **{role[0]: role[1] for role in roles}}
        return to_accounts(roles, settings)

    def read_grants(self) -> Reading:
        """Read the cluster's grants, then each database's. See `SourceSession.read_grants`."""
        if not self._names:
            self.read_accounts()
        coverage: dict[str, Observation] = {}
        held: defaultdict[int, list[Held]] = defaultdict(list)
        databases: list[Row] = []
        try:
            databases = self._link.read(SQL["databases"])
            add_held(held, self._read_server())
            coverage[SERVER] = OBSERVED
        except UnreadableError as failed:
            coverage[SERVER] = failed.observation
        for name, allows_connections, may_connect in databases:
            observation = CLOSED if not allows_connections else NO_CONNECT
            if allows_connections and may_connect:
                observation = self._read_database(name, held)
            coverage[f"{rules.DATABASE}:{name}"] = observation
        return Reading(to_held_by_grantee(held, self._names), coverage, self._tally.digest)

    def may_hide(self, username: str) -> bool:
        """Give False: roles are listed by the cluster, all or none."""
        del username
        return False

    def check(self) -> list[Visibility]:
        """Read all grants, and say of which scopes that gave something. See `SourceSession.check`."""
        return [
            Visibility(scope, seen.status is Seen.OBSERVED, _to_note(seen))
            for scope, seen in self.read_grants().coverage.items()
        ]

    def _read_server(self) -> list[Row]:
        version = self._link.version
        rows = self._link.read(SQL["memberships" if version >= 160000 else "memberships_before_16"])
        rows += self._link.read(SQL["server_grants"])
        if version >= 150000:
            rows += self._link.read(SQL["parameter_grants"])
        return rows

    def _read_database(self, name: str, held: defaultdict[int, list[Held]]) -> Observation:
        """Add what one database holds; nothing of it where a statement fails."""
        try:
            with ExitStack() as stack:
                own = name == self._database and self._link.stands
                link = self._link if own else stack.enter_context(self._open(name))
                rows = link.read(SQL["database_grants"]) + link.read(SQL["changed_grants"])
        except UnreadableError as failed:
            return failed.observation
        except DatabaseRefusedError as refused:
            return Observation(refused.seen, str(refused))
        add_held(held, rows)
        return OBSERVED

    def _open(self, database: str) -> AbstractContextManager[Link]:
        parameters = {**self._parameters, "dbname": database}
        return open_link(parameters, SQL["begin"], self._limits, self._deadline, self._tally)


def _to_note(seen: Observation) -> str:
    hint = HINTS.get(seen)
    return f"{seen.reason}; {hint}" if hint else seen.reason
