"""The T-SQL that re-creates logins, users, roles and grants, or changes one account. Pure; nothing runs it here.

Every statement names its database by a `USE` of its own before it. Passwords are not known: a login that needs one gets
a random one that nobody knows, and a comment says so. What has no T-SQL form is a comment too.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import filterfalse

from whalefall_pipeline.adapters.sqlserver.names import comment, quote_name, to_principal
from whalefall_pipeline.adapters.sqlserver.script.accounts import build_alter, build_create, build_drop
from whalefall_pipeline.adapters.sqlserver.securables import (
    COLUMN,
    DATABASE,
    DATABASE_USER,
    MAPPED,
    OTHER,
    OWNER,
    SCOPES,
    SERVER,
)
from whalefall_pipeline.core.diff import diff
from whalefall_pipeline.core.model import MEMBER, ROLE_SCOPES, AccountState, Grant, Securable, to_grants

_SYSTEM_DATABASES = ("master", "model", "msdb", "tempdb")
_SYSTEM_SCHEMAS = ("INFORMATION_SCHEMA", "sys")
_GIVEN_SCHEMAS = ("dbo", "guest")
_SYSTEM_ENDPOINTS = "TSQL "
_ORDER = {"grant": 0, "deny": 1, "revoke": 2}


def build_script(states: Mapping[str, AccountState]) -> list[str]:
    """Build all that makes the states on an empty server, whose databases and objects are there already.

    Accounts first (logins before the users of databases), then memberships and ownership, then grants, wide before
    narrow, so that the REVOKE of a column comes after the grant on its table.
    """
    ordered = [states[username] for username in sorted(states, key=lambda name: (to_principal(name), name))]
    body: list[tuple[str, str]] = []
    for state in ordered:
        body += [(to_principal(state.account.username).database, line) for line in build_create(state.account)]
    body += _grants_of(ordered)
    return _in_databases(body)


def build_change(before: AccountState | None, after: AccountState | None) -> list[str]:
    """Build what takes one account from one state to the other; None: it is not there.

    What it no longer owns goes to dbo or the schema's owner, since only the next owner's own change names them.
    """
    change = diff(before, after)
    known = after or before
    if known is None:
        return []
    username = known.account.username
    home = to_principal(username).database
    users = _users(username, [grant for state in (before, after) if state for grant in state.grants])
    body: list[tuple[str, str]] = []
    if before is None and after is not None:
        body += [(home, line) for line in build_create(after.account)]
    elif before is not None and after is not None:
        body += [(home, line) for line in build_alter(before.account, after.account)]
    gained, lost = (to_grants(username, held) for held in change[:2])
    body += [
        (_database(grant), line)
        for grant in sorted(lost, key=_narrow_last, reverse=True)
        for line in _undo(grant, users)
    ]
    body += [(_database(grant), line) for grant in sorted(gained, key=_narrow_last) for line in _do(grant, users)]
    if after is None and before is not None:
        body += [(home, line) for line in build_drop(before.account)]
    return _in_databases(body)


def _grants_of(states: Iterable[AccountState]) -> list[tuple[str, str]]:
    lines: list[tuple[tuple[object, ...], str, str]] = []
    for state in states:
        users = _users(state.account.username, state.grants)
        for grant in filterfalse(_is_given, state.grants):
            lines += [(_narrow_last(grant), _database(grant), line) for line in _do(grant, users)]
    return [(database, line) for _, database, line in sorted(lines)]


def _is_given(grant: Grant) -> bool:
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


def _users(username: str, grants: Iterable[Grant]) -> Mapping[str, str]:
    """Give, by database, the name of the user that an account is there; empty for the server."""
    database, name = to_principal(username)
    mapped = {grant.securable.database: grant.securable.object for grant in grants if grant.privilege == MAPPED}
    return {**mapped, database: name}


def _narrow_last(grant: Grant) -> tuple[object, ...]:
    """Order: users, memberships, ownership, then permissions by effect and width, deterministic to the end."""
    kind = {MAPPED: 0, MEMBER: 1, OWNER: 2}.get(grant.privilege, 3)
    return (kind, _ORDER[grant.effect], sum(bool(part) for part in grant.securable), grant)


def _database(grant: Grant) -> str:
    return grant.securable.database


def _in_databases(body: Iterable[tuple[str, str]]) -> list[str]:
    """Put a USE before each statement that runs in another database than the one before it."""
    lines: list[str] = []
    current = None
    for database, line in body:
        wanted = database or "master"
        if wanted != current and not line.startswith("--"):
            lines.append(f"USE {quote_name(wanted)}")
            current = wanted
        lines.append(line)
    return lines


def _do(grant: Grant, users: Mapping[str, str]) -> Iterator[str]:
    """Build what makes one grant hold."""
    securable = grant.securable
    user = users.get(securable.database)
    if grant.privilege == MAPPED and securable.scope == DATABASE_USER:
        if securable.object != "dbo":
            yield f"CREATE USER {quote_name(securable.object)} FOR LOGIN {quote_name(users[''])}"
    elif grant.privilege == OWNER:
        owner = users.get("") if securable.scope == DATABASE else user
        if owner:
            yield f"ALTER AUTHORIZATION ON {_on(securable)} TO {quote_name(owner)}"
    elif user is None or user == "dbo":
        if grant.privilege not in ("CONNECT", MEMBER):
            yield comment(f"{_words(grant)}: dbo holds it already, or the account is no user of the database")
    elif securable.scope in ROLE_SCOPES:
        yield f"ALTER {_role(securable)} ADD MEMBER {quote_name(user)}"
    elif securable.scope == OTHER:
        yield comment(f"{_words(grant)}: this kind of securable is not known here")
    elif grant.effect == "revoke":
        yield f"REVOKE {grant.privilege}{_target(securable)} FROM {quote_name(user)}"
    else:
        option = " WITH GRANT OPTION" if grant.grant_option else ""
        yield f"{grant.effect.upper()} {grant.privilege}{_target(securable)} TO {quote_name(user)}{option}"


def _undo(grant: Grant, users: Mapping[str, str]) -> Iterator[str]:
    """Build what takes one grant back."""
    securable = grant.securable
    user = users.get(securable.database)
    if grant.privilege == MAPPED and securable.scope == DATABASE_USER:
        if securable.object != "dbo":
            yield f"DROP USER {quote_name(securable.object)}"
    elif grant.privilege == OWNER:
        yield _give_up(grant)
    elif user is None or user == "dbo" or securable.scope == OTHER:
        yield comment(f"{_words(grant)}: not taken back here")
    elif securable.scope in ROLE_SCOPES:
        yield f"ALTER {_role(securable)} DROP MEMBER {quote_name(user)}"
    elif grant.effect == "revoke":
        yield comment(
            f"{_words(grant)}: a column's REVOKE ends when the permission on the whole object is granted again"
        )
    else:
        cascade = " CASCADE" if grant.grant_option else ""
        yield f"REVOKE {grant.privilege}{_target(securable)} FROM {quote_name(user)}{cascade}"


def _give_up(grant: Grant) -> str:
    """Hand on what an account owned: to whom it belongs unless somebody is named; of wider things nobody is."""
    securable = grant.securable
    if securable.scope == DATABASE or not securable.database:
        return comment(f"{_words(grant)}: name the next owner with ALTER AUTHORIZATION ON {_on(securable)} TO ...")
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
