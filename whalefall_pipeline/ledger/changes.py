"""Writes what changed of accounts: their grants and attributes in intervals of time, and the log of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import cast

import orjson
from sqlalchemy import Connection

from whalefall_pipeline.core.changes import AccountChange
from whalefall_pipeline.core.model import Account, AccountState, Effect, Held, Json, Kind, Securable
from whalefall_pipeline.core.wording import Wording, to_other_diff
from whalefall_pipeline.ledger.copying import Copier
from whalefall_pipeline.ledger.database import NULL, load_statements, to_fields
from whalefall_pipeline.ledger.grants import Numbers
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("changes.sql")
HOLDING_COLUMNS = ("instance_id", "valid_from", "instance_account_id", "of_roles", "grants")
MOST_IN_ROW = 400
"""Grants in one row: more would be kept apart from it by PostgreSQL, and each that is lost has all written anew."""
ATTRIBUTE_COLUMNS = ("instance_id", "valid_from", "instance_account_id", "kind", "attributes")
LOG_COLUMNS = (
    *("instance_id", "db_type", "change_time", "session_id", "instance_account_id", "username", "change_type"),
    *("message", "privilege_diff", "other_diff", "in_intervals"),
)
WHOLE = ("add", "reactivate", "delete")
"""Changes of all that an account is and holds: intervals that begin or end with them say it, and the log reads them."""


def read_states(connection: Connection, ids: Collection[int]) -> dict[int, AccountState]:
    """Return the present states of accounts by id; one that the ledger holds no attributes of is left out."""
    held: dict[int, list[Held]] = {}
    accounts: dict[int, Account] = {}
    for account_id, username, kind, attributes in connection.execute(SQL["read_states"], {"ids": list(ids)}):
        accounts[account_id] = Account(username, Kind(kind), attributes)
    for row in connection.execute(SQL["read_grants"], {"ids": list(accounts)}):
        held.setdefault(row[0], []).append(to_held(row[1:]))
    return {key: AccountState(account, frozenset(held.get(key, ()))) for key, account in accounts.items()}


def to_held(row: Sequence[object]) -> Held:
    """Return the value of the columns privilege, scope, the four of the name path, grant_option, effect."""
    privilege, *path, grant_option, effect = row
    securable = Securable(*cast("list[str]", path))
    return Held(cast("str", privilege), securable, cast("bool", grant_option), cast("Effect", effect))


def end_changed(connection: Connection, target: Target, changes: Sequence[AccountChange], numbers: Numbers) -> None:
    """End at the reading's moment what accounts that are there lost, and the attributes that changed."""
    _end_grants(connection, target, changes, numbers)
    moved = [change for change in changes if change.difference.other]
    if any(change.change_type.startswith("modify") for change in moved):
        ids = [change.account_id for change in moved]
        connection.execute(SQL["end_attributes"], {"ids": ids, "read_at": target.read_at})


def write_gained(copier: Copier, target: Target, changes: Sequence[AccountChange], numbers: Numbers) -> None:
    """Append what accounts that are there gained, and what of it nobody held before."""
    common = to_fields([str(target.instance.id), target.read_at.isoformat()])
    copier.append("account_holding", HOLDING_COLUMNS, _list_gained(common, changes, numbers))
    numbers.write(copier, target.instance.id)


def write_changes(copier: Copier, target: Target, changes: Sequence[AccountChange]) -> None:
    """Append attributes that changed of accounts that are there, and say in the log all that changed."""
    common = to_fields([str(target.instance.id), target.read_at.isoformat()])
    lines = (
        f"{common}\t{_to_attribute_fields(change.account_id, change.after.account)}\n"
        for change in changes
        if change.after and change.difference.other
    )
    copier.append("account_attributes", ATTRIBUTE_COLUMNS, lines)
    _write_log(copier, target, changes)


def write_deletions(connection: Connection, target: Target, gone: Sequence[AccountChange]) -> None:
    """Write that accounts are gone: all that they held ends at the reading's moment, and the log says it."""
    moment = {"ids": [change.account_id for change in gone], "read_at": target.read_at}
    for statement in ("end_all_grants", "end_attributes", "mark_deleted"):
        connection.execute(SQL[statement], moment)
    _write_log(Copier(connection), target, gone)


def _end_grants(connection: Connection, target: Target, changes: Iterable[AccountChange], numbers: Numbers) -> None:
    lost = [(change.account_id, numbers[item]) for change in changes for item in change.difference.lost]
    if lost:
        ids, ended = map(list, zip(*lost, strict=True))
        connection.execute(SQL["end_grants"], {"ids": ids, "numbers": ended, "read_at": target.read_at})


def _list_gained(common: str, changes: Iterable[AccountChange], numbers: Numbers) -> Iterator[str]:
    """Yield each account's lines: its memberships, and the rest; in order, for the binary search of held.sql."""
    of_roles = numbers.of_roles
    for change in (change for change in changes if change.difference.gained):
        start = f"{common}\t{change.account_id}"
        gained = sorted(map(numbers.__getitem__, change.difference.gained))
        roles = [number for number in gained if number in of_roles]
        others = [number for number in gained if number not in of_roles] if roles else gained
        for flag, held in (("t", roles), ("f", others)):
            for first in range(0, len(held), MOST_IN_ROW):
                yield f"{start}\t{flag}\t{{{','.join(map(str, held[first : first + MOST_IN_ROW]))}}}\n"


def _to_attribute_fields(account_id: int, account: Account) -> str:
    return to_fields([str(account_id), account.kind.value, _to_json(account.attributes)])


def _write_log(copier: Copier, target: Target, changes: Iterable[AccountChange]) -> None:
    wording, instance = Wording(), target.instance
    common = to_fields([str(instance.id), instance.db_type, target.read_at.isoformat(), target.session_id])
    lines = (f"{common}\t{_to_log_fields(change, wording)}\n" for change in changes if change.is_news)
    copier.append("account_changes", LOG_COLUMNS, lines)


def _to_log_fields(change: AccountChange, wording: Wording) -> str:
    difference = change.difference
    message = wording.describe(change.change_type, difference)
    texts = to_fields([str(change.account_id), change.username, change.change_type, message])
    if change.change_type in WHOLE:
        return f"{texts}\t{NULL}\t{NULL}\tt"
    privileges, other = NULL, NULL
    if difference.gained or difference.lost:
        privileges = to_fields([_to_json(wording.to_privilege_diff(difference))])
    if difference.other:
        other = to_fields([_to_json(to_other_diff(difference))])
    return f"{texts}\t{privileges}\t{other}\tf"


def _to_json(document: Mapping[str, Json]) -> str:
    return orjson.dumps(document).decode()
