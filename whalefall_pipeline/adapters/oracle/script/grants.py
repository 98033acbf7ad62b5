"""Grants as Oracle SQL. Pure.

A `Unit` is the smallest thing that one GRANT gives and one REVOKE takes back as a whole: a role with its options, a
privilege on an object with its hierarchy option and all its columns (REVOKE can't name a column), a client that is
proxied with its roles. That stored code runs with its owner's rights has no statement: it is the code's own text.
"""

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.grants import AUTHENTICATION_NOT_STATED, HIERARCHY_OPTION, NOT_STATED
from whalefall_pipeline.adapters.oracle.names import UnsafeNameError, check_words, quote, to_comment
from whalefall_pipeline.adapters.oracle.object_types import BY_PACKAGE, KEYWORDS, PLAIN, WITHOUT_SCHEMA
from whalefall_pipeline.core.model import MEMBER, Grant, Securable

ACTIVATE_ROLE = "PROXY MAY ACTIVATE ROLE"
NOT_ACTIVATE_ROLE = "PROXY MAY NOT ACTIVATE ROLE"
NO_ROLES = "NO CLIENT ROLES MAY BE ACTIVATED"
_QUOTA = re.compile(r"QUOTA (UNLIMITED|[0-9]+)")


class Place(NamedTuple):
    """Where statements run: for the root of a container database, its names and its CONTAINER clause are needed."""

    is_root: bool

    def clause(self, database: str) -> str:
        """Return the CONTAINER clause of a statement; none in a pluggable database."""
        if not self.is_root or database not in ("", rules.ROOT):
            return ""
        return " CONTAINER=CURRENT" if database else " CONTAINER=ALL"

    def container(self, database: str) -> str:
        """Return the container to be in; empty where there is no choice."""
        return (database or rules.ROOT) if self.is_root else ""

    def name(self, username: str, database: str) -> str:
        """Quote an account's name as it is called inside a container."""
        local = username.removeprefix(f"{database}.") if self.is_root and database else username
        return local if local == rules.PUBLIC else quote(local)


class Unit(NamedTuple):
    """What is granted and revoked as a whole, for one grantee; units sort in an order that runs."""

    order: int
    part: str
    securable: Securable
    privilege: str


def to_unit(grant: Grant) -> Unit:
    """Return the unit that a grant belongs to."""
    scope, database, schema, name, _ = grant.securable
    part = rules.part_of(scope)
    match part:
        case rules.ROLES:
            return Unit(1, part, grant.securable, "")
        case rules.OBJECT_PRIVILEGES | rules.COLUMN_PRIVILEGES:
            return Unit(
                3,
                rules.OBJECT_PRIVILEGES,
                Securable("table" if scope == "column" else scope, database, schema, name),
                grant.privilege.removesuffix(HIERARCHY_OPTION),
            )
        case rules.PROXIES:
            client = schema if scope == "proxy_role" else name
            return Unit(4, part, Securable("proxy", database, object=client), "")
        case rules.QUOTAS:
            return Unit(0, part, grant.securable, "")
        case rules.DEFINERS:
            return Unit(5, part, grant.securable, grant.privilege)
        case _:
            return Unit(2, part, grant.securable, grant.privilege)


def build_grants(unit: Unit, grants: Collection[Grant], place: Place) -> list[str]:
    """Build the statements that give a unit with all that `grants`, which are the unit's, say of it."""
    if not grants or unit.part == rules.DEFINERS:  # the code itself says it, and is not kept
        return []
    database = unit.securable.database
    grantee = place.name(next(iter(grants)).grantee, database)
    clause = place.clause(database)
    match unit.part:
        case rules.QUOTAS:
            return [f"ALTER USER {grantee} {_to_quota(grants)} ON {quote(unit.securable.object)}"]
        case rules.PROXIES:
            return [_build_proxy(unit, grants, place)]
        case rules.ROLES:
            role = place.name(unit.securable.object, database)
            return [f"GRANT {role} TO {grantee}{_role_option(grants)}{clause}"]
        case rules.OBJECT_PRIVILEGES:
            return [*_build_object_grants(unit, grants, grantee, clause)]
        case _:
            target = f" ON SCHEMA {quote(unit.securable.schema)}" if unit.securable.schema else ""
            admin = " WITH ADMIN OPTION" if any(grant.grant_option for grant in grants) else ""
            return [f"GRANT {check_words(unit.privilege)}{target} TO {grantee}{admin}{clause}"]


