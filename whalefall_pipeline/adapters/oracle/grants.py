"""Rows of the catalog as grants. Pure; the columns stand in `catalog.sql` in the same order."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.containers import Containers
from whalefall_pipeline.adapters.oracle.object_types import to_object_scope
from whalefall_pipeline.adapters.oracle.rows import PasswordFileRow, Row, to_flag
from whalefall_pipeline.core.model import MEMBER, SERVER, Grant, Securable

HIERARCHY_OPTION = " WITH HIERARCHY OPTION"
UNLIMITED = -1
AUTHENTICATION_NOT_STATED = "AUTHENTICATION NOT STATED"
NOT_STATED = "ROLES NOT STATED"
"""What the catalog leaves open of a proxy, in our words."""

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
    scope = to_object_scope(object_type)
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
    """Read a proxy. AUTHENTICATION and AUTHORIZATION_CONSTRAINT are null for what the view has no word for.

    So says the definition of DBA_PROXIES (`cdcore_privs.sql`): for credentials of other kinds than none and password.
    """
    con_id, common, proxy, client, authentication, constraint, role = row
    constraint = constraint or NOT_STATED
    database = containers.to_database(con_id, common)
    username, client = containers.to_username(con_id, proxy), containers.to_username(con_id, client)
    securable = Securable("proxy", database, object=client)
    yield Grant(username, "CONNECT THROUGH", securable)
    if authentication is None:
        yield Grant(username, AUTHENTICATION_NOT_STATED, securable)
    elif to_flag("AUTHENTICATION", authentication):
        yield Grant(username, "AUTHENTICATION REQUIRED", securable)
    if role:
        role_securable = Securable("proxy_role", database, client, containers.to_username(con_id, role))
        yield Grant(username, constraint, role_securable)
    else:
        yield Grant(username, constraint, securable)


def _quotas(row: Row, containers: Containers) -> Iterator[Grant]:
    con_id, common, username, tablespace, max_bytes = row
    limit = "UNLIMITED" if max_bytes == UNLIMITED else str(int(max_bytes))
    securable = Securable("tablespace", containers.to_database(con_id, common), object=tablespace)
    yield Grant(containers.to_username(con_id, username), f"QUOTA {limit}", securable)


def _definers(row: Row, containers: Containers) -> Iterator[Grant]:
    con_id, common, owner, name, object_type = row
    securable = Securable(rules.DEFINER, containers.to_database(con_id, common), owner, name)
    yield Grant(containers.to_username(con_id, owner), object_type, securable)


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
    rules.DEFINERS: _definers,
    rules.PASSWORD_FILE: _password_file,
}
