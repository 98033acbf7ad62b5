"""The outbox is filled in the sync's own transaction: what is an alert, what is none, and how often."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.core.errors import DatabaseConnectionError, SyncDataError
from whalefall_pipeline.core.findings import everywhere
from whalefall_pipeline.core.findings.model import Find, Hit, Options, Rule, Severity
from whalefall_pipeline.core.findings.rulebook import OwnRule, Rulebook
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import Grant, Observation, Securable, Seen
from whalefall_pipeline.ledger.alerts import delete_old_alerts, write_failures
from whalefall_pipeline.ledger.sessions import SessionStart, close_session, open_session
from whalefall_pipeline.sync.plan import Alerting

ALERTING = Alerting()
MEMBER = Grant("ana", "MEMBER", Securable("role", object="bosses"))
MAY_SET = Grant("ana", "SET", Securable("role", object="bosses"))


def sync(fleet: Fleet, alerting: Alerting = ALERTING, **settings: Any) -> None:
    fleet.sync(alerting=alerting, **settings)


def read_alerts(fleet: Fleet, kind: str = "finding_opened") -> list[tuple[str, list[str]]]:
    """Return kind and names of all alerts but those of a kind, the oldest first."""
    rows = read(fleet.engine, "select kind, payload from alert where kind <> :kind order by id", kind=kind)
    return [(row["kind"], [item["name"] for item in row["payload"]["items"]]) for row in rows]


def test_a_first_sync_is_silent_and_so_is_one_without_change(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("root", rolsuper=True), user("ana")]
    fleet.adapter.coverage["database:hr"] = Observation(Seen.DENIED, "no CONNECT")
    for _ in range(2):
        sync(fleet)
    assert read_alerts(fleet) == []


def test_a_new_superuser_is_told_once(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("root", rolsuper=True), user("ana")]
    sync(fleet)
    fleet.adapter.accounts = [user("root", rolsuper=True), user("ana", rolsuper=True), user("eve", rolsuper=True)]
    for _ in range(2):
        sync(fleet)
    assert read_alerts(fleet) == [("new_superuser", ["ana", "eve"])]
    (row,) = read(fleet.engine, "select * from alert where kind = 'new_superuser'")
    assert row["payload"]["instance"] == "one"
    assert "rolsuper" in row["payload"]["items"][0]["note"]
    sessions = read(fleet.engine, "select session_id from sync_sessions order by started_at")
    assert row["key"] == f"new_superuser/{sessions[1]['session_id']}/{fleet.instances[0].id}"


def test_one_who_is_superuser_by_a_role_that_became_one_is_told(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana"), role("bosses")]
    fleet.adapter.grants = [MEMBER, MAY_SET]
    sync(fleet)
    fleet.adapter.accounts = [user("ana"), user("bosses", rolsuper=True, rolcanlogin=False)]
    sync(fleet)
    assert read_alerts(fleet) == [("new_superuser", ["ana", "bosses"])]


def test_a_superuser_that_was_dropped_and_made_again_is_told_as_both(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("root", rolsuper=True), user("ana")]
    sync(fleet)
    for accounts in ([user("ana")], [user("root", rolsuper=True), user("ana")]):
        fleet.adapter.accounts = accounts
        sync(fleet)
    assert read_alerts(fleet) == [("account_recreated", ["root"]), ("new_superuser", ["root"])]


def test_an_account_that_is_another_by_what_the_server_gave_it_is_told(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(fleet.adapter.rules), "birth_attributes", frozenset({"sid"}))
    for sid in ("01", "01", "02"):
        fleet.adapter.accounts = [user("ana", sid=sid, note=sid), user("bob", sid="03")]
        sync(fleet)
    assert read_alerts(fleet) == [("account_recreated", ["ana"])]


def test_accounts_that_are_back_and_those_that_are_others_are_told_in_one_session(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(fleet.adapter.rules), "birth_attributes", frozenset({"sid"}))
    ana, bob = user("ana", sid="01"), user("bob", sid="03")
    for accounts in ([ana, bob], [ana], [user("ana", sid="02"), bob]):
        fleet.adapter.accounts = accounts
        sync(fleet)
    assert read_alerts(fleet) == [("account_recreated", ["bob"]), ("account_recreated", ["ana"])]


def test_a_scope_that_is_lost_from_sight_is_told_once(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.adapter.coverage = dict.fromkeys(("server", "database:hr"), OBSERVED)
    sync(fleet)
    fleet.adapter.coverage["database:hr"] = Observation(Seen.DENIED, "no CONNECT")
    for _ in range(2):
        sync(fleet)
    assert read_alerts(fleet) == [("scope_lost", ["database:hr"])]


def test_an_instance_that_goes_on_failing_is_told_once_until_it_was_well(fleet: Fleet) -> None:
    down = DatabaseConnectionError("refused", transient=False)
    for error in (down, down, SyncDataError("odd"), None, down):
        fleet.adapter.grants_error = error
        sync(fleet, attempts=1)
    assert read_alerts(fleet) == [
        ("instance_failed", ["DATABASE_CONNECTION_ERROR"]),
        ("instance_failed", ["SYNC_DATA_ERROR"]),
        ("instance_failed", ["DATABASE_CONNECTION_ERROR"]),
    ]


def test_a_refused_collapse_is_told_as_that_and_once(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user(f"user_{number}") for number in range(30)]
    sync(fleet)
    fleet.adapter.accounts = fleet.adapter.accounts[:1]
    for _ in range(2):
        sync(fleet)
    assert read_alerts(fleet) == [("collapse_refused", ["SYNC_DATA_ERROR"])]
    (row,) = read(fleet.engine, "select payload from alert")
    assert "29 of 30 accounts would vanish" in row["payload"]["items"][0]["note"]


def test_no_secret_is_in_it(fleet: Fleet) -> None:
    def fail(_step: str) -> None:
        raise RuntimeError("can't parse user=collector password=hush")

    fleet.adapter.hook = fail
    sync(fleet)
    (row,) = read(fleet.engine, "select cast(alert as text) as whole from alert")
    assert "RuntimeError" in row["whole"]
    assert "hush" not in row["whole"]


def test_five_hundred_changes_are_one_row(fleet: Fleet) -> None:
    names = [f"user_{number:03}" for number in range(500)]
    fleet.adapter.accounts = [user(name) for name in names]
    sync(fleet)
    fleet.adapter.accounts = [user(name, rolsuper=True) for name in names]
    sync(fleet)
    (row,) = read(fleet.engine, "select payload from alert where kind = 'new_superuser'")
    assert row["payload"]["count"] == 500
    assert len(row["payload"]["items"]) == 100


def test_nothing_is_written_where_nobody_is_to_be_told(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.sync()
    fleet.adapter.accounts = [user("ana", rolsuper=True)]
    fleet.sync()
    fleet.adapter.grants_error = DatabaseConnectionError("refused", transient=False)
    fleet.sync(attempts=1)
    assert read_alerts(fleet) == []


def test_what_is_rolled_back_is_told_to_nobody(fleet: Fleet) -> None:
    """The record is closed while the instance is read: all of its transaction goes, the alert with it."""
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders")]
    sync(fleet)
    plan = fleet.plan(alerting=ALERTING)

    def close(step: str) -> None:
        if step == "grants":
            with fleet.engine.begin() as connection:
                close_session(connection, plan.session_id, "cancelled")

    fleet.adapter.accounts, fleet.adapter.hook = [user("ana", rolsuper=True)], close
    fleet.run(plan)
    assert read_alerts(fleet) == []


def test_old_ones_go_sent_or_not(fleet: Fleet) -> None:
    fleet.adapter.grants_error = DatabaseConnectionError("refused", transient=False)
    sync(fleet, attempts=1)
    with fleet.engine.begin() as connection:
        assert delete_old_alerts(connection, 400) == 0
        connection.execute(text("update alert set created_at = created_at - interval '401 days'"))
        assert delete_old_alerts(connection, 400) == 1


def test_an_instance_whose_process_died_is_told_by_whoever_closes_its_session(fleet: Fleet) -> None:
    with fleet.engine.begin() as connection:
        open_session(connection, SessionStart("dead", "manual_single"), fleet.instances)
        close_session(connection, "dead", "failed", code="TASK_EXECUTION_FAILED", message="the run's process ended")
        for _ in range(2):
            write_failures(connection, "dead")
    assert read_alerts(fleet) == [("instance_failed", ["TASK_EXECUTION_FAILED"])]


def _find_locked(world: World) -> list[Hit]:
    return [Hit(account=name, message="is named so") for name in world.states if name.startswith("bad_")]


BAD = Rule(id="OWN-01", title="bad", severity=Severity.HIGH, why="w", remedy="r", find=_find_locked)
RULEBOOK = Rulebook(own=(OwnRule(BAD),))
WAIVER = """
insert into waiver (rule_id, username, reason, ticket, created_by, expires_at)
values ('OWN-01', 'bad_bob', 'known', 'OPS-7', 'ana', now() + interval '1 day')
"""


def test_a_finding_is_told_from_its_severity_on_unless_it_is_waived(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana")]
    sync(fleet, rulebook=RULEBOOK)
    with fleet.engine.begin() as connection:
        connection.execute(text(WAIVER))
    fleet.adapter.accounts = [user(name) for name in ("ana", "bad_bob", "bad_eve")]
    sync(fleet, rulebook=RULEBOOK)
    told = [item for item in read_alerts(fleet, kind="") if item[0] == "finding_opened"]
    assert told == [("finding_opened", ["bad_eve"])]
    fleet.adapter.accounts = [*fleet.adapter.accounts, user("bad_zoe")]
    sync(fleet, Alerting(Severity.CRITICAL), rulebook=RULEBOOK)
    assert len(read(fleet.engine, "select from current_findings where rule_id = 'OWN-01'")) == 3
    assert [item for item in read_alerts(fleet, kind="") if item[0] == "finding_opened"] == told


def _read_news_of_findings(fleet: Fleet, rulebook: Rulebook) -> list[list[str]]:
    """Sync, and return the names of all alerts of findings that there are then."""
    sync(fleet, rulebook=rulebook)
    return [names for kind, names in read_alerts(fleet, kind="") if kind == "finding_opened"]


def test_findings_of_rules_that_were_not_asked_before_are_told_to_nobody(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana"), user("bad_bob")]
    assert _read_news_of_findings(fleet, Rulebook()) == []
    assert _read_news_of_findings(fleet, RULEBOOK) == [], "only the rules changed"
    assert len(read(fleet.engine, "select from current_findings where rule_id = 'OWN-01'")) == 1
    with fleet.engine.begin() as connection:
        connection.execute(text("truncate finding, finding_evaluation"))  # as an upgrade leaves it
    assert _read_news_of_findings(fleet, RULEBOOK) == [], "rules were never asked"
    assert len(read(fleet.engine, "select from current_findings where rule_id = 'OWN-01'")) == 1
    fleet.adapter.accounts = [user("ana"), user("bad_bob"), user("bad_eve")]
    assert _read_news_of_findings(fleet, RULEBOOK) == [["bad_eve"]]


def _find_superusers(world: World) -> list[Hit]:
    return [
        Hit(account=state.account.username, message="is one") for state in world.logins if world.is_administrator(state)
    ]


def _find_traced(world: World) -> list[Hit]:
    return [Hit(object="trace", message="trace is on")] if world.set_to.get("trace") else []


def _name(find: Find) -> Rulebook:
    return Rulebook(
        Options(ignore=frozenset(rule.id for rule in everywhere.RULES)),
        own=(OwnRule(replace(BAD, id="OWN-02", find=find)),),
    )


def test_of_rules_that_change_with_the_reading_only_what_the_reading_changed_is_told(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana", rolsuper=True), user("bob"), user("eve"), role("bosses")]
    fleet.adapter.grants = [Grant("eve", "MEMBER", MEMBER.securable), Grant("eve", "SET", MEMBER.securable)]
    assert _read_news_of_findings(fleet, Rulebook()) == []
    fleet.adapter.accounts = [
        *(
            user("ana", rolsuper=True, note="other"),
            user("bob", rolsuper=True),
            user("eve"),
            user("zoe", rolsuper=True),
        ),
        user("bosses", rolsuper=True, rolcanlogin=False),
    ]
    assert _read_news_of_findings(fleet, _name(_find_superusers)) == [["bob", "eve", "zoe"]]
    found = read(fleet.engine, "select username from current_findings where rule_id = 'OWN-02' order by 1")
    assert [row["username"] for row in found] == ["ana", "bob", "eve", "zoe"]


def test_of_rules_that_change_with_a_setting_only_what_the_setting_changed_is_told(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana"), user("bad_bob")]
    fleet.adapter.attributes = {"trace": False}
    assert _read_news_of_findings(fleet, Rulebook()) == []
    fleet.adapter.attributes = {"trace": True}
    both = Rulebook(own=(OwnRule(BAD), *_name(_find_traced).own))
    assert _read_news_of_findings(fleet, both) == [["trace"]]


def test_a_finding_is_told_in_a_sync_that_misses_an_account_too(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana"), user("bob"), user("zoe")]
    assert _read_news_of_findings(fleet, RULEBOOK) == []
    fleet.adapter.accounts = [user("ana"), user("bob"), user("bad_eve")]
    assert _read_news_of_findings(fleet, RULEBOOK) == [["bad_eve"]]
