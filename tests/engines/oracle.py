"""Oracle under the shared body of tests: a stand-in twice over, as one pluggable database and as a whole container one.

A real server takes the stand-in's place where `WHALEFALL_TEST_ORACLE_DSN` names a pluggable database and an
administrator's login (`user/password@host:port/service`); it is made to be used for nothing else.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import oracledb
from hypothesis.strategies import SearchStrategy

from tests.engines.engine import ACCOUNT, ScopeCase
from tests.engines.oracle_cases import OBJECTS, PDB, PREPARED, draw_statements, to_scope_cases
from tests.engines.oracle_real import RealServer
from tests.servers import oracle as servers
from tests.servers.oracle_standin.tokens import OracleError
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Adapter, Limits
from whalefall_pipeline.adapters.oracle import OracleAdapter, connection, errors
from whalefall_pipeline.adapters.oracle.catalog import Connect, Connection
from whalefall_pipeline.adapters.oracle.errors import CatalogError
from whalefall_pipeline.adapters.oracle.options import Endpoint
from whalefall_pipeline.adapters.oracle.rows import Row
from whalefall_pipeline.adapters.oracle.script.accounts import NOT_SET
from whalefall_pipeline.core.model import AccountState, Instance, Login, Security

STAND_IN_PORT = 0
"""A port that no server has: it stands for the stand-in."""


class StandInConnection:
    """A session of the stand-in in the driver's place; its failures go through the adapter's own error map."""

    def __init__(self, session: servers.Session, target: Endpoint, deadline: Deadline) -> None:
        self._session = session
        self._target = target
        self._deadline = deadline

    @property
    def version(self) -> str:
        return self._session.server.version

    @property
    def security(self) -> Security:
        return self._target.security

    def fetch(self, statement: str) -> list[Row]:
        self._deadline.check()
        try:
            return self._session.fetch(statement)
        except OracleError as refusal:
            error = _to_driver_error(refusal)
            if errors.is_lost(error):
                raise errors.to_lost_error(self._target, error) from None
            raise CatalogError(errors.to_code(error)) from None

    def close(self) -> None:
        self._session.close()


def to_connect(server: servers.StandIn) -> Connect:
    """Return the function that connects to a stand-in instead of a server; at any port but its own the driver does."""

    def connect(target: Endpoint, limits: Limits, deadline: Deadline) -> Connection:
        if target.port != STAND_IN_PORT:
            return connection.connect(target, limits, deadline)
        deadline.check()
        try:
            session = server.log_in(target.username, target.password, target.service_name)
        except OracleError as refusal:
            raise errors.to_connection_error(target, limits.connect_seconds, _to_driver_error(refusal)) from None
        return StandInConnection(session, target, deadline)

    return connect


def _to_driver_error(refusal: OracleError) -> oracledb.DatabaseError:
    code = str(refusal).partition(":")[0]
    return oracledb.DatabaseError(SimpleNamespace(full_code={"ORA-12514": "DPY-6001"}.get(code, code)))


class OracleServer:
    """See `Server`; `run` runs an administrator's statements in a container, `forget` takes all back."""

    def __init__(
        self,
        adapter: OracleAdapter,
        instance: Instance,
        login: Login,
        *,
        run: Callable[[Sequence[str], str], None],
        forget: Callable[[], None],
        kill: Callable[[], None],
        version: str,
    ) -> None:
        self.adapter: Adapter = adapter
        self.instance = instance
        self.login = login
        self._run = run
        self._forget = forget
        self._kill = kill
        self._has_schemas = int(version.partition(".")[0]) >= 23
        self._is_root = instance.database == "FREE"
        self._roles: set[str] = set()

    @property
    def probe_username(self) -> str:
        return self._to_username(ACCOUNT)

    @property
    def scope_cases(self) -> Sequence[ScopeCase]:
        return to_scope_cases(self.probe_username, is_root=self._is_root, has_schemas=self._has_schemas)

    @property
    def awkward_names(self) -> Sequence[str]:
        return [
            "lower",
            "Mixed Case",
            "o'brien",
            "dot.ted",
            "at@home",
            "per%cent",
            "-- comment",
            "back\\slash",
            "ж" * 64,
        ]

    def execute(self, *statements: str, database: str = "") -> None:
        self._run(statements, database or PDB)

    def create_accounts(self, names: Iterable[str], *, role: bool = False) -> list[str]:
        wanted = list(names)
        if role:
            self._roles.update(wanted)
        # users with a password are re-created without it, and then look different
        made = 'CREATE ROLE "{}"' if role else 'CREATE USER "{}" IDENTIFIED EXTERNALLY'
        self.execute(*(made.format(name) for name in wanted))
        return [self._to_username(name) for name in wanted]

    def drop_accounts(self, names: Iterable[str]) -> None:
        self.execute(*(f'DROP {"ROLE" if name in self._roles else "USER"} "{name}"' for name in names))

    def make_superuser(self, name: str) -> None:
        self.execute(f'GRANT DBA TO "{name}"')

    def lock(self, name: str) -> None:
        self.execute(f'ALTER USER "{name}" ACCOUNT LOCK')

    def grant_role(self, role: str, member: str) -> None:
        self.execute(f'GRANT "{role}" TO "{member}"')

    def kill_collectors(self) -> None:
        self._kill()

    def drawn_statements(self) -> SearchStrategy[list[str]]:
        return draw_statements()

    def reset(self) -> None:
        self._forget()
        self._roles.clear()

    def prepare(self) -> None:
        self.execute(*OBJECTS)

    def exclude_given(self, states: Iterable[AccountState]) -> dict[str, AccountState]:
        given = {self.login.username, *map(self._to_username, PREPARED)}
        return {
            state.account.username: _without_moments(state)
            for state in states
            if not state.account.attributes.get("oracle_maintained") and state.account.username not in given
        }

    def _to_username(self, name: str) -> str:
        return f"{PDB}.{name}" if self._is_root else name


def _without_moments(state: AccountState) -> AccountState:
    """Leave out what is told of the moment or of the password, neither of which a script can bring back."""
    attributes = {name: value for name, value in state.account.attributes.items() if name not in NOT_SET}
    return replace(state, account=replace(state.account, attributes=attributes))


def _stand_in_for(version: str, service: str) -> OracleServer:
    server = servers.StandIn(version)

    def kill() -> None:
        for session in server.sessions:
            session.is_killed = True

    return OracleServer(
        OracleAdapter(connect=to_connect(server)),
        Instance(1, "oracle-under-test", "oracle", "127.0.0.1", STAND_IN_PORT, service),
        Login(servers.COLLECTOR, servers.PASSWORD),
        run=lambda statements, container: server.execute(*statements, container=container),
        forget=server.start_anew,
        kill=kill,
        version=version,
    )


@contextmanager
def start_pluggable() -> Generator[OracleServer]:
    """SALESPDB of a 19c, or the real server."""
    dsn = servers.find_real_dsn()
    if dsn is None:
        yield _stand_in_for(servers.VERSION_19, PDB)
        return
    with RealServer(dsn) as real:
        adapter = OracleAdapter()
        yield OracleServer(
            adapter, real.instance, real.login, run=real.run, forget=real.forget, kill=real.kill, version=real.version
        )


@contextmanager
def start_root() -> Generator[OracleServer]:
    """The root of a 23ai, with all its open containers."""
    yield _stand_in_for(servers.VERSION_23, "FREE")
