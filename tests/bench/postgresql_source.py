"""A PostgreSQL server full of accounts."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.bench.contents import DATABASES, Held, in_parts, list_roles, list_tables
from tests.servers.postgresql import PostgresqlServer, start_postgresql
from whalefall_pipeline.core.model import Instance, Login

VERSION = 15
AT_ONCE = 500
LOOK = """
with ours as (select pid from pg_stat_activity where application_name = 'whalefall')
select 'connections', count(*) from ours
union all
select mode || case when granted then '' else ', waited for' end, count(*) from pg_locks
where pid in (select pid from ours) and locktype <> 'virtualxid' group by 1
"""
"""Without the lock that every transaction has on itself."""


class PostgresqlSource:
    """See `tests.bench.sources.Source`."""

    def __init__(self, running: PostgresqlServer) -> None:
        self.instance = Instance(1, "bench-postgresql", "postgresql", running.host, running.port)
        self.login = Login(running.superuser, running.password)
        self._running = running

    @property
    def pid(self) -> int:
        assert self._running.process
        return self._running.process.pid

    @contextmanager
    def looking(self) -> Generator[Callable[[], Mapping[str, int]]]:
        with psycopg.connect(self._running.conninfo(), autocommit=True) as admin:
            yield lambda: dict(admin.execute(LOOK).fetchall())

    def fill(self, contents: Sequence[Held]) -> None:
        with psycopg.connect(self._running.conninfo(), autocommit=True) as admin:
            for name in DATABASES:
                admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            _create_accounts(admin, contents)
            for name in DATABASES:
                _grant(admin, sql.SQL("connect on database"), name, [held.username for held in contents])
        with psycopg.connect(self._running.conninfo(DATABASES[0]), autocommit=True) as admin:
            for name in list_tables():
                admin.execute(sql.SQL("create table {} (id int)").format(sql.Identifier(name)))
                _grant(admin, sql.SQL("select on"), name, [held.username for held in contents if name in held.tables])
            admin.execute("create table extra (id int)")
            admin.execute("vacuum analyze")

    def change(self, usernames: Sequence[str]) -> None:
        with psycopg.connect(self._running.conninfo(DATABASES[0]), autocommit=True) as admin:
            _grant(admin, sql.SQL("select on"), "extra", usernames)


def _create_accounts(admin: "psycopg.Connection[tuple[object, ...]]", contents: Sequence[Held]) -> None:
    for name in list_roles():
        admin.execute(sql.SQL("create role {}").format(sql.Identifier(name)))
    for part in in_parts(contents, AT_ONCE):
        create = [sql.SQL("create role {} login;").format(sql.Identifier(held.username)) for held in part]
        admin.execute(sql.SQL("").join(create))
    for role in list_roles():
        _grant(admin, sql.SQL(""), role, [held.username for held in contents if role in held.roles])


def _grant(
    admin: "psycopg.Connection[tuple[object, ...]]", privilege: sql.Composable, name: str, usernames: Iterable[str]
) -> None:
    for part in in_parts(list(usernames), AT_ONCE):
        grantees = sql.SQL(", ").join(map(sql.Identifier, part))
        admin.execute(sql.SQL("grant {} {} to {}").format(privilege, sql.Identifier(name), grantees))


@contextmanager
def start_source() -> Generator[PostgresqlSource]:
    with start_postgresql(VERSION) as running:
        yield PostgresqlSource(running)
