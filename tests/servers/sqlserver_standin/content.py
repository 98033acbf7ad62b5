"""The mirrored catalog on DuckDB: what a fresh server holds, and how databases and objects are added.

Sources, Microsoft Learn: "Principals (Database Engine)" and "Server-Level Roles" for what every server has;
"System databases"; `sys.endpoints`; each view's own page for ids and types. `sys.databases` leaves out an offline
database for whoever lacks ALTER ANY DATABASE; `sys.master_files` has its files all the same for VIEW ANY DEFINITION.
"""

import hashlib
import re
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from tests.servers.sqlserver_standin.views import CLASSES, DATABASE_VIEWS, SERVER_VIEWS

SA_SID = b"\x01"
FIXED_SERVER_ROLES = (
    "sysadmin", "securityadmin", "serveradmin", "setupadmin", "processadmin", "diskadmin", "dbcreator", "bulkadmin",
)  # fmt: skip
FIXED_DATABASE_ROLES = (
    "db_owner", "db_accessadmin", "db_securityadmin", "db_ddladmin", "db_backupoperator",
    "db_datareader", "db_datawriter", "db_denydatareader", "db_denydatawriter",
)  # fmt: skip
SYSTEM_DATABASES = ("master", "tempdb", "model", "msdb")
FIRST_OBJECT_ID = 901578250

PROPERTIES = (
    ("ProductVersion", "17.0.1000.7"), ("Edition", "Stand-in"), ("EngineEdition", "3"), ("ServerName", "STANDIN"),
    ("InstanceName", None), ("IsIntegratedSecurityOnly", "0"), ("local_net_address", "127.0.0.1"),
)  # fmt: skip
"""What SERVERPROPERTY and CONNECTIONPROPERTY say."""
CONFIGURATIONS = (
    ("Ad Hoc Distributed Queries", 0), ("clr enabled", 0), ("contained database authentication", 1),
    ("cross db ownership chaining", 0), ("default trace enabled", 1), ("remote admin connections", 0),
    ("xp_cmdshell", 0), ("max degree of parallelism", 0),
)  # fmt: skip

_FUNCTIONS = """
create macro master.sys.serverproperty(p) as (select any_value(s.value) from master.sys.properties s where s.name = p);
create macro master.sys.connectionproperty(p) as master.sys.serverproperty(p);
create macro master.sys.quotename(n) as '[' || replace(n, ']', ']]') || ']';
create macro master.sys.unquoted(n) as replace(n[2:len(n)-1], ']]', ']');
create macro master.sys.held(n) as (select max(r.held) from master.sys.collector_rights r where r.name = n);
create macro master.sys.has_dbaccess(n) as master.sys.held('CONNECT ' || n);
create macro master.sys.databasepropertyex(n, p) as
    (select any_value(_d.updateability) from master.sys.all_databases _d where _d.name = n);
create macro master.sys.db_name(i) as (select any_value(_d.name) from master.sys.all_databases _d
    where _d.database_id = i and coalesce(master.sys.held('NAME OF ' || _d.name), 1) = 1);
create macro master.sys.has_perms_by_name(securable, class, permission) as
    case when securable is null then master.sys.held(permission)
    when master.sys.held('CONNECT ' || master.sys.unquoted(securable)) = 1 then
        coalesce(master.sys.held(permission || ' ' || master.sys.unquoted(securable)),
        case when permission = 'VIEW DEFINITION' then master.sys.held('VIEW ANY DEFINITION') end) end;
create macro master.sys.loginproperty(n, p) as (select any_value(case p when 'IsLocked' then l.is_locked
    when 'IsExpired' then l.is_expired when 'IsMustChange' then l.is_must_change end)
    from master.sys.login_properties l where l.name = n);
create view master.sys.databases as select * from master.sys.all_databases
    where state_desc <> 'OFFLINE' or master.sys.held('ALTER ANY DATABASE') = 1;
create view master.sys.master_files as select database_id from master.sys.all_databases
    union all select database_id from master.sys.all_databases;
"""

_WRITE = re.compile(r'(?:insert into|delete from|update)\s+(?:("(?:[^"]|"")+"|\w+)\.sys\.)?(\w+)', re.IGNORECASE)
"""Which view of which database a statement writes to: of `master` where none is named."""


