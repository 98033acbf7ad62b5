"""The SQL that re-creates accounts with all that they hold, or takes back one account's change. Pure functions.

It is made for psql, run by a superuser: privileges of other grantors become the owner's, as a state does not hold who
granted what. Objects must be there, in every database; roles must not.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from whalefall_pipeline.adapters.postgresql.names import quote, to_comment, to_connect
from whalefall_pipeline.adapters.postgresql.script.accounts import build_role, build_role_change
from whalefall_pipeline.adapters.postgresql.script.grants import (
    build_owner_loss,
    build_owners,
    build_privileges,
    find_taken_defaults,
    is_ownership,
)
from whalefall_pipeline.adapters.postgresql.script.memberships import build_memberships
from whalefall_pipeline.core.diff import diff
from whalefall_pipeline.core.model import ROLE_SCOPES, AccountState, Grant, to_grants

SHARED = frozenset({"database", "tablespace", "parameter"})


def build_script(states: Mapping[str, AccountState]) -> list[str]:
    """Build the statements for an empty server. See `Adapter.build_script`."""
    accounts = [states[name] for name in sorted(states)]
    lines = [line for state in accounts for line in build_role(state.account)]
    lines += [line for state in accounts for line in build_memberships(None, state)]
    given = [grant for state in accounts for grant in state.grants]
    lines += _build_grants(given, find_taken_defaults(states))
    return lines


def build_change(before: AccountState | None, after: AccountState | None) -> list[str]:
    """Build the statements that take one account from `before` to `after`. See `Adapter.build_change`."""
    if after is None:
        return list(_build_drop(before)) if before else []
    difference = diff(before, after)
    lines = list(build_role_change(before.account, after.account) if before else build_role(after.account))
    lines += build_memberships(before, after)
    gained, lost = (to_grants(after.account.username, held) for held in difference[:2])
    lines += _build_grants(gained | _find_on_moved(gained | lost, after), lost, anew=True)
    return lines


def _find_on_moved(changed: Iterable[Grant], after: AccountState) -> frozenset[Grant]:
    """Give all that a new owner holds on what it now owns, and an old one on what it owned.

    The change of owner hands the old one's privileges to the new one.
    """
    moved = {grant.securable[1:4] for grant in changed if is_ownership(grant)}
    return frozenset(grant for grant in after.grants if grant.securable[1:4] in moved)


def _build_grants(given: Iterable[Grant], taken: Iterable[Grant], *, anew: bool = False) -> Iterator[str]:
    """Give the statements of one database after the other, those on shared objects first."""
    sides = [(_database(grant), grant, True) for grant in given if grant.securable.scope not in ROLE_SCOPES]
    sides += [(_database(grant), grant, False) for grant in taken if grant.securable.scope not in ROLE_SCOPES]
    sides.sort(key=lambda side: side[0])
    for database, group in groupby(sides, key=lambda side: side[0]):
        parts = list(group)
        gained = [grant for _, grant, is_given in parts if is_given]
        lost = [grant for _, grant, is_given in parts if not is_given]
        lines = [*build_owners(gained, anew=anew), *build_owner_loss(lost), *build_privileges(gained, lost)]
        yield from _in_database(database, lines)


def _in_database(database: str, lines: Iterable[str]) -> Iterator[str]:
    """Give lines to be run in a database ("": in any), or say why they can't be."""
    if database:
        try:
            yield to_connect(database)
        except ValueError as error:
            yield to_comment(f"{quote(database)} is left out: {error}")
            return
    yield from lines


def _database(grant: Grant) -> str:
    return "" if grant.securable.scope in SHARED else grant.securable.database


def _build_drop(before: AccountState) -> Iterator[str]:
    """Give the statements that drop a role, and first all that it holds, in each database where it holds something."""
    role = quote(before.account.username)
    databases = {_database(grant) for grant in before.grants if grant.securable.scope not in ROLE_SCOPES}
    for database in sorted(databases):
        yield from _in_database(database, [f"REASSIGN OWNED BY {role} TO CURRENT_USER;", f"DROP OWNED BY {role};"])
    yield f"DROP ROLE {role};"
