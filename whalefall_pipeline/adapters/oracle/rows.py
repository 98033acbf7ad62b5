"""Rows of the catalog as values: accounts and grants. Pure; the columns stand in `catalog.sql` in the same order.

An Oracle DATE has no time zone: times are given as the server's own clock had them, ISO 8601 without an offset.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.containers import ROOT_ID, Containers
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import Account, Json, Kind

Row: TypeAlias = tuple[Any, ...]
Cell: TypeAlias = "Json | datetime"

FLAGS = {"YES": True, "Y": True, "TRUE": True, "NO": False, "N": False, "FALSE": False}
PASSWORD_FILE_PRIVILEGES = ("SYSDBA", "SYSOPER", "SYSASM", "SYSBACKUP", "SYSDG", "SYSKM")


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
    inherited: str | None


class RoleRow(NamedTuple):
    """A row of `roles`."""

    con_id: int
    common: str
    role: str
    authentication_type: str | None
    oracle_maintained: str
    inherited: str | None


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
    """Turn a row of `users` into an account.

    EXPIRY_DATE of a password that has not expired is what the profile's limit makes of it (`cdenv_mig.sql`): it is left
    out, or one ALTER PROFILE would be a change of every account.
    """
    if not row.username or not row.account_status:
        raise SyncDataError(f"DBA_USERS has a row without name or status: {row.username!r}, {row.account_status!r}")
    is_expired = any(word.startswith("EXPIRED") for word in rules.parse_account_status(row.account_status))
    attributes: dict[str, Cell] = {
        "account_status": row.account_status,
        "authentication_type": row.authentication_type,
        "external_name": row.external_name,
        "profile": row.profile,
        "default_tablespace": row.default_tablespace,
        "temporary_tablespace": row.temporary_tablespace,
        "created": row.created,
        "lock_date": row.lock_date,
        "expiry_date": row.expiry_date if is_expired else None,
        "password_versions": row.password_versions.strip() if row.password_versions else None,
        "editions_enabled": _optional_flag("EDITIONS_ENABLED", row.editions_enabled),
        "proxy_only_connect": _optional_flag("PROXY_ONLY_CONNECT", row.proxy_only_connect),
        "common": to_flag("COMMON", row.common),
        "oracle_maintained": to_flag("ORACLE_MAINTAINED", row.oracle_maintained),
        "read_only": read_only or None,
        "inherited": _is_inherited(row, containers),
    }
    return _to_account(row.con_id, row.username, Kind.USER, attributes, containers)


def to_public(containers: Containers) -> Account:
    """Return PUBLIC, which no view lists."""
    return _to_account(0, rules.PUBLIC, Kind.PUBLIC, {"oracle_maintained": True}, containers)


def to_role(row: RoleRow, containers: Containers) -> Account:
    """Turn a row of `roles` into an account."""
    attributes: dict[str, Cell] = {
        "authentication_type": row.authentication_type,
        "common": to_flag("COMMON", row.common),
        "oracle_maintained": to_flag("ORACLE_MAINTAINED", row.oracle_maintained),
        "inherited": _is_inherited(row, containers),
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


def _is_inherited(row: UserRow | RoleRow, containers: Containers) -> bool | None:
    """Return True for an account that an application PDB has from its application root."""
    is_local = containers.to_username(row.con_id, row[2]) != row[2]
    return True if is_local and _optional_flag("INHERITED", row.inherited) else None


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


def to_attributes(
    parameters: Iterable[Row], profiles: Iterable[Row], used: Collection[tuple[int, str]], containers: Containers
) -> dict[str, Json]:
    """Return what the instance is set to: parameters, and the limits of the profiles that its accounts use.

    A profile is `profile NAME`, or `profile SALESPDB.NAME` for one that the root does not have. `used` are the ids of
    containers with names of profiles; DEFAULT, which others refer to, counts everywhere.
    """
    found: dict[str, Json] = {str(name): _to_text(value) for name, value in parameters}
    limits: dict[tuple[int, str], dict[str, Json]] = {}
    common_names = set[str]()
    for con_id, common, profile, resource, limit in profiles:
        if con_id <= ROOT_ID and to_flag("COMMON", common):
            common_names.add(profile)
        if ((con_id, profile) in used or profile == "DEFAULT") and containers.holds(con_id):
            limits.setdefault((con_id, profile), {})[resource] = _to_text(limit)
    for (con_id, profile), values in sorted(limits.items()):
        if con_id <= ROOT_ID:
            found[f"profile {profile}"] = dict(sorted(values.items()))
        elif profile not in common_names:
            found[f"profile {containers.pdbs[con_id]}.{profile}"] = dict(sorted(values.items()))
    return found


def _to_text(value: object) -> str | None:
    return None if value is None else str(value)
