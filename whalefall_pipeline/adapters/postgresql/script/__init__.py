"""The SQL that re-creates accounts with all that they hold, or takes back one account's change. Pure functions.

It is made for psql, run by a superuser: privileges of other grantors become the owner's, as a state does not hold who
granted what. Objects must be there, in every database; roles must not.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from whalefall_pipeline.adapters.postgresql.names import COMMENT, NAME_BYTES, quote, to_comment, to_connect
from whalefall_pipeline.adapters.postgresql.rows import DEFAULT_PRIVILEGES
from whalefall_pipeline.adapters.postgresql.script.accounts import build_memberships, build_role, build_role_change
from whalefall_pipeline.adapters.postgresql.script.grants import build_privileges, find_taken_defaults
from whalefall_pipeline.adapters.postgresql.script.owners import (
    build_definitions,
    build_invokers,
    build_owner_loss,
    build_owners,
    is_ownership,
    is_system,
)
from whalefall_pipeline.core.diff import diff
from whalefall_pipeline.core.model import ROLE_SCOPES, Account, AccountState, Grant, Held, to_grants

SHARED = frozenset({"database", "tablespace", "parameter"})
SESSION = (
    "SET client_encoding TO 'UTF8';",
    "SET standard_conforming_strings TO on;",
    "SET search_path TO pg_catalog;",
)
"""What the statements rely on; a new connection has none of it."""


def build_script(states: Mapping[str, AccountState]) -> list[str]:
    """Build the statements for an empty server. See `Adapter.build_script`."""
    left_out = {name for name, state in states.items() if not _is_spellable(state.account)}
    states = {name: _without(states[name], left_out) for name in sorted(states) if name not in left_out}
    lines = [*SESSION, *map(_to_left_out_comment, sorted(left_out))]
    lines += [line for state in states.values() for line in build_role(state.account)]
    lines += [line for state in states.values() for line in build_memberships(None, state)]
    given = [grant for state in states.values() for grant in state.grants]
    lines += map(_to_toast_comment, sorted(grant for grant in given if _is_toast(grant)))
    lines += _build_grants([grant for grant in given if not _is_toast(grant)], find_taken_defaults(states))
    return lines


def build_change(before: AccountState | None, after: AccountState | None) -> list[str]:
    """Build the statements that take one account from `before` to `after`. See `Adapter.build_change`."""
    account = next((state.account for state in (after, before) if state), None)
    if account and not _is_spellable(account):
        return [_to_left_out_comment(account.username)]
    if after is None:
        return [*SESSION, *_build_drop(before)] if before else []
    difference = diff(before, after)
    lines = [*SESSION, *(build_role_change(before.account, after.account) if before else build_role(after.account))]
    lines += build_memberships(before, after)
    gained, lost = (to_grants(after.account.username, held) for held in difference[:2])
    again = _find_on_moved(gained | lost, after) | _find_on_columns(lost, after)
    lines += _build_grants(gained | again, lost, is_change=True)
    return lines


def find_gaps(before: AccountState | None, after: AccountState | None) -> list[str]:
    """Return in one line each what the statements of `build_change` leave out: its comments, which say nothing else."""
    return [line.removeprefix(COMMENT) for line in build_change(before, after) if line.startswith(COMMENT)]


def _is_spellable(account: Account) -> bool:
    """Whether the name means this account: none that is no text, and none that another server would cut."""
    return not account.attributes.get("rolname_is_escaped") and len(account.username.encode()) <= NAME_BYTES


def _to_left_out_comment(username: str) -> str:
    return to_comment(f"{quote(username)} is left out: its name can't be written so that it means itself")


def _without(state: AccountState, left_out: set[str]) -> AccountState:
    """Leave out what names a role that is left out itself."""

    def names(item: Held) -> bool:
        return item.securable.scope in (*ROLE_SCOPES, DEFAULT_PRIVILEGES) and item.securable.object in left_out

    return AccountState(state.account, frozenset(item for item in state.held if not names(item))) if left_out else state


def _is_toast(grant: Grant) -> bool:
    return grant.securable.schema == "pg_toast"


def _to_toast_comment(grant: Grant) -> str:
    return to_comment(
        f"{grant.privilege} on {grant.securable} of {quote(grant.grantee)} is left out: each server numbers its own"
    )


def _find_on_moved(changed: Iterable[Grant], after: AccountState) -> frozenset[Grant]:
    """Return all that a new owner holds on what it now owns, and an old one on what it owned.

    The change of owner hands the old one's privileges to the new one.
    """
    moved = {grant.securable[1:4] for grant in changed if is_ownership(grant)}
    return frozenset(grant for grant in after.grants if grant.securable[1:4] in moved)


def _find_on_columns(lost: Iterable[Grant], after: AccountState) -> frozenset[Grant]:
    """Return what an account keeps on columns of tables on which it loses the same: a REVOKE takes both."""
    tables = {(grant.privilege, grant.securable[1:4]) for grant in lost if grant.securable.scope == "table"}
    columns = (grant for grant in after.grants if grant.securable.scope == "column") if tables else ()
    return frozenset(grant for grant in columns if (grant.privilege, grant.securable[1:4]) in tables)


def _build_grants(given: Iterable[Grant], taken: Iterable[Grant], *, is_change: bool = False) -> Iterator[str]:
    """Yield the statements of one database after the other, those on shared objects first."""
    sides = [(_database(grant), grant, True) for grant in given if grant.securable.scope not in ROLE_SCOPES]
    sides += [(_database(grant), grant, False) for grant in taken if grant.securable.scope not in ROLE_SCOPES]
    sides.sort(key=lambda side: side[0])
    for database, group in groupby(sides, key=lambda side: side[0]):
        parts = list(group)
        gained = [grant for _, grant, is_given in parts if is_given]
        lost = [grant for _, grant, is_given in parts if not is_given]
        lines = [
            *build_owners(gained, is_change=is_change),
            *build_owner_loss(lost),
            *build_definitions(gained, lost, is_change=is_change),
        ]
        yield from _in_database(database, [*lines, *build_privileges(gained, lost, is_change=is_change)])


def _in_database(database: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield lines to be run in a database ("": in any), or a comment that says why they can't be."""
    if database:
        try:
            yield to_connect(database)
        except ValueError as error:
            yield to_comment(f"{quote(database)} is left out: {error}")
            return
        yield from SESSION
    yield from lines


def _database(grant: Grant) -> str:
    return "" if grant.securable.scope in SHARED else grant.securable.database


def _build_drop(before: AccountState) -> Iterator[str]:
    """Yield the statements that drop a role, and first all that it holds, in each database where it holds something.

    Wherever that is, shared objects and grants that it made itself go too. What it owns is then whose who runs this, a
    superuser: no routine of the role's may run as that.
    """
    role = quote(before.account.username)
    databases = {_database(grant) for grant in before.grants if grant.securable.scope not in ROLE_SCOPES}
    given_away = [grant for grant in before.grants if is_ownership(grant) and is_system(grant.securable)]
    for database in sorted(databases | {""}):
        returned = build_owner_loss(grant for grant in given_away if _database(grant) == database)
        invokers = build_invokers(before.account.username)
        drop = (invokers, f"REASSIGN OWNED BY {role} TO CURRENT_USER;", f"DROP OWNED BY {role};")
        yield from _in_database(database, [*returned, *drop])
    yield f"DROP ROLE {role};"
