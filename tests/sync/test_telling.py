"""What a sync changed is a value that whoever is told of it gets: nothing of it has to be read from the ledger."""

from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.core.changes import Changes
from whalefall_pipeline.core.model import Observation, Seen
from whalefall_pipeline.sync.tell import Outcome

DENIED = Observation(Seen.DENIED, "no CONNECT")


def _sync(fleet: Fleet) -> Changes:
    told: list[Changes] = []

    def keep(outcome: Outcome) -> None:
        told.append(outcome.changes)

    (outcome,) = fleet.run(fleet.plan(), tell=keep)
    assert outcome.error is None
    assert outcome.changes == Changes(), "given up once it was told"
    return told[0]


def test_all_that_changed_is_told(fleet: Fleet) -> None:
    fleet.adapter.accounts, fleet.adapter.attributes = [user("ana"), role("readers"), role("stay")], {"lifetime": 0}
    fleet.adapter.grants = [select_on("ana", "orders")]
    fleet.adapter.coverage = dict.fromkeys(("server", "database:shop", "database:hr"), OBSERVED)
    told = _sync(fleet)
    assert (sorted(told.new), list(told.granted)) == (["ana", "readers", "stay"], fleet.adapter.grants)
    assert (told.gone, list(told.attributes), list(told.lost)) == ([], [], [])

    fleet.adapter.accounts, fleet.adapter.attributes = [user("ana"), user("bob"), role("stay")], {"lifetime": 9}
    fleet.adapter.grants = [select_on("bob", "orders")]
    fleet.adapter.coverage["database:hr"] = DENIED
    told = _sync(fleet)
    assert (told.new, told.gone) == (("bob",), ["readers"])
    assert list(told.granted) == [select_on("bob", "orders")]
    assert list(told.revoked) == [select_on("ana", "orders")]
    assert [tuple(change) for change in told.attributes] == [("lifetime", 0, 9)]
    assert [item.scope for item in told.lost] == ["database:hr"]

    fleet.adapter.coverage["database:hr"] = OBSERVED
    fleet.adapter.accounts.append(role("readers"))
    told = _sync(fleet)
    assert (told.returned, told.found, told.attributes) == (("readers",), ("database:hr",), ())
    assert _sync(fleet) == Changes()


def test_a_record_says_what_each_phase_counted(fleet: Fleet) -> None:
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders"), select_on("x", "orders")]
    fleet.adapter.hidden = {"ana"}
    fleet.sync()
    fleet.sync(permissions=False)
    fleet.sync(inventory=False)
    details = [row["d"] for row in read(fleet.engine, "select sync_details d from sync_instance_records order by id")]
    assert details[0] == {
        "version": 1,
        "server_version": "Scripted 1.0",
        "statements": 2,
        "attempts": 1,
        "encrypted": None,
        "verified": None,
        "inventory": {"active": 1, "created": 1, "reactivated": 0, "deactivated": 0, "hidden": 0},
        "collection": {"accounts": 1, "added": 1, "changed": 0, "grants": 1, "grants_without_account": 1},
        "coverage": {"server": {"status": "observed", "reason": ""}},
    }
    assert [(item["inventory"] is None, item["collection"] is None) for item in details] == [
        (False, False),
        (False, True),
        (True, False),
    ]


def test_items_created_counts_new_accounts_only(fleet: Fleet) -> None:
    for accounts in ([user("ana"), user("bob")], [user("ana")], [user("ana"), user("bob"), user("eve")]):
        fleet.adapter.accounts = accounts
        fleet.sync()
    rows = read(fleet.engine, "select items_created c, items_deleted d from sync_instance_records order by id")
    assert [(row["c"], row["d"]) for row in rows] == [(2, 0), (0, 1), (1, 0)]
