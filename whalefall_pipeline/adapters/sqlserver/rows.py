"""Catalog rows as values: accounts and grants. Pure; a row type has the columns of its statement in `catalog.sql`."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.adapters.sqlserver.securables import (
    DATABASE,
    DATABASE_ROLE,
    DATABASE_USER,
    EXTERNAL_MODEL,
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
    """What answers, and what this login sees of it."""

    version: str
    edition: str
    engine_edition: int
    server_name: str | None
    instance_name: str | None
    is_integrated_security_only: int | None
    sees_definitions: int
    sees_databases: int
    sees_state: int
    has_external_languages: int
    has_external_models: int


class DatabaseRow(NamedTuple):
    """One database, and whether this login can connect to it; without a name where the server keeps even that back."""

    name: str | None
    state: str
    user_access: str | None
    owner_sid: bytes | None
    is_in_group: int
    updateability: str | None
    has_access: int
    is_trustworthy: bool | int | None
    is_chaining: bool | int | None
    containment: str | None


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
    """One securable and the principal that owns it, or that it runs as: `held` says which."""

    permission_class: int
    held: str
    owner_id: int | None
    kind: str | None
    schema: str | None
    name: str


class ExternalRow(NamedTuple):
    """One external language or model."""

    id: int
    owner_id: int | None
    name: str


Usernames = Mapping[int, str]
"""Principal id, within the server or one database, to the account that the principal is."""

Externals = Mapping[tuple[str, int], ExternalRow]
"""Scope and id to what `database_permissions` does not name itself."""


def to_kind(type_: str, name: str, view: str) -> Kind:
    """Return a principal's kind; raises SyncDataError for a type that this code does not know."""
    if type_ == "R" and name == PUBLIC:
        return Kind.PUBLIC
    try:
        return KINDS[type_]
    except KeyError:
        raise SyncDataError(f"{view}: principal {name!r} has the unknown type {type_!r}") from None


def to_login(row: LoginRow) -> Account:
    """Return the account of a login or server role; what does not apply to its type is left out."""
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
    """Return the login that a user is mapped to.

    Roles and users without a SID of their own have none, nor have users whose password the database keeps, even if one
    was made with a login's SID.
    """
    if not row.sid or row.type in "RA" or row.authentication_type == "DATABASE":
        return None
    return logins.get(row.sid)


def to_database_account(database: str, row: UserRow) -> Account:
    """Return the account of a role, or of a user that no login has the SID of.

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
    """Return the grant that makes a login a user of a database."""
    return Grant(login, MAPPED, Securable(DATABASE_USER, database, object=row.name))


def to_memberships(rows: list[tuple[int, int]], database: str, names: Usernames, roles: Usernames) -> Iterator[Grant]:
    """Yield the memberships; `roles` names fixed roles too. Principals that came after the inventory wait for the next.

    The role is named by its username, as accounts are.
    """
    scope = DATABASE_ROLE if database else ROLE
    for role_id, member_id in rows:
        if role_id in roles and member_id in names:
            yield Grant(names[member_id], MEMBER, Securable(scope, database, object=roles[role_id]))


def to_permissions(
    rows: list[PermissionRow], database: str, names: Usernames, externals: Externals | None = None
) -> set[Grant]:
    """Return the permissions, one for all grantors; raises SyncDataError for a state that this code does not know."""
    grants = set(_to_permissions(rows, database, names, externals or {}))
    return grants - {grant._replace(grant_option=False) for grant in grants if grant.grant_option}


def _to_permissions(
    rows: list[PermissionRow], database: str, names: Usernames, externals: Externals
) -> Iterator[Grant]:
    for row in rows:
        if row.grantee_id not in names:
            continue
        if row.state not in STATES:
            raise SyncDataError(f"{database or 'server'}: permission {row.permission!r} has state {row.state!r}")
        effect, grant_option = STATES[row.state]
        securable = _to_securable(row, database, externals)
        yield Grant(names[row.grantee_id], row.permission, securable, grant_option, effect)


def _to_securable(row: PermissionRow, database: str, externals: Externals) -> Securable:
    scope = to_scope(row.permission_class, (row.kind or "").strip(), column=row.minor_id > 0)
    if row.class_desc.replace(" ", "_") == EXTERNAL_MODEL:
        scope = "external_model"
    if scope in (SERVER, DATABASE):
        return Securable(scope, database)
    external = externals.get((scope, row.major_id))
    name = external.name if external else row.name
    if scope == OTHER or name is None:
        return Securable(OTHER, database, object=f"{row.class_desc} {row.major_id} {row.minor_id}")
    return Securable(scope, database, row.schema or "", name, row.column or "")


def to_owners(rows: list[OwnerRow], database: str, names: Usernames) -> Iterator[Grant]:
    """Yield ownership, and whom modules run as; fixed roles and `sys`, with their schemas, are left out."""
    for row in rows:
        if row.owner_id is not None and row.owner_id in names:
            scope = to_scope(row.permission_class, (row.kind or "").strip(), in_database=bool(database))
            yield Grant(names[row.owner_id], row.held, Securable(scope, database, row.schema or "", row.name))


def to_external_owners(externals: Externals, database: str, names: Usernames) -> Iterator[Grant]:
    """Yield who owns external languages and models."""
    for (scope, _), row in externals.items():
        if row.owner_id is not None and row.owner_id in names:
            yield Grant(names[row.owner_id], OWNER, Securable(scope, database, object=row.name))


def _to_hex(sid: bytes | None) -> str | None:
    return f"0x{bytes(sid).hex().upper()}" if sid else None


def _present(attributes: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in attributes.items() if value is not None}
