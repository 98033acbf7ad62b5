"""What readings are not shown of accounts is said of those that questions are decided from, and is no open gate."""

from datetime import datetime

from sqlalchemy import Engine

from tests.engines.scripted import FLAGS, OBSERVED, Fleet, user
from tests.ledger.plain_access import read_whole
from tests.ledger.rows import read, to_url
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import GateState, Population, Question
from whalefall_pipeline.core.model import Account, Grant, Kind, Observation, Securable, Seen
from whalefall_pipeline.ledger.access import read_asked, read_closure, read_holdings
from whalefall_pipeline.ledger.reader import reading

DENIED = Observation(Seen.DENIED, "no SELECT on mysql.user (account_locked)")
SHOWN = {**FLAGS, "flavour": "mysql", "password_expired": False, "plugin": "caching_sha2_password"}
ORDERS = Securable("table", "shop", "", "orders")


def hide(account: Account, *names: str) -> Account:
    return Account(account.username, account.kind, account.attributes, frozenset(names))


def load(ledger: Engine, at: datetime | None = None) -> list[Population]:
    """Return the population, loaded in each way."""
    with reading(to_url(ledger)) as reader:
        (asked,) = read_asked(reader, "one", at=at)
        populations = [read_whole(reader, [asked], at=at)[asked.id], read_closure(reader, asked, ["ana"], at=at)]
        return [*populations, read_holdings(reader, asked, at)]


def read_moment(ledger: Engine) -> datetime:
    (row,) = read(ledger, "select permissions_read_at m from instances")
    return row["m"]


def test_what_the_newest_reading_was_not_shown_is_told(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana", locked=False), user("bob")]
    fleet.sync()
    first = read_moment(ledger)
    fleet.adapter.coverage = {"server": OBSERVED, "account_attributes": DENIED}
    fleet.adapter.accounts = [hide(user("ana", locked=True), "locked"), user("bob")]
    fleet.sync()
    for at in (None, read_moment(ledger)):
        for population in load(ledger, at):
            ana = population.accounts["ana"].account
            assert (ana.attributes["locked"], ana.unseen) == (False, {"locked"})
    assert load(ledger)[0].accounts["bob"].account.unseen == frozenset()
    for population in load(ledger, first):
        assert population.accounts["ana"].account.unseen == frozenset()


def test_a_lock_that_was_never_seen_is_no_open_gate(fleet: Fleet, ledger: Engine) -> None:
    """Neither now, nor at a moment since which it was seen."""
    fleet.adapter.coverage = {"server": OBSERVED, "account_attributes": DENIED}
    fleet.adapter.accounts = [Account("ana@%", Kind.USER, SHOWN, frozenset({"account_locked"}))]
    fleet.adapter.grants = [Grant("ana@%", "SELECT", ORDERS)]
    fleet.sync()
    unseen = read_moment(ledger)
    assert _judge(load(ledger)[0]) == (GateState.UNKNOWN, "not seen: account_locked")
    fleet.adapter.coverage = {"server": OBSERVED, "account_attributes": OBSERVED}
    fleet.adapter.accounts = [Account("ana@%", Kind.USER, {**SHOWN, "account_locked": False})]
    fleet.sync()
    assert _judge(load(ledger)[0]) == (GateState.OPEN, "")
    assert _judge(load(ledger, unseen)[0]) == (GateState.UNKNOWN, "not seen: account_locked")


def _judge(population: Population) -> tuple[GateState, str]:
    answer = Decider(ACCESS, population).decide("ana@%", Question("SELECT", ORDERS))
    (gate,) = [gate for gate in answer.gates if gate.name == "login"]
    return gate.state, gate.reason
