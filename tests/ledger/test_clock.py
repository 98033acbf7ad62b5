"""A ledger's clock that was ahead for a while: the next reading is taken, and moments are set back, order kept."""

from sqlalchemy import Engine, text

from tests.engines.scripted import Fleet, select_on, user
from tests.ledger.rows import read, read_log

MOMENTS = (
    *("account_holding.valid_from", "account_holding.valid_to", "account_attributes.valid_from"),
    *("account_attributes.valid_to", "instance_attributes.valid_from", "account_change_log.change_time"),
    *("instance_accounts.created_at", "instance_accounts.updated_at", "account_snapshots.last_change_time"),
    *("instances.inventory_read_at", "instances.permissions_read_at"),
)


def _put_ahead(ledger: Engine) -> None:
    """Have all that was written be of a year later, as a sync under a wrong clock would have written it."""
    with ledger.begin() as connection:
        for moment in MOMENTS:
            table, column = moment.split(".")
            connection.execute(text(f"update {table} set {column} = {column} + interval '1 year'"))


def test_the_next_sync_is_taken_and_nothing_lies_in_the_future(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts, fleet.adapter.attributes = [user("ana"), user("bob")], {"lifetime": 0}
    fleet.adapter.grants = [select_on("ana", "orders")]
    fleet.sync()
    fleet.adapter.grants = []
    fleet.sync()
    fleet.adapter.grants = [select_on("bob", "orders")]
    _put_ahead(ledger)
    (outcome,) = fleet.sync()
    assert outcome.error is None
    for moment in MOMENTS:
        table, column = moment.split(".")
        assert read(ledger, f"select from {table} where {column} > clock_timestamp()") == [], moment
    assert len(read(ledger, "select from account_grant where valid_from > valid_to")) == 0
    held = read(ledger, "select username from current_grants")
    assert held == [{"username": "bob"}]
    assert read_log(ledger)[-1] == ("bob", "modify_privilege")
    (entry,) = read(ledger, "select message from instance_change_log")
    assert entry["message"].startswith("the ledger's clock had been ahead: moments up to ")
    (record,) = read(ledger, "select notice from sync_instance_records order by id desc limit 1")
    assert record["notice"] == entry["message"]
    (outcome,) = fleet.sync()
    assert outcome.error is None
    assert len(read(ledger, "select from instance_change_log")) == 1
