"""Few grants are looked for in each row of holdings, many by taking the rows apart: both find the same."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, user
from tests.ledger.rows import read, to_url
from whalefall_pipeline.core.access.model import Seeds, Sought
from whalefall_pipeline.core.model import Grant, Securable
from whalefall_pipeline.ledger.access import read_asked, read_known, read_relevant
from whalefall_pipeline.ledger.queries import read_holders
from whalefall_pipeline.ledger.reader import reading

FEW, MANY = 10, 11
"""Schemas with a table of one name, on which two privileges are held: as many as are looked for singly, and more."""
HELD = """
select i.name as instance, a.id, a.username, g.privilege, g.scope, g.database_name, g.schema_name, g.object_name,
       g.column_name, g.valid_from as since
from account_grant g join instance_accounts a on a.id = g.instance_account_id join instances i on i.id = g.instance_id
where g.scope = :scope and case when cast(:at as timestamptz) is null then g.valid_to is null
                                else g.valid_from <= :at and (g.valid_to is null or g.valid_to > :at) end
"""


def _list_grants(schemas: int) -> list[Grant]:
    """Return what two accounts hold in so many schemas, and what is none of it."""
    tables = [Securable("table", "shop", f"s{number}", "orders") for number in range(schemas)]
    routines = [Securable("routine", "shop", f"s{number}", "orders(integer)") for number in range(schemas)]
    return [
        *(Grant(("ana", "bob")[number % 2], "SELECT", item) for number, item in enumerate(tables)),
        *(Grant("bob", "UPDATE", item) for item in tables),
        *(Grant("ana", "EXECUTE", item) for item in routines),
        Grant("carl", "SELECT", Securable("table", "shop", "s1", "payments")),
    ]


@pytest.fixture(params=[FEW, MANY])
def moments(request: pytest.FixtureRequest, fleet: Fleet) -> list[datetime | None]:
    """A moment, and None for now: one instance has more schemas in the beginning than another, and then than itself."""
    fleet.register("other")
    fleet.adapter.accounts = [user("ana"), user("bob"), user("carl")]
    found: list[datetime | None] = []
    for schemas, other in ((request.param, 1), (request.param - 3, 2)):
        for instance, many in zip(fleet.instances, (schemas, other), strict=True):
            fleet.adapter.grants = _list_grants(many)
            (outcome,) = fleet.sync([instance])
            assert outcome.error is None
        (row,) = read(fleet.engine, "select max(permissions_read_at) as at from instances")
        found.append(row["at"])
    return [found[0], None]


def _read_held(ledger: Engine, at: datetime | None, scope: str = "table") -> list[Mapping[str, Any]]:
    return [row for row in read(ledger, HELD, at=at, scope=scope) if row["object_name"].startswith("orders")]


def test_who_holds_something(ledger: Engine, moments: list[datetime | None]) -> None:
    columns = ("instance", "username", "privilege", "schema_name", "object_name", "since")
    for at in moments:
        with reading(to_url(ledger)) as reader:
            found = read_holders(reader, None, ["orders"], kind="table", at=at)
        rows = [tuple(row[name] for name in columns) for row in found]
        assert sorted(rows) == sorted(tuple(row[name] for name in columns) for row in _read_held(ledger, at))


@pytest.mark.parametrize("scope", ["table", "routine"])
def test_what_is_known(ledger: Engine, moments: list[datetime | None], scope: str) -> None:
    path = ("scope", "database_name", "schema_name", "object_name", "column_name")
    for at in moments:
        with reading(to_url(ledger)) as reader:
            asked = read_asked(reader, at=at)
            known = read_known(reader, asked, ["orders"], kind=scope, at=at)
        found = {(item.name, securable) for item in asked for securable in known[item.id] if securable.scope == scope}
        held = _read_held(ledger, at, scope)
        assert found == {(row["instance"], Securable(*(row[name] for name in path))) for row in held}


def test_who_may_come_to_something(ledger: Engine, moments: list[datetime | None]) -> None:
    sought = [Sought(privilege, "table", "shop", f"s{number}", "orders") for number in range(MANY)
              for privilege in ("SELECT", "UPDATE")]  # fmt: skip
    for at in moments:
        with reading(to_url(ledger)) as reader:
            found = read_relevant(reader, read_asked(reader, at=at), [Seeds(tuple(sought))], at=at)
        assert set(found.ids) == {row["id"] for row in _read_held(ledger, at)}
