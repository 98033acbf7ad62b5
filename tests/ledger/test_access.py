"""What effective access is decided from is what the ledger holds, at any moment, in a constant number of statements."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.engines.scripted import FLAGS, OBSERVED, Fleet, role, select_on, user
from tests.ledger.plain_access import EVERYBODY, ORDERS, PLAIN, QUESTION, contents, read_whole, to_answers
from tests.ledger.rows import read, to_url
from whalefall_pipeline.core.access.model import (
    Population,
    Seeds,
    Sought,
    Wanted,
)
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Grant, Kind, Observation, Securable, Seen
from whalefall_pipeline.ledger.access import (
    Relevant,
    read_asked,
    read_closure,
    read_holdings,
    read_known,
    read_populations,
    read_relevant,
    read_securables,
)
from whalefall_pipeline.ledger.history import read_states_at
from whalefall_pipeline.ledger.reader import reading


def load(ledger: Engine, *, at: datetime | None = None) -> Population:
    with reading(to_url(ledger)) as reader:
        (asked,) = read_asked(reader, "one", at=at)
        return read_whole(reader, [asked], at=at)[asked.id]


@given(st.lists(contents(), min_size=1, max_size=3))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_population_is_what_was_held_at_the_moment(fleet: Fleet, ledger: Engine, history: list[Any]) -> None:
    fleet.register(f"instance {len(fleet.instances)}")
    instance = fleet.instances[-1]
    moments: list[datetime] = []
    for accounts, grants in history:
        fleet.adapter.accounts, fleet.adapter.grants = accounts, grants
        (outcome,) = fleet.sync([instance])
        assert outcome.error is None
        (row,) = read(ledger, "select permissions_read_at m from instances where id = :id", id=instance.id)
        moments.append(row["m"])
    for moment in moments:
        with ledger.connect() as connection:
            states = read_states_at(connection, instance.id, moment)
        with reading(to_url(ledger)) as reader:
            asked = read_asked(reader, instance.name, at=moment)
            population = read_whole(reader, asked, at=moment)[instance.id]
        assert population.accounts == states
        _check_moments(ledger, instance.id, moment, population)


def _check_moments(ledger: Engine, instance_id: int, at: datetime, population: Population) -> None:
    since = (
        "select * from grant_history where instance_id = :id and valid_from <= :at and (valid_to > :at) is not false"
    )
    names = ("scope", "database_name", "schema_name", "object_name", "column_name")
    expected = {
        (row["username"], row["privilege"], Securable(*(row[name] for name in names))): row["valid_from"]
        for row in read(ledger, since, id=instance_id, at=at)
    }
    assert {(name, *held[:2]): moment for (name, held), moment in population.since.items()} == expected
    assert len(population.since) == len(expected)


@given(st.lists(contents(), min_size=2, max_size=2))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_narrowed_answers_as_the_whole(fleet: Fleet, ledger: Engine, drawn: list[Any]) -> None:
    """Two instances at once, with accounts of the same names."""
    names = [f"instance {len(fleet.instances) + number}" for number in range(2)]
    fleet.register(*names)
    for instance, (accounts, grants) in zip(fleet.instances[-2:], drawn, strict=True):
        fleet.adapter.accounts, fleet.adapter.grants = accounts, grants
        fleet.sync([instance])
    with reading(to_url(ledger)) as reader:
        asked = [item for item in read_asked(reader) if item.name in names]
        seeds = PLAIN.find_seeds(QUESTION)
        assert seeds is not None
        relevant = read_relevant(reader, asked, [seeds])
        wanted = {item.id: PLAIN.find_wanted(QUESTION) for item in asked}
        narrow = read_populations(reader, asked, wanted, relevant=relevant)
        whole = read_whole(reader, asked)
    for item in asked:
        assert to_answers(narrow[item.id]) == to_answers(whole[item.id])


def test_few_accounts_are_loaded_where_few_matter(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user(f"u{n}", rolsuper=False) for n in range(50)] + [role("readers"), role("other")]
    fleet.adapter.accounts = [replace(item, attributes={**FLAGS, "rolsuper": False}) for item in fleet.adapter.accounts]
    fleet.adapter.grants = [
        *(Grant(f"u{n}", MEMBER, Securable("role", object="readers")) for n in (3, 4)),
        *(Grant(f"u{n}", MEMBER, Securable("role", object="other")) for n in (4, 5)),
        select_on("readers", "orders"),
        select_on("u9", "orders"),
    ]
    fleet.sync()
    with reading(to_url(ledger)) as reader:
        asked = read_asked(reader)
        relevant = read_relevant(reader, asked, [Seeds((Sought("SELECT", *ORDERS[:4]),))])
        found = read_populations(reader, asked, {asked[0].id: [Wanted(*ORDERS)]}, relevant=relevant)[asked[0].id]
    assert relevant.whole == []
    assert sorted(found.accounts) == ["other", "readers", "u3", "u4", "u9"]


def test_where_everybody_can_all_accounts_are_loaded(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana"), user("bob"), Account(EVERYBODY, Kind.PUBLIC, FLAGS)]
    fleet.adapter.grants = [select_on(EVERYBODY, "orders")]
    fleet.sync()
    with reading(to_url(ledger)) as reader:
        asked = read_asked(reader)
        relevant = read_relevant(reader, asked, [Seeds((Sought("SELECT", *ORDERS[:4]),))])
        found = read_populations(reader, asked, {}, relevant=relevant)
    assert relevant == Relevant([asked[0].id], [])
    assert sorted(found[asked[0].id].accounts) == [EVERYBODY, "ana", "bob"]


def test_an_instance_is_as_it_was_at_the_moment(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts, fleet.adapter.attributes = [user("ana")], {"lifetime": 0}
    fleet.adapter.coverage = {"server": OBSERVED, "database:hr": Observation(Seen.DENIED, "no CONNECT")}
    fleet.sync()
    (row,) = read(ledger, "select permissions_read_at m from instances")
    fleet.adapter.attributes, fleet.adapter.coverage = {"lifetime": 9}, {"server": OBSERVED, "database:hr": OBSERVED}
    fleet.sync()
    with reading(to_url(ledger)) as reader:
        (then,) = read_asked(reader, at=row["m"])
        (now,) = read_asked(reader)
        (before,) = read_asked(reader, at=row["m"] - timedelta(days=1))
        population = read_whole(reader, [then], at=row["m"])[then.id]
        nobody = read_whole(reader, [before], at=row["m"] - timedelta(days=1))[before.id]
    assert (dict(then.attributes), list(then.unseen)) == ({"lifetime": 0}, ["database:hr"])
    assert (dict(now.attributes), list(now.unseen)) == ({"lifetime": 9}, [])
    assert (now.version, then.version) == ("Scripted 1.0", "Scripted 1.0")
    assert (population.version, population.now, list(population.unseen)) == ("Scripted 1.0", row["m"], ["database:hr"])
    assert (dict(before.attributes), nobody.accounts) == ({}, {})


def test_a_removed_instance_is_left_out_unless_it_is_asked_for(fleet: Fleet, ledger: Engine) -> None:
    fleet.register("two")
    fleet.sync()
    with ledger.begin() as connection:
        connection.exec_driver_sql("update instances set is_active = false, deleted_at = now() where name = 'two'")
    with reading(to_url(ledger)) as reader:
        assert [item.name for item in read_asked(reader)] == ["one"]
        assert [item.name for item in read_asked(reader, removed=True)] == ["one", "two"]
        (two,) = read_asked(reader, "two")
    assert two.removed_at is not None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("orders",), [ORDERS, Securable("table", "hr", "public", "orders")]),
        (("public", "orders"), [ORDERS, Securable("table", "hr", "public", "orders")]),
        (("shop", "public", "orders"), [ORDERS]),
        (("app", "orders"), []),
        (("shop",), [Securable("database", "shop")]),
        (("public",), [Securable("schema", "shop", "public")]),
        (("gone",), []),
    ],
)
def test_what_is_known_by_a_name_path(fleet: Fleet, ledger: Engine, path: tuple[str, ...], found: list[Any]) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.adapter.grants = [select_on("ana", "gone")]
    fleet.sync()
    fleet.adapter.grants = [
        select_on("ana", "orders"),
        select_on("ana", "orders", database="hr"),
        Grant("ana", "CONNECT", Securable("database", "shop")),
        Grant("ana", "USAGE", Securable("schema", "shop", "public")),
    ]
    fleet.sync()
    with reading(to_url(ledger)) as reader:
        asked = read_asked(reader)
        known = read_known(reader, asked, path)
        assert sorted(known.get(asked[0].id, [])) == sorted(found)
        assert len(read_securables(reader, asked[0])) == 4


def test_an_account_is_known_as_a_role_that_nobody_is_a_member_of(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana"), role("readers")]
    fleet.sync()
    with reading(to_url(ledger)) as reader:
        asked = read_asked(reader)
        assert read_known(reader, asked, ["readers"]) == {}
        assert read_known(reader, asked, ["readers"], kind="role") == {
            asked[0].id: [Securable("role", object="readers")]
        }


def test_a_closure_is_an_account_with_its_roles_and_all_that_they_hold(fleet: Fleet, ledger: Engine) -> None:
    everybody = Account(EVERYBODY, Kind.PUBLIC, FLAGS)
    fleet.adapter.accounts = [user("ana"), user("bob"), role("r0"), role("r1"), role("r2"), everybody]
    fleet.adapter.grants = [
        *(Grant("ana", option, Securable("role", object="r0")) for option in (MEMBER, "INHERIT")),
        Grant("r0", MEMBER, Securable("role", object="r1")),
        Grant("bob", MEMBER, Securable("role", object="r2")),
        *(select_on(name, table) for name in ("ana", "r1", "bob", EVERYBODY) for table in ("orders", "other")),
    ]
    fleet.sync()
    with reading(to_url(ledger)) as reader:
        (asked,) = read_asked(reader)
        closure = read_closure(reader, asked, ["ana"])
        whole = read_holdings(reader, asked)
    assert sorted(closure.accounts) == [EVERYBODY, "ana", "r0", "r1"]
    assert closure.accounts.items() <= whole.accounts.items()
    assert {name: len(state.held) for name, state in whole.accounts.items()} == {
        EVERYBODY: 2,
        "ana": 4,
        "bob": 3,
        "r0": 1,
        "r1": 2,
        "r2": 0,
    }
    item = next(iter(closure.accounts["r1"].held))
    assert isinstance(closure.find_since("r1", item), datetime)
    assert (closure.find_since("nobody", item), closure.find_since("r0", item)) == (None, None)


def test_as_many_statements_for_a_fleet_as_for_one(
    fleet: Fleet, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.adapter.accounts = [user("ana", rolsuper=False), replace(role("r3"), attributes={**FLAGS, "rolsuper": False})]
    fleet.adapter.grants = [select_on("ana", "orders")]
    fleet.register(*(f"instance {number}" for number in range(20)))
    fleet.sync()
    counts = [_count_statements(ledger, monkeypatch, name) for name in ("one", None)]
    assert counts == [(6, 1), (6, 21)]


def _count_statements(ledger: Engine, monkeypatch: pytest.MonkeyPatch, name: str | None) -> tuple[int, int]:
    sent: list[object] = []
    execute = psycopg.Cursor.execute

    def count(cursor: Any, *values: Any, **named: Any) -> Any:
        sent.append(values)
        return execute(cursor, *values, **named)

    with reading(to_url(ledger)) as reader, monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", count)
        asked = read_asked(reader, name)
        read_known(reader, asked, ["orders"])
        seeds = PLAIN.find_seeds(QUESTION)
        assert seeds is not None
        relevant = read_relevant(reader, asked, [seeds])
        found = read_populations(reader, asked, {item.id: [Wanted(*ORDERS)] for item in asked}, relevant=relevant)
        return len(sent), sum(len(to_answers(population)) > 0 for population in found.values())


def test_states_are_values_of_the_model(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders", option=True)]
    fleet.sync()
    assert load(ledger).accounts == {"ana": AccountState.of(user("ana"), fleet.adapter.grants)}


@pytest.mark.parametrize("tables", [20, 21, 60])
@pytest.mark.parametrize("wanted", [[Wanted("table")], [Wanted("table", object=f"t{n}") for n in range(60)]])
def test_what_is_wanted_is_loaded_be_it_little_or_much(
    fleet: Fleet, ledger: Engine, tables: int, wanted: list[Wanted]
) -> None:
    """Of two instances at once, of which one has little that is wanted; who holds what is found in two ways."""
    fleet.register("two")
    one, two = fleet.instances
    fleet.adapter.accounts = [user("ana"), user("bob"), role("readers")]
    other = [
        Grant("ana", "CONNECT", Securable("database", "shop")),
        Grant("ana", MEMBER, Securable("role", object="x")),
    ]
    fleet.adapter.grants = [select_on(("ana", "bob")[n % 2], f"t{n}") for n in range(tables)] + other
    fleet.sync([one])
    fleet.adapter.grants = [select_on("bob", "t1"), *other]
    fleet.sync([two])
    with reading(to_url(ledger)) as reader:
        asked = read_asked(reader)
        found = read_populations(reader, asked, {item.id: wanted for item in asked})
        for item in asked:
            for name, state in read_holdings(reader, item).accounts.items():
                expected = {held for held in state.held if held.securable.scope != "database"}
                assert found[item.id].accounts[name].held == expected
    assert {item.name: len(found[item.id].accounts["bob"].held) for item in asked} == {"one": tables // 2, "two": 1}
