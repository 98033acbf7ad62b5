"""What accounts hold is kept as numbers, each grant once, and reads as a row for each grant in its interval."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, role, select_on, user
from tests.ledger.rows import read, read_versions
from whalefall_pipeline.core.model import MEMBER, Effect, Grant, Securable
from whalefall_pipeline.ledger.changes import MOST_IN_ROW

Interval: TypeAlias = "tuple[Grant, datetime, datetime | None]"
NAMES = ("ana", "bob", "readers")
EFFECTS: Sequence[Effect] = ("grant", "deny")
SECURABLES = (
    Securable("table", "shop", "public", "orders"),
    Securable("table", "shop", "public", 'orders\\{1,2},"x"\'\t'),
    Securable("column", "shop", "public", "orders", "total"),
    Securable("database", "shop"),
)
IN_NO_ORDER = """
select grants from account_holding
where grants <> array(select distinct number from unnest(grants) as held (number) order by number)
"""
"""Rows in which a binary search would not find a grant."""
GRANTS = st.one_of(
    st.builds(Grant, st.sampled_from(NAMES), st.sampled_from(["SELECT", "UPDATE"]), st.sampled_from(SECURABLES),
              st.booleans(), st.sampled_from(EFFECTS)),
    st.builds(Grant, st.sampled_from(NAMES[:2]), st.sampled_from([MEMBER, "SET"]),
              st.just(Securable("role", object="readers")), st.booleans()),
)  # fmt: skip


def _sync(fleet: Fleet, grants: Sequence[Grant]) -> datetime:
    """Sync the newest instance, and return the moment of the reading."""
    instance = fleet.instances[-1]
    fleet.adapter.accounts = [user("ana"), user("bob"), role("readers")]
    fleet.adapter.grants = list(grants)
    (outcome,) = fleet.sync([instance])
    assert outcome.error is None
    (row,) = read(fleet.engine, "select permissions_read_at m from instances where id = :id", id=instance.id)
    return row["m"]


def _read_intervals(fleet: Fleet) -> list[Interval]:
    rows = read(
        fleet.engine,
        "select a.username, g.* from account_grant g join instance_accounts a on a.id = g.instance_account_id"
        " where g.instance_id = :id",
        id=fleet.instances[-1].id,
    )
    path = ("scope", "database_name", "schema_name", "object_name", "column_name")
    return [
        (
            Grant(row["username"], row["privilege"], Securable(*map(row.__getitem__, path)), row["grant_option"],
                  row["effect"]),
            row["valid_from"],
            row["valid_to"],
        )
        for row in rows
    ]  # fmt: skip


@given(st.lists(st.frozensets(GRANTS, max_size=8), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_grant_has_the_intervals_in_which_it_held(fleet: Fleet, history: list[frozenset[Grant]]) -> None:
    """Worked out here for each grant by itself, from one reading to the next."""
    fleet.register(f"instance {len(fleet.instances)}")
    expected: list[Interval] = []
    since: dict[Grant, datetime] = {}
    for grants in history:
        moment = _sync(fleet, sorted(grants))
        expected += [(grant, since.pop(grant), moment) for grant in since.keys() - grants]
        since |= dict.fromkeys(grants - since.keys(), moment)
    expected += [(grant, begun, None) for grant, begun in since.items()]
    found = _read_intervals(fleet)
    assert len(found) == len(expected)
    assert set(found) == set(expected)
    assert read(fleet.engine, IN_NO_ORDER) == []


def _read_numbers(ledger: Engine) -> Any:
    rows = read(ledger, "select instance_id, number, privilege, object_name from instance_grant order by 1, 2")
    return [tuple(row.values()) for row in rows]


def test_a_grant_is_written_once_whoever_holds_it_and_when(fleet: Fleet, ledger: Engine) -> None:
    _sync(fleet, [select_on("ana", "orders"), select_on("bob", "orders")])
    _sync(fleet, [select_on("bob", "payments")])
    _sync(fleet, [select_on("ana", "orders"), select_on("bob", "payments")])
    first = fleet.instances[-1].id
    kept = [(first, 1, "SELECT", "orders"), (first, 2, "SELECT", "payments")]
    assert _read_numbers(ledger) == kept
    fleet.register("other")
    _sync(fleet, [select_on("readers", "payments")])
    assert _read_numbers(ledger) == [*kept, (fleet.instances[-1].id, 1, "SELECT", "payments")]


def test_what_stays_is_held_since_when_it_was(fleet: Fleet, ledger: Engine) -> None:
    """A row of several grants, of which some go one after the other."""
    tables = ["a", "b", "c"]
    moments = [_sync(fleet, [select_on("ana", name) for name in tables[number:]]) for number in range(4)]
    rows = read(ledger, "select object_name, valid_from, valid_to from account_grant order by object_name")
    assert [tuple(row.values()) for row in rows] == [
        (name, moments[0], ended) for name, ended in zip(tables, moments[1:], strict=True)
    ]


@pytest.mark.parametrize("many", [MOST_IN_ROW, MOST_IN_ROW + 1, 3 * MOST_IN_ROW])
def test_of_an_account_with_many_grants_few_are_written_again(fleet: Fleet, ledger: Engine, many: int) -> None:
    grants = [select_on("ana", f"table {number}") for number in range(many)]
    first = _sync(fleet, grants)
    rows = read(ledger, "select cardinality(grants) many, pg_column_size(h) size from account_holding h")
    assert max(row["many"] for row in rows) == MOST_IN_ROW
    assert len(rows) == -(-many // MOST_IN_ROW)
    assert max(row["size"] for row in rows) < 2000, "PostgreSQL keeps a larger one apart"
    before = read_versions(ledger)
    second = _sync(fleet, [*grants[:7], *grants[8:], select_on("ana", "new")])
    after = read_versions(ledger)
    new = {table: len(set(after[table]) - set(before[table])) for table in ("account_holding", "instance_grant")}
    assert new == {"account_holding": 3, "instance_grant": 1}, "what is kept, what ended, what is new"
    intervals = {grant.securable.object: (begun, ended) for grant, begun, ended in _read_intervals(fleet)}
    assert intervals.pop("table 7") == (first, second)
    assert intervals.pop("new") == (second, None)
    assert set(intervals.values()) == {(first, None)}
    assert len(intervals) == many - 1


def test_memberships_are_kept_apart_from_what_else_is_held(fleet: Fleet, ledger: Engine) -> None:
    member = Grant("ana", MEMBER, Securable("role", object="readers"))
    _sync(fleet, [member, member._replace(privilege="SET"), select_on("ana", "orders"), select_on("bob", "orders")])
    rows = read(ledger, "select of_roles, cardinality(grants) many from account_holding order by 1, 2")
    assert [tuple(row.values()) for row in rows] == [(False, 1), (False, 1), (True, 2)]
