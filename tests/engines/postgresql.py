"""PostgreSQL 14 to 18 in the shared body of tests."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from subprocess import run

import psycopg
from hypothesis.strategies import SearchStrategy
from psycopg import sql

from tests.engines.engine import ACCOUNT, ScopeCase
from tests.engines.lending import Lender
from tests.engines.postgresql_cases import DATABASE, OBJECTS, ROLES, SERVER_OBJECTS, build_cases
from tests.engines.postgresql_statements import draw_statements
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.adapters.postgresql import PostgresqlAdapter
from whalefall_pipeline.core.model import AccountState, Instance, Login

COLLECTOR = Login("wf_collector", "not-a-secret-but-long-enough")
GIVEN_DATABASES = ["postgres", "template0", "template1"]


class PostgresqlEngine:
    """See `tests.engines.engine.Server`; `running` is the server itself, to be stopped and started again."""

    adapter: Adapter = PostgresqlAdapter()
    login = COLLECTOR
    probe_username = ACCOUNT
    awkward_names = (
        *('wf "quoted"', "wf o'clock", "wf.dotted", "wf@example.com", "wf\\back", "WF Capitals", "PUBLIC", "pgbouncer"),
        *("wf -- comment; drop role postgres", "wf\nline", "é" * 31 + "x"),
    )

    def __init__(self, version: int, running: PostgresqlServer) -> None:
        self.version = version
        self.running = running
        self.instance = Instance(1, f"pg{version}", "postgresql", running.host, running.port)
        self._admin = psycopg.connect(running.conninfo(), autocommit=True)

    @property
    def scope_cases(self) -> Sequence[ScopeCase]:
        return build_cases(self.version)

    def execute(self, *statements: str, database: str = "") -> None:
        """Run statements through psql, as a person would run a script."""
        script = "\n".join(statements) + "\n"
        options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", "--file=-"]
        command = [self.running.programs / "psql", self.running.conninfo(database or DATABASE), *options]
        done = run(command, input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def create_accounts(self, names: Iterable[str], *, role: bool = False) -> list[str]:
        made = list(names)
        how = sql.SQL("NOLOGIN" if role else "LOGIN")
        for start in range(0, len(made), 500):
            create = [
                sql.SQL("CREATE ROLE {} {};").format(sql.Identifier(name), how) for name in made[start : start + 500]
            ]
            self._admin.execute(sql.SQL("").join(create))
        return made

    def drop_accounts(self, names: Iterable[str]) -> None:
        listed = list(names)
        for database in self._databases():
            with psycopg.connect(self.running.conninfo(database), autocommit=True) as connection:
                _drop_roles(connection, listed, owned_only=True)
        _drop_roles(self._admin, listed)

    def make_superuser(self, name: str) -> None:
        self._admin.execute(sql.SQL("ALTER ROLE {} SUPERUSER").format(sql.Identifier(name)))

    def lock(self, name: str) -> None:
        self._admin.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(name)))

    def grant_role(self, role: str, member: str) -> None:
        self._admin.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(member)))

    def kill_collectors(self) -> None:
        # with a second to wait, the answer is that they have ended
        self._admin.execute(
            "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE usename = %s", [COLLECTOR.username]
        )

    def drawn_statements(self) -> SearchStrategy[list[str]]:
        return draw_statements(self.version)

    def reset(self) -> None:
        for database in self._databases():
            if database not in GIVEN_DATABASES:
                self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
        self._admin.execute("DROP TABLESPACE IF EXISTS wf_space")
        roles = self._admin.execute("SELECT rolname FROM pg_roles WHERE oid >= 16384").fetchall()
        _drop_roles(self._admin, [name for (name,) in roles])
        self._admin.execute("ALTER ROLE ALL RESET ALL")
        if self.version >= 15:
            self._admin.execute("REVOKE ALL ON PARAMETER log_statement, work_mem FROM PUBLIC")

    def prepare(self) -> None:
        self._admin.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(COLLECTOR.username), sql.Literal(COLLECTOR.password)
            )
        )
        self.create_accounts(ROLES, role=True)
        for statement in SERVER_OBJECTS:
            self._admin.execute(statement)
        self.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {COLLECTOR.username};")
        with psycopg.connect(self.running.conninfo(DATABASE), autocommit=True) as connection:
            connection.execute(OBJECTS)

    def exclude_given(self, states: Iterable[AccountState]) -> dict[str, AccountState]:
        """Keep the bootstrap superuser: what it owns and what PUBLIC lost there is re-created too."""
        given = {COLLECTOR.username, *ROLES}
        return {state.account.username: state for state in states if state.account.username not in given}

    def is_running(self) -> bool:
        try:
            self._admin.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def close(self) -> None:
        self._admin.close()

    def _databases(self) -> list[str]:
        rows = self._admin.execute("SELECT datname FROM pg_database WHERE datallowconn OR oid >= 16384").fetchall()
        return [name for (name,) in rows]


def _drop_roles(connection: psycopg.Connection, names: Sequence[str], *, owned_only: bool = False) -> None:
    """Drop what roles own and hold in the connection's database, then the roles; some at once, as all are locked."""
    for start in range(0, len(names), 500):
        batch = sql.SQL(", ").join(map(sql.Identifier, names[start : start + 500]))
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(batch))
        if not owned_only:
            connection.execute(sql.SQL("DROP ROLE {}").format(batch))


_lender = Lender[PostgresqlEngine]()


@contextmanager
def _start(version: int) -> Generator[PostgresqlEngine]:
    with start_postgresql(version) as running:
        engine = PostgresqlEngine(version, running)
        try:
            yield engine
        finally:
            engine.close()


def start(version: int) -> AbstractContextManager[PostgresqlEngine]:
    """Lend a server of a major version, as after its start."""
    return _lender.lend(f"postgresql-{version}", partial(_start, version))


start_14 = partial(start, 14)
start_15 = partial(start, 15)
start_16 = partial(start, 16)
start_17 = partial(start, 17)
start_18 = partial(start, 18)
