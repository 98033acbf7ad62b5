"""What the ledger makes of databases and accounts that are not to be read: kept, marked, missed by nobody."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read, read_log, read_versions
from whalefall_pipeline.core.model import Observation, Seen
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import change_instance, read_instances
from whalefall_pipeline.ledger.unseen import read_gaps
from whalefall_pipeline.sync.plan import Alerting

WHY = "Amazon's own"
NOW = "select scope, status, reason, last_seen_at is null as never from instance_scopes where valid_to is null"
HELD = "select username, database_name from current_grants order by 1, 2"
UNKNOWN = "select rule_id, detail from finding where outcome = 'unknown' and closed_at is null order by 1"
ACTIVE = "select username from instance_accounts where is_active order by 1"


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """Two databases, in each of which somebody holds something; all of it was read once."""
    fleet.adapter.accounts = [user("ana"), user("bob"), role("staff")]
    fleet.adapter.grants = [
        select_on("ana", "orders"),
        select_on("ana", "t", database="rds"),
        select_on("bob", "orders"),
    ]
    fleet.adapter.coverage = dict.fromkeys(("server", "database:shop", "database:rds"), OBSERVED)
    fleet.adapter.tells_rows = True
    fleet.sync()
    return fleet


def exclude(fleet: Fleet, excluded: Mapping[str, str], by: str = "dba") -> None:
    with fleet.engine.connect() as connection, transaction(connection):
        (known,) = read_instances(connection)
        change_instance(connection, replace(known, excluded=excluded), by=by)
    with fleet.engine.connect() as connection:
        fleet.instances[:] = read_instances(connection)


def test_nothing_of_it_is_revoked_or_gone_or_missed(fleet: Fleet, ledger: Engine) -> None:
    before, unknown = read_log(ledger), read(ledger, UNKNOWN)
    exclude(fleet, {"database:rds": WHY, "account:bob": WHY})
    fleet.adapter.accounts = [user("ana"), user("bob", rolsuper=True), role("staff")]
    fleet.adapter.grants = [select_on("ana", "orders")]
    (outcome,) = fleet.sync(alerting=Alerting())
    assert outcome.error is None
    assert read_log(ledger) == before
    assert [tuple(row.values()) for row in read(ledger, HELD)] == [("ana", "rds"), ("ana", "shop"), ("bob", "shop")]
    assert [row["username"] for row in read(ledger, ACTIVE)] == ["ana", "bob", "staff"]
    assert [tuple(row.values()) for row in read(ledger, f"{NOW} order by 1")] == [
        ("account:bob", "excluded", WHY, False),
        ("database:rds", "excluded", WHY, False),
    ]
    assert outcome.inventory is not None
    assert outcome.inventory.hidden == 0
    assert read(ledger, "select kind from alert") == []
    with ledger.connect() as connection:
        assert read_gaps(connection) == []
    assert read(ledger, UNKNOWN) == unknown


def test_a_second_sync_writes_nothing(fleet: Fleet, ledger: Engine) -> None:
    exclude(fleet, {"database:rds": WHY, "account:bob": WHY})
    fleet.sync()
    before = read_versions(ledger)
    (outcome,) = fleet.sync()
    assert (outcome.error, read_versions(ledger)) == (None, before)


def test_what_was_never_read_stays_unknown(fleet: Fleet, ledger: Engine) -> None:
    exclude(fleet, {"account:eve": WHY, "database:new": WHY})
    fleet.adapter.accounts.append(user("eve", rolsuper=True))
    fleet.adapter.grants += [select_on("eve", "orders"), select_on("ana", "t", database="new")]
    fleet.sync()
    assert "eve" not in [row["username"] for row in read(ledger, ACTIVE)]
    assert "new" not in [row["database_name"] for row in read(ledger, HELD)]
    found = {row["scope"]: row["never"] for row in read(ledger, NOW)}
    assert found["database:new"] is True


def test_taken_back_it_is_read_again_and_the_log_says_what_changed_meanwhile(fleet: Fleet, ledger: Engine) -> None:
    exclude(fleet, {"database:rds": WHY, "account:bob": WHY})
    fleet.adapter.accounts = [user("ana"), role("staff")]
    fleet.adapter.grants = [select_on("ana", "orders")]
    fleet.sync()
    known = read_log(ledger)
    exclude(fleet, {}, by="other dba")
    fleet.sync()
    assert sorted(read_log(ledger)[len(known) :]) == [("ana", "modify_privilege"), ("bob", "delete")]
    assert read(ledger, NOW) == []
    ended = read(
        ledger, "select scope, excluded_by, ended_by, ended_at is null as still from instance_exclusion order by 1"
    )
    assert [tuple(row.values()) for row in ended] == [
        ("account:bob", "dba", "other dba", False),
        ("database:rds", "dba", "other dba", False),
    ]


def test_a_scope_that_is_denied_once_it_may_be_read_is_lost_from_sight(fleet: Fleet, ledger: Engine) -> None:
    exclude(fleet, {"database:rds": WHY})
    fleet.sync(alerting=Alerting())
    exclude(fleet, {})
    fleet.adapter.coverage["database:rds"] = Observation(Seen.DENIED, "no CONNECT")
    fleet.sync(alerting=Alerting())
    assert [row["kind"] for row in read(ledger, "select kind from alert")] == ["scope_lost"]


def test_another_reason_is_another_exclusion_and_the_same_is_left_alone(fleet: Fleet, ledger: Engine) -> None:
    for reason in (WHY, WHY, "another reason"):
        exclude(fleet, {"database:rds": reason})
    rows = read(ledger, "select reason, ended_at is null as now from instance_exclusion order by id")
    assert [tuple(row.values()) for row in rows] == [(WHY, False), ("another reason", True)]
