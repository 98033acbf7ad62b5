"""What bars a role from logging in or opens another's rights, of settings that no test's server has: no server."""

from collections.abc import Iterable

import pytest

from whalefall_pipeline.adapters.postgresql.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Danger, Gate, GateState, Population, Question
from whalefall_pipeline.core.model import Account, AccountState, Held, Json, Kind, Securable

ORDERS = Securable("table", "shop", "sales", "orders")
FLAGS: dict[str, Json] = {"rolcanlogin": True, "rolinherit": True, "rolsuper": False, "rolcreaterole": False}


def build(held: Iterable[tuple[str, Held]], **special: dict[str, Json]) -> Population:
    names = ("ann", "ben", "root")
    given = list(held)
    special.setdefault("root", {"rolsuper": True})
    return Population(
        {
            name: AccountState(
                Account(name, Kind.USER, FLAGS | special.get(name, {})),
                frozenset(item for holder, item in given if holder == name),
            )
            for name in names
        },
        version="PostgreSQL 15.4",
    )


@pytest.mark.parametrize(
    ("name", "limit", "gate"),
    [
        ("ann", 0, Gate("login", GateState.CLOSED, "rolconnlimit is 0")),
        ("ann", 1, Gate("login", GateState.OPEN)),
        ("ann", -1, Gate("login", GateState.OPEN)),
        ("root", 0, Gate("login", GateState.OPEN)),
    ],
)
def test_a_role_that_may_hold_no_connection_logs_in_only_as_a_superuser(name: str, limit: int, gate: Gate) -> None:
    special: dict[str, Json] = {"rolsuper": name == "root", "rolconnlimit": limit}
    population = build([("ann", Held("SELECT", ORDERS))], **{name: special})
    answer = Decider(ACCESS, population).decide(name, Question("SELECT", ORDERS))
    assert gate in answer.gates


def find_owners(*held: tuple[str, Held]) -> list[Danger]:
    return [found for found in ACCESS.find_dangers(build(held)) if "which subscription" in found.words]


def test_a_table_that_a_subscription_writes_to_is_of_danger_by_its_owner_and_once() -> None:
    tables = [ORDERS, ORDERS._replace(object="items")]
    written = [("root", Held("WRITER", table._replace(scope="subscribed_table", column="sub"))) for table in tables]
    owned = [("ann", Held("OWNER", table)) for table in tables]
    (danger,) = find_owners(*written, *owned)
    assert (danger.holder, danger.becomes) == ("ann", "")
    assert not find_owners(*written), "nobody is known to own it"
    assert not find_owners(*written, *(("root", item) for _, item in owned)), "who owns it writes to it"
    (danger,) = find_owners(*(("ben", item) for _, item in written), *owned)
    assert (danger.holder, danger.becomes) == ("ann", "ben")
    assert not find_owners(*(("ben", item) for _, item in written), *(("root", item) for _, item in owned))
