"""A MariaDB or MySQL server full of accounts, written straight into its grant tables: statements would take minutes."""

import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager

import pymysql
import pymysql.cursors

from tests.bench.contents import DATABASES, Held, list_roles
from tests.servers.mysql import start
from tests.servers.mysql_programs import start_with_plugins
from whalefall_pipeline.core.model import Instance, Login
from whalefall_pipeline.demo.mysql_server import RunningServer

HOST = "%"
VERSION_ID = 101100
MARIADB = {
    "account": "insert into mysql.global_priv (user, host, priv) values (%s, %s, %s)",
    "membership": "insert into mysql.roles_mapping (user, host, role, admin_option) values (%s, %s, %s, 'N')",
}
MYSQL = {
    "account": (
        "insert into mysql.user (user, host, account_locked, password_expired, plugin, ssl_cipher, x509_issuer,"
        " x509_subject) values (%s, %s, %s, %s, 'caching_sha2_password', '', '', '')"
    ),
    "membership": "insert into mysql.role_edges (to_user, to_host, from_user, from_host) values (%s, %s, %s, '%%')",
}
DATABASE = "insert into mysql.db (user, host, db, select_priv) values (%s, %s, %s, 'Y')"
TABLE = (
    "insert into mysql.tables_priv (user, host, db, table_name, grantor, table_priv) values (%s, %s, %s, %s, '', %s)"
)
LOOKS = (
    "select 'connections', count(*) from information_schema.processlist"
    " where command <> 'Daemon' and id <> connection_id()",
    "select 'locked row', coalesce(sum(trx_rows_locked), 0) from information_schema.innodb_trx"
    " where trx_mysql_thread_id <> connection_id()",
)
METADATA_LOCKS = {
    "mysql": "select concat(lock_type, ' on a table'), count(*) from performance_schema.metadata_locks"
    " join performance_schema.threads on thread_id = owner_thread_id"
    " where object_type = 'TABLE' and processlist_id <> connection_id() group by 1",
    "mariadb": "select concat(lock_mode, ' on a table'), count(*) from information_schema.metadata_lock_info"
    " where lock_type = 'Table metadata lock' and thread_id <> connection_id() group by 1",
}
"""What a watched server shows, see `start_watched`."""


class MysqlSource:
    """See `tests.bench.sources.Source`."""

    def __init__(self, running: RunningServer) -> None:
        options = {"tls": "disabled", "allow_cleartext_password": "yes"}
        self.instance = Instance(1, f"bench-{running.flavour}", "mysql", running.host, running.port, options=options)
        self.login = Login(running.user, running.password)
        self._running = running

    @property
    def pid(self) -> int:
        return self._running.process.pid

    @contextmanager
    def looking(self) -> Generator[Callable[[], Mapping[str, int]]]:
        looks = (*LOOKS, METADATA_LOCKS[self._running.flavour])
        with self._connect() as admin, admin.cursor() as cursor:

            def look() -> dict[str, int]:
                found: dict[str, int] = {}
                for statement in looks:
                    cursor.execute(statement)
                    found |= {str(name): int(count) for name, count in cursor.fetchall()}
                return found

            yield look

    def fill(self, contents: Sequence[Held]) -> None:
        self._insert(self._statements["account"], [self._account(role, is_role=True) for role in list_roles()])
        self._insert(self._statements["account"], [self._account(held.username) for held in contents])
        self._insert(
            self._statements["membership"], [(held.username, HOST, role) for held in contents for role in held.roles]
        )
        self._insert(DATABASE, [(held.username, HOST, name) for held in contents for name in DATABASES])
        self._insert(TABLE, [_to_table_row(held.username, name) for held in contents for name in held.tables])

    def change(self, usernames: Sequence[str]) -> None:
        self._insert(TABLE, [_to_table_row(username, "extra") for username in usernames])

    @property
    def _statements(self) -> dict[str, str]:
        return MARIADB if self._running.flavour == "mariadb" else MYSQL

    def _account(self, username: str, *, is_role: bool = False) -> tuple[str, ...]:
        if self._running.flavour == "mysql":
            return (username, HOST, "Y" if is_role else "N", "Y" if is_role else "N")
        privileges = {"access": 0, "version_id": VERSION_ID, "plugin": "mysql_native_password"}
        if is_role:
            return (username, "", json.dumps({"access": 0, "version_id": VERSION_ID, "is_role": True}))
        return (username, HOST, json.dumps({**privileges, "authentication_string": ""}))

    def _connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        running = self._running
        return pymysql.connect(host=running.host, port=running.port, user=running.user, password=running.password)

    def _insert(self, statement: str, rows: Iterable[tuple[str, ...]]) -> None:
        with self._connect() as admin, admin.cursor() as cursor:
            cursor.executemany(statement, list(rows))
            admin.commit()


def _to_table_row(username: str, table: str) -> tuple[str, ...]:
    return (username, HOST, DATABASES[0], table, "Select")


@contextmanager
def start_source(engine: str) -> Generator[MysqlSource]:
    """Start one of the engines of `tests.servers.mysql`."""
    with start(engine) as running:
        yield MysqlSource(running)


@contextmanager
def start_watched(engine: str) -> Generator[MysqlSource]:
    """Start one that shows its metadata locks, as few do: MySQL in `performance_schema`, MariaDB by a plugin."""
    with (
        start_with_plugins(engine, plugins=["metadata_lock_info"])
        if engine == "mariadb"
        else start(engine, ["--performance-schema=ON"])
    ) as running:
        yield MysqlSource(running)