def quote(name: str) -> str:
    """Quote an identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def make_sid(name: str) -> bytes:
    """Make a SID that the same name always has, as a directory would give it."""
    return b"\x01\x05" + hashlib.sha256(name.encode()).digest()[:26]


class CatalogTables:
    """The mirrored views, in one embedded database; every use of it takes the lock."""

    def __init__(self) -> None:
        import duckdb

        self.lock = threading.RLock()
        self._duckdb = duckdb.connect(config={"threads": 1})
        self._numbers = 0
        self._written: set[tuple[str, str]] = set()
        for name in SYSTEM_DATABASES:
            self._attach(name)
        for view, columns in SERVER_VIEWS.items():
            self.run(f"create table master.sys.{view} ({columns})")
        self._duckdb.execute("use master.sys")
        self._duckdb.execute(_FUNCTIONS)
        self._fill_server()
        for name in SYSTEM_DATABASES:
            self._fill_database(name, SA_SID)
        tables = [("master", view) for view in SERVER_VIEWS]
        tables += [(name, view) for name in SYSTEM_DATABASES for view in DATABASE_VIEWS]
        self._fresh = {(name, view): self.run(f"select * from {quote(name)}.sys.{view}") for name, view in tables}
        self.fill()

    def fill(self) -> None:
        """Make the content that of a fresh server: only what was written since has to go."""
        self._numbers = FIRST_OBJECT_ID
        for name in self.databases():
            if name not in SYSTEM_DATABASES:
                self.run(f"detach {quote(name)}")
        for name, view in sorted(self._written & self._fresh.keys()):
            self.run(f"delete from {quote(name)}.sys.{view}")
            self.insert(view, self._fresh[name, view], name)
        self._written.clear()

    def _fill_server(self) -> None:
        fixed = [(name, number, b"R", "R", "SERVER_ROLE", False, None, None, 1, name != "public")
                 for number, name in enumerate(("public", *FIXED_SERVER_ROLES), 2)]  # fmt: skip
        self.insert("server_principals", [
            ("sa", 1, SA_SID, "S", "SQL_LOGIN", True, "master", "us_english", None, False), *fixed,
            ("##MS_SmoExtendedSigningCertificate##", 105, b"\x06\x05", "C", "CERTIFICATE_MAPPED_LOGIN", False, "master",
             None, None, False),
        ])  # fmt: skip
        self.insert("sql_logins", [(1, True, False)])
        self.insert("login_properties", [("sa", 0, 0, 0)])
        self.insert("properties", PROPERTIES)
        self.insert("configurations", CONFIGURATIONS)
        self.insert("system_objects", [("external_languages",), ("external_models",), ("objects",)])
        self.insert("login_token", [(2, b"\x02")])
        self.insert("dm_exec_connections", [(51, None, "FALSE")])
        self.insert("server_role_members", [(3, 1)])
        ends = ("Dedicated Admin Connection", "TSQL Local Machine", "TSQL Named Pipes", "TSQL Default TCP")
        self.insert("endpoints", [(name, number, 1) for number, name in enumerate(ends, 1)])
        self.insert("server_permissions", [
            (100, "SERVER", 0, 0, 1, "CONNECT SQL", "G"), (100, "SERVER", 0, 0, 2, "VIEW ANY DATABASE", "G"),
            (105, "ENDPOINT", 4, 0, 2, "CONNECT", "G"),
        ])  # fmt: skip
        self.allow("VIEW ANY DEFINITION", "VIEW ANY DATABASE")

    def _attach(self, name: str) -> None:
        self.run(f"attach ':memory:' as {quote(name)}")
        self.run(f"create schema {quote(name)}.sys")
        for view, columns in DATABASE_VIEWS.items():
            self.run(f"create table {quote(name)}.sys.{view} ({columns})")
        self.run(
            f"create view {quote(name)}.sys.objects as select * from {quote(name)}.sys.all_objects where object_id > 0"
        )

    def add_module(self, database: str, name: str, execute_as: int | None, type_: str = "P") -> None:
        """Add a module to schema dbo that runs as this principal: None for its caller, -2 for its owner."""
        number = self.add_object(database, name, type_)
        view = {"SQ": "service_queues", "PC": "assembly_modules"}.get(type_, "sql_modules")
        self.insert(view, [(number, execute_as)], database)

    def _fill_database(self, name: str, owner_sid: bytes) -> None:
        trusted = name == "msdb"
        self.insert("all_databases", [
            (name, self._next_database(), "ONLINE", "MULTI_USER", owner_sid, None, "READ_WRITE", trusted, trusted,
             "NONE"),
        ])  # fmt: skip
        self.allow(f"CONNECT {name}")
        role = [(fixed, 16384 + number, "R", "DATABASE_ROLE", None, 1, make_sid(fixed), True, "NONE")
                for number, fixed in enumerate(FIXED_DATABASE_ROLES)]  # fmt: skip
        self.insert("database_principals", [
            ("public", 0, "R", "DATABASE_ROLE", None, 1, b"\x01\x05\x09", False, "NONE"),
            ("dbo", 1, "S", "SQL_USER", "dbo", None, owner_sid, False, "INSTANCE"),
            ("guest", 2, "S", "SQL_USER", "guest", None, b"\x00", False, "NONE"),
            ("INFORMATION_SCHEMA", 3, "S", "SQL_USER", None, None, None, False, "NONE"),
            ("sys", 4, "S", "SQL_USER", None, None, None, False, "NONE"), *role,
        ], name)  # fmt: skip
        schemas = [("dbo", 1, 1), ("guest", 2, 2), ("INFORMATION_SCHEMA", 3, 3), ("sys", 4, 4)]
        self.insert("schemas", [*schemas, *((fixed[0], fixed[1], fixed[1]) for fixed in role)], name)
        self.insert("all_objects", [("objects", -385, 4, None, "V "), ("types", -391, 4, None, "V ")], name)
        self.insert("database_permissions", [
            (0, "DATABASE", 0, 0, 1, "CONNECT", "G"), (1, "OBJECT_OR_COLUMN", -385, 0, 0, "SELECT", "G"),
            *([(0, "DATABASE", 0, 0, 2, "CONNECT", "G")] if name != "model" else []),
        ], name)  # fmt: skip

    def close(self) -> None:
        """Free the memory."""
        with self.lock:
            self._duckdb.close()

    def run(self, sql: str, values: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Run DuckDB's own SQL."""
        if found := _WRITE.match(sql):
            database = (found[1] or "master").strip('"').replace('""', '"')
            self._written.add((database, found[2]))
        with self.lock:
            return self._duckdb.execute(sql, values).fetchall()

    def select(self, sql: str) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
        """Run a query; the columns with their types, and the rows."""
        with self.lock:
            result = self._duckdb.execute(sql)
            columns = [(str(column[0]), str(column[1])) for column in result.description or ()]
            return columns, result.fetchall()

    def insert(self, view: str, rows: Sequence[Sequence[object]], database: str = "master") -> None:
        """Add rows, many in one statement."""
        if rows:
            one = f"({', '.join('?' * len(rows[0]))})"
            values = [value for row in rows for value in row]
            self.run(f"insert into {quote(database)}.sys.{view} values {', '.join([one] * len(rows))}", values)

    def allow(self, *rights: str, held: int = 1) -> None:
        """Say what HAS_PERMS_BY_NAME and HAS_DBACCESS answer to the collector: permissions, `CONNECT <database>`."""
        for right in rights:
            self.run("delete from master.sys.collector_rights where name = ?", [right])
        self.insert("collector_rights", [(right, held) for right in rights])

    def databases(self) -> list[str]:
        """Name all databases."""
        return [name for (name,) in self.run("select name from master.sys.all_databases")]

    def _next_database(self) -> int:
        ((last,),) = self.run("select max(database_id) from master.sys.all_databases")
        return int(last or 0) + 1

    def create_database(self, name: str, owner: str = "sa") -> None:
        """Add a database that this login owns; guest can't connect to it."""
        ((sid,),) = self.run("select sid from master.sys.server_principals where name = ?", [owner])
        self._attach(name)
        self._fill_database(name, sid)
        self.run(f"delete from {quote(name)}.sys.database_permissions where grantee_principal_id = 2")

    def next_number(self) -> int:
        """Return an id that nothing has."""
        self._numbers += 1
        return self._numbers

    def add_object(
        self, database: str, name: str, type_: str = "U", *, columns: Iterable[str] = (), number: int = 0
    ) -> int:
        """Add a table (or whatever `type_` says, see sys.objects) to schema dbo and give its id."""
        number = number or self.next_number()
        self.insert("all_objects", [(name, number, 1, None, f"{type_:2}")], database)
        self.insert("all_columns", [(column, number, i) for i, column in enumerate(columns, 1)], database)
        return number

    def add_securable(self, database: str, keyword: str, name: str, **more: object) -> None:
        """Add something that is granted on with `ON keyword::`, owned by dbo (on the server by sa)."""
        _, _, view, number = CLASSES[keyword]
        called = "language" if keyword == "EXTERNAL LANGUAGE" else "name"
        columns: dict[str, object] = {called: name, number: self.next_number(), "principal_id": 1, **more}
        if keyword == "AVAILABILITY GROUP":
            columns = {"group_id": name, "name": name}
            self.insert("availability_replicas", [(self.next_number(), name, SA_SID)])
        places = ", ".join("?" * len(columns))
        target = f"{quote(database)}.sys.{view} ({', '.join(columns)})"
        self.run(f"insert into {target} values ({places})", list(columns.values()))
