"""The T-SQL that gives and takes back one grant, membership or ownership, and the order of them all. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping

from whalefall_pipeline.adapters.sqlserver.names import quote_name, to_comment, to_principal
from whalefall_pipeline.adapters.sqlserver.securables import (
    COLUMN,
    DATABASE,
    DATABASE_USER,
    EXECUTE_AS,
    MAPPED,
    OTHER,
    OWNER,
    SCOPES,
    SERVER,
    WITHOUT_AUTHORIZATION,
)
from whalefall_pipeline.core.model import MEMBER, ROLE_SCOPES, Grant, Securable

_WORDS = re.compile("[A-Z]+( [A-Z]+)*")
_ENDING = frozenset({"FROM", "ON", "TO"})
"""What comes after a permission; no permission's name has one of these words."""
_SYSTEM_DATABASES = ("master", "model", "msdb", "tempdb")
_SYSTEM_SCHEMAS = ("INFORMATION_SCHEMA", "sys")
_GIVEN_SCHEMAS = ("dbo", "guest")
_SYSTEM_ENDPOINTS = "TSQL "
_ORDER = {"grant": 0, "deny": 1, "revoke": 2}


def is_given(grant: Grant) -> bool:
    """Whether every server has this from its start, and mostly refuses to have it changed.

    That is all of `sa` on the server, the owners of the system's databases and schemas, and what `public` may read of
    system objects.
    """
    securable = grant.securable
    name = to_principal(grant.grantee).name
    if grant.privilege == OWNER and securable.scope == DATABASE:
        return securable.database in _SYSTEM_DATABASES
    if grant.privilege == OWNER and securable.scope == "schema":
        return securable.object in _GIVEN_SCHEMAS
    if name == "sa":
        return grant.privilege != OWNER or not securable.database
    system = securable.schema in _SYSTEM_SCHEMAS or securable.object.startswith(_SYSTEM_ENDPOINTS)
    return name == "public" and system


def find_users(username: str, grants: Iterable[Grant]) -> Mapping[str, str]:
    """Return, by database, the name of the user that an account is there; empty for the server."""
    database, name = to_principal(username)
    mapped = {grant.securable.database: grant.securable.object for grant in grants if grant.privilege == MAPPED}
    return {**mapped, database: name}


def order_narrow_last(grant: Grant) -> tuple[object, ...]:
    """Return the place in order: users, memberships, ownership, permissions by effect and width, the same each time."""
    kind = {MAPPED: 0, MEMBER: 1, OWNER: 2}.get(grant.privilege, 3)
    return (kind, _ORDER[grant.effect], sum(bool(part) for part in grant.securable), grant)


def build_grant(grant: Grant, users: Mapping[str, str]) -> Iterator[str]:
    """Build what makes one grant hold."""
    securable = grant.securable
    user = users.get(securable.database)
    if grant.privilege == MAPPED and securable.scope == DATABASE_USER:
        if securable.object != "dbo":
            yield f"CREATE USER {quote_name(securable.object)} FOR LOGIN {quote_name(users[''])}"
    elif why := _find_obstacle(grant):
        yield to_comment(f"{_words(grant)}: {why}")
    elif grant.privilege == OWNER:
        owner = users.get("") if securable.scope == DATABASE else user
        if owner:
            yield f"ALTER AUTHORIZATION ON {_on(securable)} TO {quote_name(owner)}"
    elif user is None or user == "dbo":
        if grant.privilege not in ("CONNECT", MEMBER):
            yield to_comment(f"{_words(grant)}: dbo holds it already, or the account is no user of the database")
    elif securable.scope in ROLE_SCOPES:
        yield f"ALTER {_role(securable)} ADD MEMBER {quote_name(user)}"
    elif grant.effect == "revoke":
        yield f"REVOKE {grant.privilege}{_target(securable)} FROM {quote_name(user)}"
    else:
        option = " WITH GRANT OPTION" if grant.grant_option else ""
        yield f"{grant.effect.upper()} {grant.privilege}{_target(securable)} TO {quote_name(user)}{option}"


def _find_obstacle(grant: Grant) -> str:
    """Return why no statement gives or takes this; empty: one does."""
    if grant.privilege == EXECUTE_AS:
        return "a module says itself whom it runs as"
    if grant.privilege == OWNER and grant.securable.scope in WITHOUT_AUTHORIZATION:
        return "whoever creates it owns it"
    if grant.privilege not in (MAPPED, MEMBER, OWNER) and not _is_permission(grant.privilege):
        return "this is no name of a permission"
    return "this kind of securable is not known here" if grant.securable.scope == OTHER else ""


def _is_permission(name: str) -> bool:
    """Whether a name can stand unquoted in GRANT and REVOKE, and can't end them: T-SQL needs no semicolon for that."""
    return bool(_WORDS.fullmatch(name)) and _ENDING.isdisjoint(name.split())


def build_revoke(grant: Grant, users: Mapping[str, str]) -> Iterator[str]:
    """Build what takes one grant back."""
    securable = grant.securable
    user = users.get(securable.database)
    if grant.privilege == MAPPED and securable.scope == DATABASE_USER:
        if securable.object != "dbo":
            yield f"DROP USER {quote_name(securable.object)}"
    elif why := _find_obstacle(grant):
        yield to_comment(f"{_words(grant)}: {why}")
    elif grant.privilege == OWNER:
        yield _build_transfer(grant)
    elif user is None or user == "dbo":
        yield to_comment(f"{_words(grant)}: not taken back here")
    elif securable.scope in ROLE_SCOPES:
        yield f"ALTER {_role(securable)} DROP MEMBER {quote_name(user)}"
    elif grant.effect == "revoke":
        yield to_comment(
            f"{_words(grant)}: a column's REVOKE ends when the permission on the whole object is granted again"
        )
    else:
        cascade = " CASCADE" if grant.grant_option else ""
        yield f"REVOKE {grant.privilege}{_target(securable)} FROM {quote_name(user)}{cascade}"


def _build_transfer(grant: Grant) -> str:
    """Hand on what an account owned: to whom it belongs unless somebody is named; of wider things nobody is."""
    securable = grant.securable
    if securable.scope == DATABASE or not securable.database:
        return to_comment(f"{_words(grant)}: name the next owner with ALTER AUTHORIZATION ON {_on(securable)} TO ...")
    return f"ALTER AUTHORIZATION ON {_on(securable)} TO {'SCHEMA OWNER' if securable.schema else '[dbo]'}"


def _words(grant: Grant) -> str:
    return f"{grant.effect} {grant.privilege} on {grant.securable}"


def _role(securable: Securable) -> str:
    return f"{'ROLE' if securable.database else 'SERVER ROLE'} {quote_name(to_principal(securable.object).name)}"


def _target(securable: Securable) -> str:
    if securable.scope == SERVER:
        return ""
    column = f" ({quote_name(securable.column)})" if securable.scope == COLUMN else ""
    return f" ON {_on(securable)}{column}"


def _on(securable: Securable) -> str:
    name = quote_name(securable.object or securable.database)
    path = f"{quote_name(securable.schema)}.{name}" if securable.schema else name
    return f"{SCOPES[securable.scope].keyword}::{path}"
