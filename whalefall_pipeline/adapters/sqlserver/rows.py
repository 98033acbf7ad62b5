"""Catalog rows as values: accounts and grants. Pure; a row type has the columns of its statement in `catalog.sql`."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.securables import (
    DATABASE,
    DATABASE_ROLE,
    DATABASE_USER,
    MAPPED,
    OTHER,
    OWNER,
    ROLE,
    SERVER,
    to_scope,
)
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import MEMBER, Account, Effect, Grant, Json, Kind, Securable

KINDS: dict[str, Kind] = {
    **dict.fromkeys("SUCKE", Kind.USER),
    **dict.fromkeys("GX", Kind.GROUP),
    **dict.fromkeys("RA", Kind.ROLE),
}
"""Principal type to kind: SQL, Windows, certificate, key and external users; groups; server, database and app roles."""

STATES: dict[str, tuple[Effect, bool]] = {
    "G": ("grant", False),
    "W": ("grant", True),
    "D": ("deny", False),
    "R": ("revoke", False),
}
PUBLIC = "public"
DATABASE_OWNER = "dbo"
_WITHOUT_PERMISSIONS = ("INFORMATION_SCHEMA", "sys")


class ServerRow(NamedTuple):
    """The version, and what this login sees of the server."""

    version: str
    edition: str
    sees_definitions: int
    sees_security_definitions: int
    sees_databases: int


class DatabaseRow(NamedTuple):
    """One database, and what this login sees of it."""

    name: str
    state: str
    owner_sid: bytes | None
    has_access: int
    sees_definitions: int
    sees_security_definitions: int


class LoginRow(NamedTuple):
    """One login or server role."""

    principal_id: int
    name: str
    type: str
    type_desc: str
    sid: bytes | None
    is_disabled: bool | int | None
    is_fixed_role: bool | None
    default_database: str | None
    default_language: str | None
    is_policy_checked: bool | None
    is_expiration_checked: bool | None
    is_locked_out: int | None
    is_expired: int | None
    is_must_change: int | None
    mapped_to: str | None


class UserRow(NamedTuple):
    """One user or role of a database."""

    principal_id: int
    name: str
    type: str
    type_desc: str
    sid: bytes | None
    is_fixed_role: bool | None
    default_schema: str | None
    authentication_type: str | None
    mapped_to: str | None


class PermissionRow(NamedTuple):
    """One permission; names are None where the catalog no longer has, or this code does not know, what is named."""

    permission_class: int
    class_desc: str
    major_id: int
    minor_id: int
    grantee_id: int
    permission: str
    state: str
    kind: str | None
    schema: str | None
    name: str | None
    column: str | None


class OwnerRow(NamedTuple):
    """One securable and the principal that owns it."""

    permission_class: int
    owner_id: int | None
    kind: str | None
    schema: str | None
    name: str


Usernames = Mapping[int, str]
"""Principal id, within the server or one database, to the account that the principal is."""


def to_kind(type_: str, name: str, view: str) -> Kind:
    """Give a principal's kind; raises SyncDataError for a type that this code does not know."""
    if type_ == "R" and name == PUBLIC:
        return Kind.PUBLIC
    try:
        return KINDS[type_]
    except KeyError:
        raise SyncDataError(f"{view}: principal {name!r} has the unknown type {type_!r}") from None


def to_login(row: LoginRow) -> Account:
    """Give the account of a login or server role; what does not apply to its type is left out."""
    flags: dict[str, bool | int | None] = {
        "is_disabled": None if row.type == "R" else row.is_disabled,
        "is_policy_checked": row.is_policy_checked,
        "is_expiration_checked": row.is_expiration_checked,
        "is_locked_out": row.is_locked_out,
        "is_expired": row.is_expired,
        "is_must_change": row.is_must_change,
        "is_fixed_role": row.is_fixed_role if row.type == "R" else None,
    }
    texts: dict[str, Json] = {
        "principal_type": row.type_desc,
        "sid": None if row.type == "R" else _to_hex(row.sid),
        "default_database": row.default_database,
        "default_language": row.default_language,
        "mapped_to": row.mapped_to,
    }
    kind = to_kind(row.type, row.name, "sys.server_principals")
    attributes = texts | {name: bool(value) for name, value in flags.items() if value is not None}
    return Account(to_username("", row.name), kind, _present(attributes))


