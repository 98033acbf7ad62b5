"""Findings in the ledger: they open, stay and close with what is read, in intervals; waivers and what is unknown."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text

from tests.engines.scripted import FLAGS, OBSERVED, Fleet, role, select_on, user
from tests.ledger.rows import read
from whalefall_pipeline.adapters.postgresql.access import ACCESS
from whalefall_pipeline.adapters.postgresql.findings import FINDINGS
from whalefall_pipeline.core.access.danger_summary import MOST_KEPT
from whalefall_pipeline.core.changes import Changes
from whalefall_pipeline.core.findings.model import EngineFindings, Options
from whalefall_pipeline.core.findings.rulebook import Rulebook
from whalefall_pipeline.core.model import Account, Grant, Kind, Observation, Securable, Seen
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.waivers import Waiver, count_covered, read_health, withdraw_waiver, write_waiver
from whalefall_pipeline.sync.tell import Outcome

DENIED = Observation(Seen.DENIED, "no CONNECT")
TABLES = ("finding", "finding_evaluation")
OPTION = select_on("ana", "orders", option=True)
UNTIL = "2999-01-01T00:00:00+00:00"


OTHERS = [user(name, rolvaliduntil=UNTIL) for name in ("bob", "eve")]


def set_role(member: str, name: str) -> list[Grant]:
    return [Grant(member, option, Securable("role", object=name)) for option in ("MEMBER", "SET")]


def ana(**flags: bool) -> Account:
    return user("ana", rolvaliduntil=UNTIL, **flags)


@pytest.fixture
def watched(fleet: Fleet) -> Fleet:
    """A fleet of one instance with PostgreSQL's rules, whose one account is fine."""
    fleet.adapter.findings = FINDINGS
    fleet.adapter.access = ACCESS
    fleet.adapter.tells_rows = True
    fleet.adapter.accounts = [ana(), role("readers")]
    fleet.adapter.attributes = {"ssl": "on", "password_encryption": "scram-sha-256"}
    fleet.adapter.coverage = {"server": OBSERVED, "database:shop": OBSERVED}
    return fleet


def sync(fleet: Fleet, **how: Any) -> Changes:
    told: list[Changes] = []

    def keep(outcome: Outcome) -> None:
        assert outcome.error is None
        told.append(outcome.changes)

    fleet.run(fleet.plan(**how), tell=keep)
    return told[0]


def list_open(engine: Engine) -> list[tuple[str, str, str]]:
    rows = read(engine, "select rule_id, username, outcome from finding where closed_at is null order by 1, 2, 3")
    return [tuple(row.values()) for row in rows]  # pyright: ignore[reportReturnType]


def read_places(engine: Engine) -> list[Any]:
    return [row for table in TABLES for row in read(engine, f"select ctid::text, xmin::text from {table} order by 1")]


