"""The T-SQL that re-creates logins, users, roles and grants, or changes one account. Pure; nothing runs it here.

It is made for sqlcmd and SSMS, as one batch. Every statement names its database by a `USE` before it, and a batch ends
where a `USE` fails: so there is no `GO`. Passwords are not known: a login that needs one gets a random one that nobody
knows, and a comment says so. What has no T-SQL form, or can't be written safely, is a comment too.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from whalefall_pipeline.adapters.sqlserver.names import is_plain, quote_name, to_comment, to_line, to_principal
from whalefall_pipeline.adapters.sqlserver.script.accounts import build_alter, build_create, build_drop
from whalefall_pipeline.adapters.sqlserver.script.grants import (
    build_grant,
    build_revoke,
    find_users,
    is_given,
    order_narrow_last,
)
from whalefall_pipeline.core.diff import diff
from whalefall_pipeline.core.model import AccountState, Grant, to_grants


def build_script(states: Mapping[str, AccountState]) -> list[str]:
    """Build all that makes the states on an empty server, whose databases and objects are there already.

    Accounts first (logins before the users of databases), then memberships and ownership, then grants, wide before
    narrow, so that the REVOKE of a column comes after the grant on its table.
    """
    ordered = [states[username] for username in sorted(states, key=lambda name: (to_principal(name), name))]
    body: list[tuple[str, str]] = []
    for state in ordered:
        body += [(to_principal(state.account.username).database, line) for line in build_create(state.account)]
    body += _build_grants(ordered)
    return list(_in_databases(body))


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
    users = find_users(username, [grant for state in (before, after) if state for grant in state.grants])
    body: list[tuple[str, str]] = []
    if before is None and after is not None:
        body += [(home, line) for line in build_create(after.account)]
    elif before is not None and after is not None:
        body += [(home, line) for line in build_alter(before.account, after.account)]
    gained, lost = (to_grants(username, held) for held in change[:2])
    body += [
        (_get_database(grant), line)
        for grant in sorted(lost, key=order_narrow_last, reverse=True)
        for line in build_revoke(grant, users)
    ]
    body += [
        (_get_database(grant), line)
        for grant in sorted(gained, key=order_narrow_last)
        for line in build_grant(grant, users)
    ]
    if after is None and before is not None:
        body += [(home, line) for line in build_drop(before.account)]
    return list(_in_databases(body))


def _build_grants(states: Iterable[AccountState]) -> list[tuple[str, str]]:
    lines: list[tuple[tuple[object, ...], str, str]] = []
    for state in states:
        users = find_users(state.account.username, state.grants)
        for grant in (grant for grant in state.grants if not is_given(grant)):
            lines += [(order_narrow_last(grant), _get_database(grant), line) for line in build_grant(grant, users)]
    return [(database, line) for _, database, line in sorted(lines)]


def _in_databases(body: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield lines, with a USE before each statement that runs in another database than the one before it.

    A database whose name can't stand in a line has no USE that would last: its statements are left out, and that is
    said.
    """
    current = None
    for database, group in groupby(body, key=lambda item: item[0] or "master"):
        if not is_plain(database):
            yield to_comment(f"left out, as its name can't be written here: what is in database {quote_name(database)}")
            continue
        for _, statement in group:
            if not statement.startswith("--") and database != current:
                yield f"USE {quote_name(database)}"
                current = database
            yield to_line(statement)


def _get_database(grant: Grant) -> str:
    return grant.securable.database
