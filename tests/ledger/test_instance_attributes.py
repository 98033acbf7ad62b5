"""What an instance is set to is the instance's own: one SET is one entry, and no account's, whatever facts follow."""

from collections.abc import Collection, Mapping
from datetime import datetime

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, role, user
from tests.ledger.rows import read, read_log, read_versions, to_url
from whalefall_pipeline.adapters.postgresql.rules import PostgresqlRules
from whalefall_pipeline.core.model import AccountState, Held, Json, Securable
from whalefall_pipeline.core.rules import NOTHING_SET, PASSWORD_EXPIRED, Reasons
from whalefall_pipeline.ledger.queries import read_changes
from whalefall_pipeline.ledger.reader import reading

NOW = "select attributes, valid_to from instance_attributes order by valid_from"
ENTRIES = "select change_type, message, other_diff from instance_change_log order by id"
FACTS = "select username, permission_facts f from account_permission order by username"


class Lifetimes(PostgresqlRules):
    """An engine whose instances may have a lifetime of passwords, and roles that everybody has."""

    def own_capabilities(
        self, state: AccountState, now: datetime, instance: Mapping[str, Json] = NOTHING_SET
    ) -> Reasons:
        own = dict(super().own_capabilities(state, now))
        days = instance.get("password_lifetime")
        if days and state.account.attributes.get("password_days", 0) > days:  # type: ignore[operator] - a test's own
            own[PASSWORD_EXPIRED] = [f"older than {days} days"]
        return own

    def implied_roles(self, state: AccountState, instance: Mapping[str, Json]) -> Collection[Held]:
        wanted = str(instance.get("mandatory_role", ""))
        if not wanted or state.account.username == wanted:
            return ()
        return [Held(name, Securable("role", object=wanted)) for name in ("MEMBER", "SET")]


@pytest.fixture
def lifetimes(fleet: Fleet) -> Fleet:
    fleet.adapter.rules = Lifetimes()
    fleet.adapter.tells_rows = True
    fleet.adapter.accounts = [user("ana", password_days=100), user("bob", password_days=5), role("readers")]
    fleet.adapter.attributes = {"password_lifetime": 0, "left": None}
    fleet.sync()
    return fleet


def test_what_is_first_seen_is_no_change(lifetimes: Fleet, ledger: Engine) -> None:
    assert read(ledger, NOW) == [{"attributes": {"password_lifetime": 0}, "valid_to": None}]
    assert read(ledger, ENTRIES) == []


def test_one_set_is_one_entry_whatever_it_does_to_accounts(lifetimes: Fleet, ledger: Engine) -> None:
    log, before = read_log(ledger), read_versions(ledger)
    lifetimes.adapter.attributes = {"password_lifetime": 90}
    (outcome,) = lifetimes.sync()
    assert outcome.error is None
    (entry,) = read(ledger, ENTRIES)
    assert (entry["change_type"], entry["message"]) == ("modify_instance", "password_lifetime: 0 -> 90")
    assert entry["other_diff"]["entries"] == [{"field": "password_lifetime", "before": 0, "after": 90}]
    assert read_log(ledger) == log
    assert {row["username"]: PASSWORD_EXPIRED in row["f"]["capabilities"] for row in read(ledger, FACTS)} == {
        "ana": True,
        "bob": False,
        "readers": False,
    }
    after = read_versions(ledger)
    new = {table: len(set(after[table]) - set(before[table])) for table in after if after[table] != before[table]}
    assert new == {"account_snapshots": 1, "instance_attributes": 2, "instance_change_log": 1}
    steps = read(ledger, "select username, object, item, before, after from change_entries where username is null")
    assert [tuple(step.values()) for step in steps] == [(None, "instance", "password_lifetime", 0, 90)]
    with reading(to_url(ledger)) as reader:
        newest = read_changes(reader, instance="one")[0]
    assert (newest["username"], newest["message"]) == (None, "password_lifetime: 0 -> 90")


def test_roles_that_an_instance_implies_are_followed_and_are_no_grants(lifetimes: Fleet, ledger: Engine) -> None:
    lifetimes.adapter.accounts = [user("ana"), user("bob"), role("readers"), user("root", rolsuper=True)]
    lifetimes.sync()
    log = read_log(ledger)
    lifetimes.adapter.attributes = {"mandatory_role": "root"}
    lifetimes.sync()
    superusers = [row["username"] for row in read(ledger, FACTS) if "SUPERUSER" in row["f"]["capabilities"]]
    assert superusers == ["ana", "bob", "readers", "root"]
    assert read_log(ledger) == log
    assert read(ledger, "select from account_grant") == []
    lifetimes.adapter.attributes = {}
    lifetimes.sync()
    assert [row["f"]["roles"] for row in read(ledger, FACTS)] == [[], [], [], []]
    assert len(read(ledger, ENTRIES)) == 2


def test_what_was_not_observed_stays_as_it_was_and_counts(lifetimes: Fleet, ledger: Engine) -> None:
    lifetimes.adapter.attributes = {"password_lifetime": 90}
    lifetimes.sync()
    before = read_versions(ledger)
    lifetimes.adapter.attributes = None
    lifetimes.sync()
    assert read_versions(ledger) == before
    lifetimes.adapter.accounts.append(user("eve", password_days=91))
    lifetimes.sync()
    facts = {row["username"]: row["f"]["capabilities"] for row in read(ledger, FACTS)}
    assert PASSWORD_EXPIRED in facts["eve"]


def test_ids_of_both_logs_are_of_one_sequence(lifetimes: Fleet, ledger: Engine) -> None:
    lifetimes.adapter.attributes = {"password_lifetime": 90}
    lifetimes.sync()
    ids = [row["id"] for row in read(ledger, "select id from change_log")]
    assert len(set(ids)) == len(ids) == 4