def count_statements(fleet: Fleet) -> list[str]:
    """Sync, and return the statements on findings that were sent."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "finding" in statement and "instance_readings" not in statement:
            seen.append(statement)

    event.listen(fleet.engine, "before_cursor_execute", note)
    try:
        sync(fleet)
    finally:
        event.remove(fleet.engine, "before_cursor_execute", note)
    return seen


def test_ways_to_more_open_stay_and_close_by_what_the_sync_knows_of_dangers(watched: Fleet) -> None:
    """Who could become a superuser could take over others as well, which is not told of it."""
    programs = Account("pg_execute_server_program", Kind.PREDEFINED, {**FLAGS, "rolcanlogin": False})
    watched.adapter.accounts = [ana(), programs, *OTHERS]
    assert not sync(watched).findings
    watched.adapter.grants = [*set_role("ana", programs.username), *set_role("bob", "eve"), *set_role("ana", "eve")]
    told = sync(watched).findings
    assert told.news == told.opened
    ways = {item.rule_id: item.message for item in told.opened if item.rule_id.startswith("ALL-1")}
    assert ways == {
        "ALL-10": "ana could become a superuser: member of pg_execute_server_program, pg_execute_server_program runs "
        "programs as the server's operating system user (SET ROLE pg_execute_server_program; COPY … FROM PROGRAM)",
        "ALL-11": "bob could take over eve: member of eve, which logs in itself (SET ROLE eve)",
    }
    assert not sync(watched).findings
    watched.adapter.grants = [*watched.adapter.grants, select_on("ana", "items")]
    assert not sync(watched).findings, "what bears on no way leaves the ways as they are"
    watched.adapter.grants = set_role("bob", "eve")
    closed = [(item.rule_id, item.account) for item in sync(watched).findings.closed]
    assert ("ALL-10", "ana") in closed
    assert "ALL-11" not in dict(closed)


def test_ways_of_more_accounts_than_are_kept_are_counted(watched: Fleet) -> None:
    many = [user(f"u{number:03}", rolvaliduntil=UNTIL) for number in range(MOST_KEPT + 2)]
    watched.adapter.accounts = [*many, *OTHERS]
    watched.adapter.grants = [grant for one in many for grant in set_role(one.username, "eve")]
    opened = [item for item in sync(watched).findings.opened if item.rule_id == "ALL-11"]
    assert len(opened) == MOST_KEPT + 1
    assert [item.message for item in opened if not item.account] == ["2 more accounts could take over others"]


def test_an_engine_without_rules_of_access_leaves_ways_unknown(watched: Fleet) -> None:
    watched.adapter.access = None
    sync(watched)
    assert list_open(watched.engine) == [("ALL-10", "", "unknown"), ("ALL-11", "", "unknown")]


def test_a_finding_opens_stays_and_closes_with_what_is_read(watched: Fleet) -> None:
    assert not sync(watched).findings
    watched.adapter.grants = [OPTION]
    told = sync(watched).findings
    assert [(item.rule_id, item.account, item.object) for item in told.opened] == [("ALL-05", "ana", "shop")]
    assert not sync(watched).findings
    watched.adapter.grants = [OPTION, select_on("ana", "items", option=True)]
    assert not sync(watched).findings, "the same finding, with more in it"
    (row,) = read(watched.engine, "select detail, message from finding")
    assert row["detail"]["count"] == 2
    watched.adapter.grants = []
    told = sync(watched).findings
    assert [item.rule_id for item in told.closed] == ["ALL-05"]
    (row,) = read(
        watched.engine,
        """select f.opened_at < f.closed_at as lasted, f.opened_in <> f.closed_in as two, a.username, f.severity
           from finding f join instance_accounts a on a.id = f.instance_account_id""",
    )
    assert (row["lasted"], row["two"], row["username"], row["severity"]) == (True, True, "ana", "medium")


def test_a_sync_without_change_writes_nothing_and_asks_no_rule(watched: Fleet) -> None:
    watched.adapter.grants = [OPTION]
    sync(watched)
    before = read_places(watched.engine)
    assert len(count_statements(watched)) == 1
    watched.adapter.tells_rows = False
    sync(watched)
    assert len(count_statements(watched)) == 1, "nor where accounts are compared one by one"
    assert read_places(watched.engine) == before


@pytest.mark.parametrize("how", ["rule", "option", "setting"])
def test_rules_are_asked_again_when_they_or_what_they_look_at_differ(watched: Fleet, how: str) -> None:
    watched.adapter.accounts = [ana(rolsuper=True)]
    sync(watched)
    assert [item[0] for item in list_open(watched.engine)] == ["ALL-01"]
    if how == "rule":
        told = sync(watched, rulebook=Rulebook(Options(ignore=frozenset({"ALL-01"}))))
    elif how == "option":
        told = sync(watched, rulebook=Rulebook(Options(superusers=frozenset({"ana"}))))
    else:
        watched.adapter.attributes = {"ssl": "off"}
        assert [item.rule_id for item in sync(watched).findings.opened] == ["PG-19"]
        return
    assert [item.rule_id for item in told.findings.closed] == ["ALL-01"]


def test_what_somebody_holds_who_is_no_account_is_looked_at_again(watched: Fleet) -> None:
    watched.adapter.grants = [select_on("ghost", "orders")]
    sync(watched)
    watched.adapter.grants = [select_on("ghost", "orders"), select_on("ghost", "salaries")]
    sync(watched)
    (found,) = read(watched.engine, "select message from finding where rule_id = 'ALL-08' and closed_at is null")
    assert "salaries" in str(found["message"])


def test_what_changes_by_itself_is_found_by_the_first_sync_after_its_moment(watched: Fleet) -> None:
    """Nothing of the instance changes: the ledger knows when the rules say something else."""
    watched.adapter.accounts = [user("ana")]
    sync(watched)
    assert [item[0] for item in list_open(watched.engine)] == ["PG-04"]
    with watched.engine.begin() as connection:
        connection.execute(text("update finding_evaluation set due_at = now() - interval '1 second'"))
        connection.execute(text("update finding set closed_at = now(), closed_in = 'x'"))
    assert [item.rule_id for item in sync(watched).findings.opened] == ["PG-04"]
    assert not sync(watched).findings


def test_findings_of_an_account_that_is_gone_close_at_once(watched: Fleet) -> None:
    watched.adapter.grants = [OPTION]
    stay = user("stay", rolvaliduntil=UNTIL)
    watched.adapter.accounts = [ana(), stay]
    sync(watched)
    watched.adapter.accounts, watched.adapter.grants = [stay], []
    told = sync(watched, permissions=False).findings
    assert [(item.rule_id, item.account) for item in told.closed] == [("ALL-05", "ana")]
    assert list_open(watched.engine) == []
    watched.adapter.accounts, watched.adapter.grants = [ana(), stay], [OPTION]
    assert [item.rule_id for item in sync(watched).findings.opened] == ["ALL-05"], "and open again when it is back"


def test_a_database_out_of_sight_keeps_what_was_found_and_makes_the_rest_unknown(watched: Fleet) -> None:
    watched.adapter.grants = [OPTION]
    sync(watched)
    watched.adapter.grants = []
    watched.adapter.coverage["database:shop"] = DENIED
    told = sync(watched).findings
    assert told.closed == ()
    found = list_open(watched.engine)
    assert ("ALL-05", "ana", "found") in found
    assert {"PG-11", "PG-16", "ALL-05"} <= {rule for rule, _, outcome in found if outcome == "unknown"}
    assert "PG-01" not in {rule for rule, *_ in found}
    (row,) = read(watched.engine, "select detail from finding where rule_id = 'PG-11'")
    assert row["detail"] == {"unseen": {"database:shop": "no CONNECT"}}
    watched.adapter.coverage["database:shop"] = OBSERVED
    sync(watched)
    assert list_open(watched.engine) == [], "seen again, and gone"


def test_a_waived_finding_is_waived_and_comes_back_when_the_waiver_expires(watched: Fleet) -> None:
    watched.adapter.grants = [OPTION, select_on("ana", "cards", database="hr", option=True)]
    sync(watched)
    with watched.engine.connect() as connection, transaction(connection):
        (begin,) = connection.execute(text("select now()")).one()
        until = begin + timedelta(days=1)
        waiver = Waiver(
            rule_id="ALL-05", reason="agreed", ticket="OPS-7", by="eve", expires_at=until, instance="one", object="shop"
        )
        number = write_waiver(connection, waiver)
        assert count_covered(connection, number) == 1
    assert _list_statuses(watched.engine) == [("hr", "open"), ("shop", "waived")]
    with watched.engine.begin() as connection:
        connection.execute(
            text("update waiver set created_at = now() - interval '2 days', expires_at = now() - interval '1 day'")
        )
    assert _list_statuses(watched.engine) == [("hr", "open"), ("shop", "open")]


def test_a_withdrawn_waiver_covers_nothing(watched: Fleet) -> None:
    watched.adapter.grants = [OPTION]
    sync(watched)
    with watched.engine.connect() as connection:
        with transaction(connection):
            (until,) = connection.execute(text("select now() + interval '1 day'")).one()
            number = write_waiver(
                connection, Waiver(rule_id="ALL-05", reason="agreed", ticket="OPS-7", by="eve", expires_at=until)
            )
        with transaction(connection):
            assert [tuple(item) for item in read_health(connection)] == [("one", "medium", "waived", 1)]
            assert withdraw_waiver(connection, number, "bob")
            assert not withdraw_waiver(connection, number, "bob")
            assert [item.status for item in read_health(connection)] == ["open"]


def _list_statuses(engine: Engine) -> list[tuple[str, str]]:
    rows = read(engine, "select object, status from current_findings where rule_id = 'ALL-05' order by 1")
    return [(row["object"], row["status"]) for row in rows]


GRANTS = [select_on(name, table, option=True) for name in ("ana", "bob") for table in ("orders", "items")]
Step = tuple[Sequence[Grant], bool, bool]
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.lists(st.sampled_from(GRANTS), unique=True), st.booleans(), st.booleans()), min_size=1, max_size=6
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_intervals_are_of_what_was_found_from_one_reading_to_another(
    ledger: Engine, tmp_path: Path, steps: list[Step]
) -> None:
    """Whatever is granted, made superuser and hidden, step by step: what is open is what a fresh ledger would have."""
    with ledger.begin() as connection:
        connection.execute(text("truncate finding, finding_evaluation"))
    fleet = Fleet(ledger, tmp_path)
    number = read(ledger, "select count(*) as n from instances")[0]["n"]
    fleet.register(f"steps {number}", f"fresh {number}")
    stepped, fresh = fleet.instances
    fleet.adapter.findings = EngineFindings(FINDINGS.rules, FINDINGS.is_given, FINDINGS.administration)
    fleet.adapter.tells_rows = True
    for grants, is_super, is_seen in steps:
        fleet.adapter.accounts = [ana(rolsuper=is_super), user("bob", rolvaliduntil=UNTIL)]
        fleet.adapter.grants = list(grants) if is_seen else []
        fleet.adapter.coverage = {"server": OBSERVED, "database:shop": OBSERVED if is_seen else DENIED}
        fleet.sync([stepped])
    if steps[-1][2]:
        fleet.sync([fresh])
        listed = "select rule_id, username, object, outcome from finding where instance_id = :id and closed_at is null"
        ours, theirs = (
            [tuple(row.values()) for row in read(ledger, f"{listed} order by 1, 2, 3, 4", id=item.id)]
            for item in (stepped, fresh)
        )
        assert ours == theirs
    wrong = read(
        ledger,
        """select a.id from finding a join finding b using (instance_id, rule_id, username, object, outcome)
           where a.id < b.id and tstzrange(a.opened_at, a.closed_at) && tstzrange(b.opened_at, b.closed_at)
           union all select id from finding where closed_at <= opened_at""",
    )
    assert wrong == [], "no two intervals of a finding overlap, and none is empty"
