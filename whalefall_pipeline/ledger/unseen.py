"""What readings could not observe: the scopes themselves, and what the ledger holds in them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from whalefall_pipeline.core.diff import carry_unseen
from whalefall_pipeline.core.model import AccountState, Coverage, Held, Seen, Unseen, is_observed
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.ledger.changes import to_held
from whalefall_pipeline.ledger.database import load_statements
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("unseen.sql")


def read_unseen(connection: Connection, target: Target) -> dict[str, Unseen]:
    """Give the scopes that the newest reading did not observe, by name."""
    rows = connection.execute(SQL["read_unseen"], {"instance_id": target.instance.id})
    return {scope: Unseen(scope, Seen(status), reason, moment) for scope, status, reason, moment in rows}


def carry_all(
    connection: Connection, target: Target, states: Mapping[str, AccountState], coverage: Coverage, rules: Rules
) -> dict[str, AccountState]:
    """Put back what the ledger holds in scopes that were not observed; of the others nothing is fetched."""
    owner = {"instance_id": target.instance.id}
    places = [
        (scope, database)
        for scope, database in connection.execute(SQL["read_places"], owner).all()
        if not is_observed(rules.observed_by(scope, database), coverage)
    ]
    if not places:
        return dict(states)
    scopes, databases = (list(column) for column in zip(*places, strict=True))
    before: dict[str, list[Held]] = {}
    for row in connection.execute(SQL["read_grants_in"], {**owner, "scopes": scopes, "databases": databases}).all():
        before.setdefault(row[0], []).append(to_held(row[1:]))
    return {
        username: carry_unseen(state, before.get(username, ()), coverage, rules) for username, state in states.items()
    }


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