def is_account(row: UserRow) -> bool:
    """Whether a database principal is an account: not the fixed roles and those that hold nothing (`sys`)."""
    return not row.is_fixed_role and row.name not in _WITHOUT_PERMISSIONS


def find_login(row: UserRow, logins: Mapping[bytes, str]) -> str | None:
    """Give the login that a user is mapped to.

    Roles and users without a SID of their own have none, nor have users whose password the database keeps, even if one
    was made with a login's SID.
    """
    if not row.sid or row.type in "RA" or row.authentication_type == "DATABASE":
        return None
    return logins.get(row.sid)


def to_database_account(database: str, row: UserRow) -> Account:
    """Give the account of a role, or of a user that no login has the SID of.

    A SQL user that authenticates at the instance, and has no login, is orphaned. The SID of a role, or of a user that
    never logs in, is made up by the server and left out.
    """
    kind = to_kind(row.type, row.name, f"{database}: sys.database_principals")
    authenticates = row.type not in "RA" and row.authentication_type != "NONE"
    orphaned = row.type == "S" and row.authentication_type == "INSTANCE"
    attributes: dict[str, Json] = {
        "principal_type": row.type_desc,
        "database": database,
        "name": row.name,
        "sid": _to_hex(row.sid) if authenticates else None,
        "authentication_type": row.authentication_type if kind in (Kind.USER, Kind.GROUP) else None,
        "default_schema": row.default_schema,
        "mapped_to": row.mapped_to,
        "is_orphaned": True if orphaned else None,
    }
    return Account(to_username(database, row.name), kind, _present(attributes))


def to_mapping(database: str, row: UserRow, login: str) -> Grant:
    """Say that a login is a user of a database."""
    return Grant(login, MAPPED, Securable(DATABASE_USER, database, object=row.name))


def to_memberships(rows: list[tuple[int, int]], database: str, names: Usernames, roles: Usernames) -> Iterator[Grant]:
    """Give the memberships; `roles` names fixed roles too. Principals that came after the inventory wait for the next.

    The role is named by its username, as accounts are.
    """
    scope = DATABASE_ROLE if database else ROLE
    for role_id, member_id in rows:
        if role_id in roles and member_id in names:
            yield Grant(names[member_id], MEMBER, Securable(scope, database, object=roles[role_id]))


def to_permissions(rows: list[PermissionRow], database: str, names: Usernames) -> set[Grant]:
    """Give the permissions, one for all its grantors; raises SyncDataError for a state that this code does not know."""
    grants = set(_to_permissions(rows, database, names))
    return grants - {grant._replace(grant_option=False) for grant in grants if grant.grant_option}


def _to_permissions(rows: list[PermissionRow], database: str, names: Usernames) -> Iterator[Grant]:
    for row in rows:
        if row.grantee_id not in names:
            continue
        if row.state not in STATES:
            raise SyncDataError(f"{database or 'server'}: permission {row.permission!r} has state {row.state!r}")
        effect, grant_option = STATES[row.state]
        yield Grant(names[row.grantee_id], row.permission, _to_securable(row, database), grant_option, effect)


def _to_securable(row: PermissionRow, database: str) -> Securable:
    scope = to_scope(row.permission_class, (row.kind or "").strip(), column=row.minor_id > 0)
    if scope in (SERVER, DATABASE):
        return Securable(scope, database)
    if scope == OTHER or row.name is None:
        return Securable(OTHER, database, object=f"{row.class_desc} {row.major_id} {row.minor_id}")
    return Securable(scope, database, row.schema or "", row.name, row.column or "")


def to_owners(rows: list[OwnerRow], database: str, names: Usernames) -> Iterator[Grant]:
    """Give ownership; what fixed roles and `sys` own (their schemas) is left out, as they are."""
    for row in rows:
        if row.owner_id is not None and row.owner_id in names:
            scope = to_scope(row.permission_class, (row.kind or "").strip(), column=False)
            yield Grant(names[row.owner_id], OWNER, Securable(scope, database, row.schema or "", row.name))


def _to_hex(sid: bytes | None) -> str | None:
    return f"0x{bytes(sid).hex().upper()}" if sid else None


def _present(attributes: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in attributes.items() if value is not None}
