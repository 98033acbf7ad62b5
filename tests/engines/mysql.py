"""MariaDB and MySQL under the shared body of tests."""

import re
import secrets
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import cast

import pymysql
from hypothesis.strategies import SearchStrategy

from tests.engines.engine import ACCOUNT, ScopeCase
from tests.engines.lending import Lender
from tests.engines.mysql_cases import OBJECTS, draw_statements, to_scope_cases
from tests.servers import mysql as servers
from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.adapters.mysql import MysqlAdapter
from whalefall_pipeline.adapters.mysql.names import Flavour, quote, quote_account, to_username
from whalefall_pipeline.core.model import AccountState, Instance, Login
from whalefall_pipeline.demo.mysql_server import RunningServer

COLLECTOR = "wf_collector"
SENDING = {"allow_cleartext_password": "yes"}
"""MySQL asks for the password itself when it first sees a login, and the tests' servers have no known certificate."""
_HASH = re.compile(r" IDENTIFIED (BY|VIA) .*?(?= REQUIRE | WITH |$)")
_COLUMNS = re.compile(r"\(([^)]*)\)")
GIVEN = frozenset({"root@localhost", f"{COLLECTOR}@localhost"})
SYSTEM = ("mysql", "sys", "information_schema", "performance_schema")
SINCE: dict[Flavour, dict[str, tuple[int, int]]] = {"mysql": {"library": (9, 2)}, "mariadb": {"public": (10, 11)}}
DEFINER_RIGHTS: dict[Flavour, str] = {
    "mysql": "SHOW VIEW, TRIGGER, EVENT, SHOW_ROUTINE",
    "mariadb": "SHOW VIEW, TRIGGER",
}
"""What a collector needs on the whole server to see who views, routines, triggers and events run as."""
FLAVOUR_OPTIONS: dict[Flavour, Sequence[str]] = {"mysql": ("--partial-revokes=ON",), "mariadb": ()}


