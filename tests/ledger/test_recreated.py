"""An account that is dropped and made again between two syncs is another one, where the server knows them apart."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.engines.scripted import OBSERVED, Fleet, select_on, user
from tests.ledger.rows import read, read_log, read_versions
from whalefall_pipeline.core.changes import Changes
from whalefall_pipeline.core.model import Account, Observation, Seen
from whalefall_pipeline.sync.plan import Alerting

DENIED = Observation(Seen.DENIED, "no CONNECT")
ALERTS = "select kind, payload from alert where kind <> 'finding_opened' order by id"


def _known_as(native_id: str, **attributes: bool) -> Account:
    return replace(user("ana", **attributes), native_id=native_id)


@pytest.fixture
def known(fleet: Fleet) -> Fleet:
    """A fleet whose server has the account 16400, which holds something in each of two databases."""
    fleet.adapter.identity = "server A"
    fleet.adapter.accounts = [_known_as("16400"), user("bob")]
    fleet.adapter.grants = [select_on("ana", "orders"), select_on("ana", "people", database="hr")]
    fleet.adapter.coverage = dict.fromkeys(("server", "database:shop", "database:hr"), OBSERVED)
    fleet.sync()
    return fleet


def test_the_log_says_so_and_it_holds_what_it_has_since_now(known: Fleet) -> None:
    known.adapter.accounts = [_known_as("16500"), user("bob")]
    told: list[Changes] = []
    known.run(known.plan(alerting=Alerting()), tell=lambda outcome: told.append(outcome.changes))
    assert ([list(each.recreated) for each in told], [each.gone for each in told]) == ([["ana"]], [[]])
    assert read_log(known.engine)[-2:] == [("ana", "delete"), ("ana", "reactivate")]
    rows = read(known.engine, "select valid_from, valid_to from account_grant order by valid_from, object_name")
    moment = read(known.engine, "select permissions_read_at as m from instances")[0]["m"]
    assert [row["valid_to"] for row in rows] == [moment, moment, None, None]
    assert [row["valid_from"] for row in rows[2:]] == [moment, moment]
    (account,) = read(known.engine, "select * from instance_accounts where username = 'ana'")
    assert (account["native_id"], account["is_active"], account["updated_at"]) == ("16500", True, moment)
    (alert,) = read(known.engine, ALERTS)
    assert (alert["kind"], [item["name"] for item in alert["payload"]["items"]]) == ("account_recreated", ["ana"])
    before = read_versions(known.engine)
    known.sync()
    assert read_versions(known.engine) == before


def test_what_the_old_one_held_out_of_sight_is_not_carried_over(known: Fleet) -> None:
    """No role can be dropped while it holds anything, in whichever database."""
    known.adapter.accounts = [_known_as("16500"), user("bob")]
    known.adapter.grants = [select_on("ana", "orders")]
    known.adapter.coverage["database:hr"] = DENIED
    known.sync()
    assert [row["object_name"] for row in read(known.engine, "select object_name from current_grants")] == ["orders"]


def test_a_superuser_that_is_made_again_is_a_new_one(known: Fleet) -> None:
    for native_id in ("16500", "16600"):
        known.adapter.accounts = [_known_as(native_id, rolsuper=True), user("bob")]
        known.sync(alerting=Alerting())
    kinds = [row["kind"] for row in read(known.engine, ALERTS)]
    assert kinds == ["account_recreated", "new_superuser"] * 2


def _of_an_older_version(fleet: Fleet) -> None:
    with fleet.engine.begin() as connection:
        connection.execute(text("update instance_accounts set native_id = null"))


def _of_another_server(fleet: Fleet) -> None:
    fleet.adapter.identity = "server B"
    fleet.adapter.accounts = [_known_as("16500"), user("bob")]


def _of_a_server_that_says_nothing(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana"), user("bob")]


@pytest.mark.parametrize("change", [_of_an_older_version, _of_another_server, _of_a_server_that_says_nothing])
def test_what_shows_nothing_is_no_news(known: Fleet, change: Callable[[Fleet], None]) -> None:
    before = read(known.engine, "select * from account_holding order by ctid")
    change(known)
    (outcome,) = known.sync(alerting=Alerting())
    assert outcome.error is None
    assert [entry for entry in read_log(known.engine) if entry[1] != "add"] == []
    assert read(known.engine, "select * from account_holding order by ctid") == before
    assert read(known.engine, ALERTS) == []
    ids = read(known.engine, "select native_id from instance_accounts where username = 'ana'")
    expected = "16500" if change is _of_another_server else "16400"
    assert [row["native_id"] for row in ids] == [expected]


def test_one_that_was_gone_and_is_back_is_told_as_that_alone(known: Fleet) -> None:
    for accounts in ([user("bob")], [_known_as("16500"), user("bob")]):
        known.adapter.accounts = accounts
        known.sync(alerting=Alerting())
    assert read_log(known.engine)[-2:] == [("ana", "delete"), ("ana", "reactivate")]
    (alert,) = read(known.engine, ALERTS)
    assert alert["payload"]["count"] == 1
