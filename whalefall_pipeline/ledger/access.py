"""Loads what effective access is decided from: instances, their accounts, and the grants that bear on a question.

With the driver alone, as `queries`. It decides nothing, and sends a constant number of statements, however many
instances and accounts are asked about.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from psycopg.rows import tuple_row

from whalefall_pipeline.core.access.model import Matching, Population, Seeds, Sought, Wanted
from whalefall_pipeline.core.model import (
    ROLE_SCOPES,
    AccountState,
    Attributes,
    Securable,
    Seen,
    Unseen,
)
from whalefall_pipeline.ledger.holdings import NOTHING_UNSEEN, Holdings, Moments, Row, StateMaker
from whalefall_pipeline.ledger.reader import Reader
from whalefall_pipeline.sql import load_sql

SQL = {
    name: sql
    for file in ("access.sql", "held.sql")
    for name, sql in load_sql("whalefall_pipeline.ledger", file).items()
}
MEMBERSHIPS = tuple(Wanted(scope) for scope in sorted(ROLE_SCOPES))
"""Wanted for every question."""
_VALUE = re.compile(r"(?<![:\w]):(\w+)")


class Asked(NamedTuple):
    """One instance that is asked about, as it was at the moment; `read_at` is None where no permissions were ever read.

    `unseen` are the scopes that its newest reading then had not observed.
    """

    id: int
    name: str
    db_type: str
    version: str
    removed_at: datetime | None
    read_at: datetime | None
    attributes: Attributes
    unseen: Mapping[str, Unseen]


def read_asked(
    reader: Reader, instance: str | None = None, *, at: datetime | None = None, removed: bool = False
) -> list[Asked]:
    """Return the active instances by name, with `removed` all; or the named one, removed or not."""
    rows = _read(reader, "instances", instance=instance, removed=removed, at=at)
    unseen: dict[int, dict[str, Unseen]] = {row[0]: {} for row in rows}
    for instance_id, scope, status, reason, moment in _read(reader, "unseen", instances=list(unseen), at=at):
        unseen[instance_id][scope] = Unseen(scope, Seen(status), reason, moment)
    return [Asked._make((*row, unseen[row[0]])) for row in rows]


def read_known(
    reader: Reader, asked: Iterable[Asked], path: Sequence[str], *, kind: str | None = None, at: datetime | None = None
) -> dict[int, list[Securable]]:
    """Return by instance what somebody holds something on and whose name path, of up to three names, ends so.

    Asked for a `role`, accounts of the name are among them, since a role without members is none that is held. A
    routine may be named without its argument types, where it is asked for as one, or nothing else is named so.
    """
    first, before, name = (*(None,) * (3 - len(path)), *path)
    values = {"instances": [item.id for item in asked], "name": name, "at": at}
    rows = _read(reader, "known", first=first, before=before, **values)
    if kind == "routine" or not (rows or kind):
        rows += _read(reader, "known_routines", first=first, before=before, **values)
    if kind == "role":
        rows += _read(reader, "known_roles", **values)
    known: dict[int, dict[Securable, None]] = {}
    for instance_id, *names in rows:
        known.setdefault(instance_id, {})[Securable._make(names)] = None
    return {instance_id: list(found) for instance_id, found in known.items()}


def read_securables(reader: Reader, asked: Asked, at: datetime | None = None) -> list[Securable]:
    """Return all that somebody holds something on, roles left out."""
    return sorted(map(Securable._make, _read(reader, "securables", instance=asked.id, at=at)))


def read_without_ways(reader: Reader, asked: Iterable[Asked], version: str) -> dict[int, list[str]]:
    """Return the superusers of the instances where nobody else can become more, as this version's last reading has it.

    Where that is not known, where a scope was not observed, or where accounts changed since, an instance is left out.
    """
    seen = [item.id for item in asked if not item.unseen]
    return dict(_read(reader, "without_ways", instances=seen, version=version))


class Relevant(NamedTuple):
    """The accounts that a question needs: all of some instances, by id, and some of others, by theirs."""

    whole: Sequence[int]
    ids: Sequence[int] = ()


def read_relevant(
    reader: Reader,
    asked: Iterable[Asked],
    seeds: Sequence[Seeds],
    *,
    at: datetime | None = None,
    also: Collection[str] = (),
) -> Relevant:
    """Return who may come to a seed, and the accounts that are named by `also`, with all their roles.

    Of an instance where everybody may come to a seed, all accounts are relevant.
    """
    ids = [item.id for item in asked]
    grants = dict.fromkeys(grant for seed in seeds for grant in seed.grants)
    grants |= dict.fromkeys(_list_matching(reader, {one for seed in seeds for one in seed.matching}))
    rows = _read(
        reader,
        "relevant",
        instances=ids,
        attributes=[f'{{"{name}": true}}' for name in {name for seed in seeds for name in seed.attributes}],
        usernames=list({name for seed in seeds for name in seed.usernames}),
        everybodys=list({name for seed in seeds for name in seed.everybodys}),
        by_principals=ids if any(seed.by_principals for seed in seeds) else [],
        by_user_part=ids if any(seed.by_user_part for seed in seeds) else [],
        also=list(also),
        at=at,
        **_to_columns(("privileges", "scopes", "databases", "schemas", "objects"), list(grants)),
    )
    whole = {instance_id for _, instance_id, is_everybody in rows if is_everybody}
    return Relevant(list(whole), [account_id for account_id, instance_id, _ in rows if instance_id not in whole])


def _list_matching(reader: Reader, matching: Collection[Matching]) -> Iterator[Sought]:
    """Yield the grants that match, of all that the ledger ever held anywhere."""
    for scope in {one.scope for one in matching}:
        for (name,) in _read(reader, "databases", scope=scope):
            yield from (
                Sought(one.privilege, scope, name) for one in matching if one.scope == scope and one.means(name)
            )


def read_populations(
    reader: Reader,
    asked: Sequence[Asked],
    wanted: Mapping[int, Collection[Wanted]],
    *,
    at: datetime | None = None,
    relevant: Relevant | None = None,
) -> dict[int, Population]:
    """Return by instance its accounts (or the relevant ones), each with memberships and the grants that are wanted.

    An instance without accounts, none being known of it then, has a population without any.
    """
    whole, ids = relevant or Relevant([item.id for item in asked])
    values = {"whole": list(whole), "ids": list(ids), "at": at}
    accounts = _read(reader, "accounts", **values)
    hidden = _read_hidden(reader, asked, at)
    held = Holdings(_read(reader, "held", **values, **_to_patterns(asked, wanted)))
    return _build(asked, accounts, held, at, hidden)


def read_closure(reader: Reader, asked: Asked, usernames: Collection[str], *, at: datetime | None = None) -> Population:
    """Return some accounts with all their roles, and everybody's, each with all that it holds."""
    relevant = read_relevant(reader, [asked], [], at=at, also=usernames)
    ids = list(relevant.ids)
    held = Holdings(_read(reader, "all_held", ids=ids, at=at))
    accounts = _read(reader, "accounts", whole=[], ids=ids, at=at)
    return _build([asked], accounts, held, at, _read_hidden(reader, [asked], at))[asked.id]


