"""What a reading could not observe, and when that was last seen; also where only parts, or no names, are known."""

from sqlalchemy import Engine

from tests.engines.scripted import OBSERVED, Fleet, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.adapters.oracle import rules as oracle
from whalefall_pipeline.core.model import Account, Grant, Kind, Observation, Securable, Seen

DENIED = Observation(Seen.DENIED, "no SELECT")
SLOW = Observation(Seen.TIMED_OUT, "no answer")
OPEN = "select scope, status, reason, last_seen_at from instance_scopes where valid_to is null order by scope"
READ_AT = "select permissions_read_at as moment from instances"


def test_a_part_was_last_seen_with_its_whole(fleet: Fleet, ledger: Engine) -> None:
    """A container that is observed is named as a whole, and by its parts when it is not."""
    fleet.adapter.rules = oracle.RULES
    fleet.adapter.accounts = [Account("ANA", Kind.USER, {"account_status": "OPEN"})]
    fleet.adapter.grants = [Grant("ANA", "SELECT", Securable("table", "SALES", "HR", "T"))]
    fleet.adapter.coverage = {"server": OBSERVED, "database:SALES": OBSERVED}
    fleet.sync()
    (seen,) = read(ledger, READ_AT)
    fleet.adapter.grants = []
    fleet.adapter.coverage["database:SALES/object_privileges"] = DENIED
    fleet.sync()
    (row,) = read(ledger, OPEN)
    assert (row["scope"], row["last_seen_at"]) == ("database:SALES/object_privileges", seen["moment"])


def test_a_database_whose_list_was_not_seen_is_not_seen_either(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders")]
    fleet.adapter.coverage = {"server": OBSERVED, "database:shop": OBSERVED, "database:hr": DENIED}
    fleet.sync()
    (seen,) = read(ledger, READ_AT)
    fleet.adapter.grants = []
    fleet.adapter.coverage = {"server": SLOW}
    fleet.sync()
    rows = [tuple(row.values()) for row in read(ledger, OPEN)]
    assert rows == [
        ("database:hr", "timed_out", "no answer", None),
        ("database:shop", "timed_out", "no answer", seen["moment"]),
        ("server", "timed_out", "no answer", seen["moment"]),
    ]
    fleet.adapter.coverage = {"server": OBSERVED, "database:shop": DENIED}
    fleet.sync()
    rows = [tuple(row.values()) for row in read(ledger, OPEN)]
    assert rows == [("database:shop", "denied", "no SELECT", seen["moment"])]
    assert len(read(ledger, "select from current_grants")) == 1
