"""What readings could not observe: the scopes themselves, and what the ledger holds in them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from whalefall_pipeline.core.model import Account, AccountState, Coverage, Held, Kind, Seen, Unseen, is_observed
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.unseen import carry_attributes, carry_unseen
from whalefall_pipeline.ledger.changes import read_states, to_held
from whalefall_pipeline.ledger.database import load_statements
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("unseen.sql")


def read_unseen(connection: Connection, target: Target) -> dict[str, Unseen]:
    """Give the scopes that the newest reading did not observe, by name."""
    rows = connection.execute(SQL["read_unseen"], {"instance_id": target.instance.id})
    return {scope: Unseen(scope, Seen(status), reason, moment) for scope, status, reason, moment in rows}


def put_back_attributes(connection: Connection, target: Target, accounts: Sequence[Account]) -> Sequence[Account]:
    """Return the accounts with the last seen values of what the reading was not shown of them."""
    names = [account.username for account in accounts if account.unseen]
    if not names:
        return accounts
    rows = connection.execute(SQL["read_last_seen"], {"instance_id": target.instance.id, "names": names})
    known = {username: Account(username, Kind(kind), attributes) for username, kind, attributes in rows}
    return [carry_attributes(account, known.get(account.username)) for account in accounts]


def put_back(
    connection: Connection,
    target: Target,
    states: Mapping[str, AccountState],
    coverage: Coverage,
    rules: Rules,
    *,
    may_hide: Callable[[str], bool],
) -> dict[str, AccountState]:
    """Give a reading's states with what the ledger holds in scopes that were not observed: accounts, and grants."""
    owner = {"instance_id": target.instance.id}
    active = connection.execute(SQL["read_active"], owner).all()
    hidden = [account_id for username, account_id in active if username not in states and may_hide(username)]
    found = {state.account.username: state for state in read_states(connection, hidden).values()}
    before = _read_grants(connection, owner, coverage, rules)
    return {
        username: carry_unseen(state, before.get(username, ()), coverage, rules)
        for username, state in {**states, **found}.items()
    }


def _read_grants(
    connection: Connection, owner: Mapping[str, object], coverage: Coverage, rules: Rules
) -> dict[str, list[Held]]:
    """Give what accounts hold in the ledger where the reading did not observe; of the rest nothing is fetched."""
    places = [
        (scope, database)
        for scope, database in connection.execute(SQL["read_places"], owner).all()
        if not is_observed(rules.observed_by(scope, database), coverage)
    ]
    held: dict[str, list[Held]] = {}
    if places:
        scopes, databases = (list(column) for column in zip(*places, strict=True))
        for row in connection.execute(SQL["read_grants_in"], {**owner, "scopes": scopes, "databases": databases}).all():
            held.setdefault(row[0], []).append(to_held(row[1:]))
    return held


def write_unseen(
    connection: Connection, target: Target, before: Mapping[str, Unseen], unseen: Sequence[Unseen]
) -> None:
    """Write which scopes are not observed now, in intervals; what stayed as it was is not touched."""
    owner: dict[str, Any] = {"instance_id": target.instance.id, "read_at": target.read_at}
    now = {item.scope: item for item in unseen}
    ended = [scope for scope, item in before.items() if now.get(scope) != item]
    begun = [item for scope, item in now.items() if before.get(scope) != item]
    if ended:
        connection.execute(SQL["end_scopes"], {**owner, "scopes": ended})
    if begun:
        scopes, statuses, reasons, moments = (list(column) for column in zip(*begun, strict=True))
        columns = {"scopes": scopes, "statuses": statuses, "reasons": reasons, "moments": moments}
        connection.execute(SQL["insert_scopes"], {**owner, **columns})