def read_holdings(reader: Reader, asked: Asked, at: datetime | None = None) -> Population:
    """Return all accounts of an instance, each with all that it holds."""
    accounts = _read(reader, "accounts", whole=[asked.id], ids=[], at=at)
    held = Holdings(_read(reader, "all_held", ids=[row[0] for row in accounts], at=at))
    return _build([asked], accounts, held, at, _read_hidden(reader, [asked], at))[asked.id]


def _read_hidden(reader: Reader, asked: Iterable[Asked], at: datetime | None) -> dict[int, frozenset[str]]:
    """Return by account which attributes the newest reading was not shown; where it was shown all, nothing is asked.

    No older reading's word on it is kept.
    """
    newest = [item.id for item in asked if item.unseen and (at is None or (item.read_at and item.read_at <= at))]
    rows = _read(reader, "hidden", instances=newest) if newest else ()
    return {account_id: frozenset(names) for account_id, names in rows}


def _build(
    asked: Sequence[Asked],
    accounts: Sequence[Row],
    held: Holdings,
    at: datetime | None,
    hidden: Mapping[int, frozenset[str]],
) -> dict[int, Population]:
    states: dict[int, dict[str, AccountState]] = {item.id: {} for item in asked}
    ids: dict[int, dict[str, int]] = {item.id: {} for item in asked}
    states_of = StateMaker(held)
    for account_id, instance_id, username, kind, text in accounts:
        states[instance_id][username] = states_of.build(
            account_id, username, kind, text, hidden.get(account_id, NOTHING_UNSEEN)
        )
        ids[instance_id][username] = account_id
    return {
        item.id: Population(
            states[item.id],
            Moments(ids[item.id], held),
            item.unseen,
            item.attributes,
            item.version,
            at or datetime.now(UTC),
        )
        for item in asked
    }


def _to_patterns(asked: Iterable[Asked], wanted: Mapping[int, Collection[Wanted]]) -> dict[str, list[Any]]:
    """Return the instances with the numbers of their patterns, and the patterns by number."""
    numbers: dict[frozenset[Wanted], int] = {}
    own = [(item.id, numbers.setdefault(frozenset(wanted.get(item.id, ())), len(numbers))) for item in asked]
    patterns = [(number, *one) for of_one, number in numbers.items() for one in of_one]
    names = ("numbers", "scopes", "databases", "schemas", "objects", "columns", "privileges")
    return _to_columns(("instances", "patterns"), own) | _to_columns(names, patterns)


def _to_columns(names: Sequence[str], rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return rows by column, as `unnest` takes them."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def _read(reader: Reader, statement: str, **values: Any) -> list[Row]:
    """Run a statement; its values stand in it as psql's variables, as in `queries`."""
    query = _VALUE.sub(r"%(\1)s", SQL[statement].replace("%", "%%"))
    with reader.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()
