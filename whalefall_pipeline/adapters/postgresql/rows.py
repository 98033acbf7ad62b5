"""Rows of the catalog as values: pure functions, in one tight loop where there are many."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import Account, Held, HeldByGrantee, Json, Kind, Securable

PUBLIC = "public"
"""The account of the grantee PUBLIC. No role can be named so, while one named "PUBLIC" may exist."""

PUBLIC_OID = 0
BOOTSTRAP_OID = 10
FIRST_NORMAL_OID = 16384

FLAGS = (*("rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication", "rolbypassrls"),)
NOT_SHOWN = "(not collected)"
# Applications keep secrets in parameters of their own, as `ALTER ROLE web SET app.jwt_secret = '…'`.
_MAY_BE_SECRET = re.compile(r"\..*(secret|passw|token|key|jwt|credential)", re.IGNORECASE)


def to_accounts(roles: Iterable[Sequence[Any]], settings: Iterable[Sequence[Any]]) -> list[Account]:
    """Give all accounts, PUBLIC among them, ordered by username; raises SyncDataError.

    Roles that PostgreSQL itself defines, of the reserved prefix and an OID below those of users, are no accounts.
    """
    found = _to_settings(settings)
    accounts = [
        _to_account(role, found.get(role[0]))
        for role in roles
        if not (role[0] < FIRST_NORMAL_OID and role[1].startswith("pg_"))
    ]
    public = found.get(PUBLIC_OID)
    accounts.append(Account(PUBLIC, Kind.PUBLIC, {"settings": public} if public else {}))
    return sorted(accounts, key=lambda account: account.username)


def _to_account(role: Sequence[Any], settings: Json) -> Account:
    oid, name, *flags, connection_limit, valid_until = role
    if not name or None in flags or connection_limit is None:
        raise SyncDataError(f"pg_roles has a row that can't be understood: OID {oid}, rolname {name!r}")
    attributes: dict[str, Json] = {**dict(zip(FLAGS, flags, strict=True)), "rolconnlimit": connection_limit}
    if valid_until is not None:
        attributes["rolvaliduntil"] = valid_until
    if settings:
        attributes["settings"] = settings
    if oid == BOOTSTRAP_OID:
        attributes["bootstrap_superuser"] = True
    return Account(name, Kind.USER if attributes["rolcanlogin"] else Kind.ROLE, attributes)


def _to_settings(rows: Iterable[Sequence[Any]]) -> dict[int, dict[str, Json]]:
    """Give each role's settings, by database ("" is all of them) and parameter."""
    settings: dict[int, dict[str, Json]] = {}
    for role, database, assignments in rows:
        pairs = (assignment.partition("=") for assignment in assignments)
        settings.setdefault(role, {})[database] = {
            name: NOT_SHOWN if _MAY_BE_SECRET.search(name) else value for name, _, value in sorted(pairs)
        }
    return settings


def add_held(held: defaultdict[int, list[Held]], rows: Iterable[Sequence[Any]]) -> None:
    """Add what rows say to the lists of their grantees: securable, privilege, grant option, effect, grantees."""
    for scope, database, schema, name, column, privilege, grant_option, effect, grantees in rows:
        item = Held(privilege, Securable(scope, database, schema, name, column), grant_option, effect)
        for grantee in grantees:
            held[grantee].append(item)


def to_held_by_grantee(held: Mapping[int, list[Held]], names: Mapping[int, str]) -> HeldByGrantee:
    """Name the grantees. One that `names` lacks was made after the inventory: it is no account of this reading."""
    return {names[oid]: items for oid, items in held.items() if oid in names}