class MysqlServer:
    """See `Server`; accounts are made for any host (`name@%`)."""

    def __init__(self, running: RunningServer) -> None:
        self.adapter: Adapter = MysqlAdapter()
        self.flavour: Flavour = running.flavour
        self.login = Login(COLLECTOR, secrets.token_urlsafe(12))
        self.instance = Instance(1, "mysql-under-test", "mysql", running.host, running.port, options=SENDING)
        self._roles: set[str] = set()
        self._admin = pymysql.connect(
            host=running.host, port=running.port, user=running.user, password=running.password, autocommit=True
        )
        version = tuple(int(part) for part in re.findall(r"\d+", str(self.query("SELECT version()")[0][0]))[:2])
        self._lacks = {name for name, since in SINCE[self.flavour].items() if version < since}
        self.execute(
            f"CREATE USER {COLLECTOR}@localhost IDENTIFIED BY '{self.login.password}'",
            f"GRANT SELECT ON mysql.* TO {COLLECTOR}@localhost",
            f"GRANT {DEFINER_RIGHTS[self.flavour]} ON *.* TO {COLLECTOR}@localhost",
        )

    def lacks(self, feature: str) -> bool:
        """Whether this server is too old for one of `SINCE`."""
        return feature in self._lacks

    @property
    def probe_username(self) -> str:
        return f"{ACCOUNT}@%"

    @property
    def scope_cases(self) -> Sequence[ScopeCase]:
        return [case for case in to_scope_cases(self.flavour) if case.name not in self._lacks]

    @property
    def awkward_names(self) -> Sequence[str]:
        longest = 32 if self.flavour == "mysql" else 80
        return [
            "o'brien", 'say "hi"', "tick`ed", "back\\slash", "with space", "dot.ted", "at@home", "two@@ats",
            "Mixed_Case", "mysqlapp", "per%cent", "-- comment", "ж" * longest,
        ]  # fmt: skip

    def execute(self, *statements: str, database: str = "") -> None:
        with self._admin.cursor() as cursor:
            for statement in (*([f"USE {quote(database)}"] if database else []), *statements):
                if not statement.startswith("--"):
                    cursor.execute(statement)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Return a statement's rows, as administrator."""
        with self._admin.cursor() as cursor:
            cursor.execute(statement)
            return list(cast("Iterable[tuple[object, ...]]", cursor.fetchall()))

    def create_accounts(self, names: Iterable[str], *, role: bool = False) -> list[str]:
        wanted = list(names)
        if role:
            self._roles.update(wanted)
        for some in _in_parts(wanted, 500):
            self.execute(f"CREATE {'ROLE' if role else 'USER'} {', '.join(self._to_account(name) for name in some)}")
        return [self._username(name) for name in wanted]

    def drop_accounts(self, names: Iterable[str]) -> None:
        for name in names:
            self.execute(f"DROP {'ROLE' if name in self._roles else 'USER'} {self._to_account(name)}")
            self._roles.discard(name)

    def make_superuser(self, name: str) -> None:
        self.execute(f"GRANT ALL ON *.* TO {self._to_account(name)}")

    def lock(self, name: str) -> None:
        self.execute(f"ALTER USER {self._to_account(name)} ACCOUNT LOCK")

    def grant_role(self, role: str, member: str) -> None:
        self.execute(f"GRANT {self._to_account(role)} TO {self._to_account(member)}")

    def kill_collectors(self) -> None:
        for (connection,) in self.query(f"SELECT id FROM information_schema.processlist WHERE user = '{COLLECTOR}'"):
            self.execute(f"KILL {connection}")

    def drawn_statements(self) -> SearchStrategy[list[str]]:
        return draw_statements(self.flavour)

    def reset(self) -> None:
        if self.flavour == "mysql":
            self.execute("SET GLOBAL mandatory_roles = ''", "SET GLOBAL activate_all_roles_on_login = OFF")
        self._drop_all_accounts()
        for (name,) in cast("list[tuple[str]]", self.query("SHOW DATABASES")):
            if name not in SYSTEM:
                self.execute(f"DROP DATABASE {quote(name)}")
        self._roles.clear()

    def prepare(self) -> None:
        self.execute(*(made for made in OBJECTS[self.flavour] if not ("LIBRARY" in made and "library" in self._lacks)))

    def exclude_given(self, states: Iterable[AccountState]) -> dict[str, AccountState]:
        return {
            state.account.username: _without_password_age(state)
            for state in states
            if state.account.username not in GIVEN and not state.account.attributes.get("built_in")
        }

    def show_grants(self, account: AccountState) -> list[str]:
        """Return what the server says of an account's grants, without the password hashes that MariaDB prints."""
        rows = self.query(f"SHOW GRANTS FOR {quote_account(account.account.username, self.flavour)}")
        return sorted(_COLUMNS.sub(_sort_columns, _HASH.sub("", cast("str", text))) for (text,) in rows)

    def is_running(self) -> bool:
        try:
            self._admin.ping(reconnect=False)
        except pymysql.err.Error:
            return False
        return True

    def close(self) -> None:
        self._admin.close()

    def _drop_all_accounts(self) -> None:
        for kind, names in self._other_accounts().items():
            for some in _in_parts(sorted(names), 500):
                self.execute(f"DROP {kind} {', '.join(some)}")
        if self.flavour == "mariadb":
            tables = ("global_priv", "db", "tables_priv", "columns_priv", "procs_priv", "roles_mapping")
            self.execute(*(f"DELETE FROM mysql.{table} WHERE user = 'PUBLIC'" for table in tables))
        # MySQL 9.7 forgets a right on a library no sooner, though its holder is dropped.
        self.execute("FLUSH PRIVILEGES")

    def _other_accounts(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"USER": [], "ROLE": []}
        source = "json_value(priv, '$.is_role') = 1 FROM mysql.global_priv"
        rows = self.query(f"SELECT user, host, {source if self.flavour == 'mariadb' else 'false FROM mysql.user'}")
        for user, host, role in cast("list[tuple[str, str, int]]", rows):
            username = to_username(user, host, self.flavour)
            is_own = user.startswith(("mysql.", "mariadb.")) and host == "localhost"
            if username not in GIVEN and username != "PUBLIC" and not is_own:
                found["ROLE" if role else "USER"].append(quote_account(username, self.flavour))
        return found

    def _username(self, name: str) -> str:
        is_mariadb_role = self.flavour == "mariadb" and name in self._roles
        return to_username(name, "" if is_mariadb_role else "%", self.flavour)

    def _to_account(self, name: str) -> str:
        return quote_account(self._username(name), self.flavour)


def _without_password_age(state: AccountState) -> AccountState:
    """What is re-created later has a younger password."""
    kept = {name: value for name, value in state.account.attributes.items() if name != "password_last_changed"}
    return replace(state, account=replace(state.account, attributes=kept))


def _sort_columns(listed: re.Match[str]) -> str:
    return f"({', '.join(sorted(listed.group(1).split(', ')))})"


def _in_parts(names: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return [names[start : start + size] for start in range(0, len(names), size)]


_lender = Lender[MysqlServer]()


@contextmanager
def _start(engine: str) -> Generator[MysqlServer]:
    flavour = servers.SOURCES[engine].flavour
    with servers.start(engine, FLAVOUR_OPTIONS[flavour]) as running:
        server = MysqlServer(running)
        try:
            yield server
        finally:
            server.close()


def _lend(engine: str) -> AbstractContextManager[MysqlServer]:
    return _lender.lend(engine, partial(_start, engine))


start_mariadb = partial(_lend, "mariadb")
start_mariadb_newest = partial(_lend, "mariadb-newest")
start_mysql = partial(_lend, "mysql")