def build_revoke(unit: Unit, username: str, place: Place) -> str:
    """Build the statement that takes a unit back."""
    database = unit.securable.database
    grantee, clause = place.name(username, database), place.clause(database)
    match unit.part:
        case rules.QUOTAS:
            return f"ALTER USER {grantee} QUOTA 0 ON {quote(unit.securable.object)}"
        case rules.PROXIES:
            client = place.name(unit.securable.object, database)
            return f"ALTER USER {client} REVOKE CONNECT THROUGH {grantee}"
        case rules.ROLES:
            return f"REVOKE {place.name(unit.securable.object, database)} FROM {grantee}{clause}"
        case rules.DEFINERS | rules.OBJECT_PRIVILEGES if not _has_statement(unit):
            return _leave_out("REVOKE", unit, username)
        case rules.OBJECT_PRIVILEGES:
            return f"REVOKE {check_words(unit.privilege)} ON {_to_target(unit.securable)} FROM {grantee}{clause}"
        case _:
            target = f" ON SCHEMA {quote(unit.securable.schema)}" if unit.securable.schema else ""
            return f"REVOKE {check_words(unit.privilege)}{target} FROM {grantee}{clause}"


def _role_option(grants: Iterable[Grant]) -> str:
    if any(grant.privilege == MEMBER and grant.grant_option for grant in grants):
        return " WITH ADMIN OPTION"
    return " WITH DELEGATE OPTION" if any(grant.privilege == "DELEGATE" for grant in grants) else ""


def _to_quota(grants: Iterable[Grant]) -> str:
    quota = max(grant.privilege for grant in grants)
    if not _QUOTA.fullmatch(quota):
        raise UnsafeNameError("a quota is no number")
    return quota


def _build_object_grants(unit: Unit, grants: Iterable[Grant], grantee: str, clause: str) -> Iterable[str]:
    grants = list(grants)
    if not _has_statement(unit):
        yield _leave_out("GRANT", unit, grants[0].grantee)
        return
    privilege = check_words(unit.privilege)
    columns: dict[bool, list[str]] = {}
    whole: list[Grant] = []
    for grant in sorted(grants):
        if grant.securable.column:
            columns.setdefault(grant.grant_option, []).append(quote(grant.securable.column))
        else:
            whole.append(grant)
    target = _to_target(unit.securable)
    if whole:
        hierarchy = HIERARCHY_OPTION if any(grant.privilege != unit.privilege for grant in whole) else ""
        option = " WITH GRANT OPTION" if any(grant.grant_option for grant in whole) else ""
        yield f"GRANT {privilege} ON {target} TO {grantee}{hierarchy}{option}{clause}"
    for grantable, names in sorted(columns.items()):
        option = " WITH GRANT OPTION" if grantable else ""
        yield f"GRANT {privilege} ({', '.join(names)}) ON {target} TO {grantee}{option}{clause}"


def _to_target(securable: Securable) -> str:
    scope, _, schema, name, _ = securable
    path = quote(name) if scope in WITHOUT_SCHEMA else f"{quote(schema)}.{quote(name)}"
    return f"{KEYWORDS[scope]} {path}" if scope in KEYWORDS else path


def _has_statement(unit: Unit) -> bool:
    return unit.securable.scope in KEYWORDS or unit.securable.scope in PLAIN


def _leave_out(verb: str, unit: Unit, username: str) -> str:
    if unit.part == rules.DEFINERS:
        return to_comment(f"{unit.securable} runs with the rights of {username} until it is made again or dropped")
    package = BY_PACKAGE.get(unit.securable.scope, "").replace("GRANT", verb)
    why = f"use {package}" if package else "the catalog does not say what to name in a statement"
    return to_comment(f"{verb} {unit.privilege} on {unit.securable} for {username}: {why}")


def _build_proxy(unit: Unit, grants: Collection[Grant], place: Place) -> str:
    database = unit.securable.database
    client = place.name(unit.securable.object, database)
    proxy = place.name(next(iter(grants)).grantee, database)
    held = {grant.privilege for grant in grants}
    if held & {AUTHENTICATION_NOT_STATED, NOT_STATED}:
        return to_comment(f"GRANT CONNECT THROUGH {proxy} to {client}: the catalog does not say on which terms")
    allowed, barred = (
        ", ".join(sorted(place.name(grant.securable.object, database) for grant in grants if grant.privilege == word))
        for word in (ACTIVATE_ROLE, NOT_ACTIVATE_ROLE)
    )
    roles = ""
    if allowed:
        roles = f" WITH ROLE {allowed}"
    elif barred:
        roles = f" WITH ROLE ALL EXCEPT {barred}"
    elif NO_ROLES in held:
        roles = " WITH NO ROLES"
    authentication = " AUTHENTICATION REQUIRED" if "AUTHENTICATION REQUIRED" in held else ""
    return f"ALTER USER {client} GRANT CONNECT THROUGH {proxy}{roles}{authentication}"
