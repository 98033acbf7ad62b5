"""Rows of the catalog as values: accounts and grants. Pure; the columns stand in `catalog.sql` in the same order.

An Oracle DATE has no time zone: times are given as the server's own clock had them, ISO 8601 without an offset.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.containers import Containers
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import MEMBER, SERVER, Account, Grant, Json, Kind, Securable

Row: TypeAlias = tuple[Any, ...]
Cell: TypeAlias = "Json | datetime"

FLAGS = {"YES": True, "Y": True, "TRUE": True, "NO": False, "N": False, "FALSE": False}
PASSWORD_FILE_PRIVILEGES = ("SYSDBA", "SYSOPER", "SYSASM", "SYSBACKUP", "SYSDG", "SYSKM")
HIERARCHY_OPTION = " WITH HIERARCHY OPTION"
UNLIMITED = -1


class UserRow(NamedTuple):
    """A row of `users`."""

    con_id: int
    common: str
    username: str
    account_status: str
    authentication_type: str | None
    external_name: str | None
    profile: str
    default_tablespace: str
    temporary_tablespace: str
    created: datetime
    lock_date: datetime | None
    expiry_date: datetime | None
    password_versions: str | None
    editions_enabled: str | None
    proxy_only_connect: str | None
    oracle_maintained: str


class RoleRow(NamedTuple):
    """A row of `roles`."""

    con_id: int
    common: str
    role: str
    authentication_type: str | None
    oracle_maintained: str


class PasswordFileRow(NamedTuple):
    """A row of `password_file`; the administrative privileges follow as `TRUE` or `FALSE`."""

    con_id: int
    common: str
    username: str
    account_status: str | None
    authentication_type: str | None
    sysdba: str
    sysoper: str
    sysasm: str
    sysbackup: str
    sysdg: str
    syskm: str

    @property
    def privileges(self) -> list[str]:
        """The administrative privileges that are held."""
        return [name for name, value in zip(PASSWORD_FILE_PRIVILEGES, self[5:], strict=True) if to_flag(name, value)]


def to_flag(column: str, value: object) -> bool:
    """Read a column that says yes or no. Raises SyncDataError for anything else."""
    flag = FLAGS.get(value) if isinstance(value, str) else None
    if flag is None:
        raise SyncDataError(f"column {column} holds {value!r}, which is neither yes nor no")
    return flag


def to_user(row: UserRow, containers: Containers, read_only: bool) -> Account:
    """Turn a row of `users` into an account."""
    if not row.username or not row.account_status:
        raise SyncDataError(f"DBA_USERS has a row without name or status: {row.username!r}, {row.account_status!r}")
    attributes: dict[str, Cell] = {
        "account_status": row.account_status,
        "authentication_type": row.authentication_type,
        "external_name": row.external_name,
        "profile": row.profile,
        "default_tablespace": row.default_tablespace,
        "temporary_tablespace": row.temporary_tablespace,
        "created": row.created,
        "lock_date": row.lock_date,
        "expiry_date": row.expiry_date,
        "password_versions": row.password_versions.strip() if row.password_versions else None,
        "editions_enabled": _optional_flag("EDITIONS_ENABLED", row.editions_enabled),
        "proxy_only_connect": _optional_flag("PROXY_ONLY_CONNECT", row.proxy_only_connect),
        "common": to_flag("COMMON", row.common),
        "oracle_maintained": to_flag("ORACLE_MAINTAINED", row.oracle_maintained),
        "read_only": read_only or None,
    }
    return _to_account(row.con_id, row.username, Kind.USER, attributes, containers)


def to_public(containers: Containers) -> Account:
    """Give PUBLIC, which no view lists."""
    return _to_account(0, rules.PUBLIC, Kind.PUBLIC, {"oracle_maintained": True}, containers)


def to_role(row: RoleRow, containers: Containers) -> Account:
    """Turn a row of `roles` into an account."""
    attributes: dict[str, Cell] = {
        "authentication_type": row.authentication_type,
        "common": to_flag("COMMON", row.common),
        "oracle_maintained": to_flag("ORACLE_MAINTAINED", row.oracle_maintained),
    }
    return _to_account(row.con_id, row.role, Kind.ROLE, attributes, containers)


def to_file_user(row: PasswordFileRow, containers: Containers) -> Account:
    """Turn a user that only the password file knows into an account."""
    attributes: dict[str, Cell] = {
        "account_status": row.account_status,
        "authentication_type": row.authentication_type,
        "password_file_only": True,
    }
    return _to_account(row.con_id, row.username, Kind.USER, attributes, containers)


def _optional_flag(column: str, value: str | None) -> bool | None:
    return None if value is None else to_flag(column, value)


def _to_account(con_id: int, name: str, kind: Kind, attributes: Mapping[str, Cell], containers: Containers) -> Account:
    given: dict[str, Json] = {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in attributes.items()
        if value is not None
    }
    username = containers.to_username(con_id, name)
    if containers.is_root:
        given["container"] = containers.pdbs[con_id] if username != name else rules.ROOT
    return Account(username, kind, given)


ToGrants: TypeAlias = Callable[[Row, Containers], Iterable[Grant]]


def to_grants(part: str, rows: Iterable[Row], containers: Containers) -> list[Grant]:
    """Turn the rows of one part into grants; what several grantors gave is one grant, with the option if any gave it.

    Rows of a container that is no part of the reading are left out.
    """
    convert = CONVERTERS[part]
    found: dict[Grant, bool] = {}
    for row in rows:
        if containers.holds(row[0]):
            for grant in convert(row, containers):
                key = grant._replace(grant_option=False)
                found[key] = found.get(key, False) or grant.grant_option
    return [key._replace(grant_option=True) if option else key for key, option in found.items()]


def _role_grants(row: Row, containers: Containers) -> Iterator[Grant]:
    con_id, common, grantee, role, admin, delegate, default = row
    database = containers.to_wide_database(con_id, common)
    name = containers.to_username(con_id, role)
    securable = Securable("database_role" if database else "role", database, object=name)
    username = containers.to_username(con_id, grantee)
    yield Grant(username, MEMBER, securable, to_flag("ADMIN_OPTION", admin))
    if to_flag("DEFAULT_ROLE", default):
        yield Grant(username, "DEFAULT", securable)
    if to_flag("DELEGATE_OPTION", delegate):
        yield Grant(username, "DELEGATE", securable)


def _system_privileges(row: Row, containers: Containers) -> Iterator[Grant]:
    con_id, common, grantee, privilege, admin = row
    database = containers.to_wide_database(con_id, common)
    securable = Securable("database" if database else SERVER, database)
    yield Grant(containers.to_username(con_id, grantee), privilege, securable, to_flag("ADMIN_OPTION", admin))


def _object_privileges(row: Row, containers: Containers) -> Iterator[Grant]:
    con_id, common, grantee, owner, name, object_type, privilege, grantable, hierarchy = row
    scope = rules.OBJECT_SCOPES.get(object_type, rules.OTHER_OBJECT)
    securable = Securable(scope, containers.to_database(con_id, common), owner, name)
    username = containers.to_username(con_id, grantee)
    yield Grant(username, privilege, securable, to_flag("GRANTABLE", grantable))
    if to_flag("HIERARCHY", hierarchy):
        yield Grant(username, privilege + HIERARCHY_OPTION, securable)


def _column_privileges(row: Row, containers: Containers) -> Iterator[Grant]:
    con_id, common, grantee, owner, table, column, privilege, grantable = row
    securable = Securable("column", containers.to_database(con_id, common), owner, table, column)
    yield Grant(containers.to_username(con_id, grantee), privilege, securable, to_flag("GRANTABLE", grantable))


def _schema_privileges(row: Row, containers: Containers) -> Iterator[Grant]:
    con_id, common, grantee, schema, privilege, admin = row
    securable = Securable("schema", containers.to_database(con_id, common), schema)
    yield Grant(containers.to_username(con_id, grantee), privilege, securable, to_flag("ADMIN_OPTION", admin))


def _proxies(row: Row, containers: Containers) -> Iterator[Grant]:
    con_id, common, proxy, client, authentication, constraint, role = row
    database = containers.to_database(con_id, common)
    username, client = containers.to_username(con_id, proxy), containers.to_username(con_id, client)
    securable = Securable("proxy", database, object=client)
    yield Grant(username, "CONNECT THROUGH", securable)
    if to_flag("AUTHENTICATION", authentication):
        yield Grant(username, "AUTHENTICATION REQUIRED", securable)
    if role:
        role_securable = Securable("proxy_role", database, client, containers.to_username(con_id, role))
        yield Grant(username, constraint, role_securable)
    elif constraint:
        yield Grant(username, constraint, securable)


def _quotas(row: Row, containers: Containers) -> Iterator[Grant]:
    con_id, common, username, tablespace, max_bytes = row
    limit = "UNLIMITED" if max_bytes == UNLIMITED else str(int(max_bytes))
    securable = Securable("tablespace", containers.to_database(con_id, common), object=tablespace)
    yield Grant(containers.to_username(con_id, username), f"QUOTA {limit}", securable)


def _password_file(row: Row, containers: Containers) -> Iterator[Grant]:
    entry = PasswordFileRow._make(row)
    database = containers.to_wide_database(entry.con_id, entry.common)
    securable = Securable("container_password_file" if database else "password_file", database)
    for privilege in entry.privileges:
        yield Grant(containers.to_username(entry.con_id, entry.username), privilege, securable)


CONVERTERS: Mapping[str, ToGrants] = {
    rules.ROLES: _role_grants,
    rules.SYSTEM_PRIVILEGES: _system_privileges,
    rules.OBJECT_PRIVILEGES: _object_privileges,
    rules.COLUMN_PRIVILEGES: _column_privileges,
    rules.SCHEMA_PRIVILEGES: _schema_privileges,
    rules.PROXIES: _proxies,
    rules.QUOTAS: _quotas,
    rules.PASSWORD_FILE: _password_file,
}
