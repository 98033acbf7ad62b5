"""What is kept for ever, what is deleted when it is old, and by what the ledger grows."""

from sqlalchemy import Engine, text

from tests.engines.scripted import Fleet, user
from tests.ledger.rows import read
from whalefall_pipeline.ledger.sessions import delete_old_sessions

DAYS_OF_A_YEAR = 365
RUNNING_SESSION = """
insert into sync_sessions (session_id, sync_type, status, started_at)
values ('running', 'manual_batch', 'running', now() - interval '999 days')
"""
TABLES = "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"


def test_sessions_that_ended_long_ago_go_with_their_records_and_history_stays(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.sync()
    with fleet.engine.begin() as connection:
        connection.execute(text("update sync_sessions set completed_at = completed_at - interval '401 days'"))
        connection.execute(text(RUNNING_SESSION))
    fleet.sync()
    with fleet.engine.begin() as connection:
        assert delete_old_sessions(connection, 400) == 1
    left = [row["status"] for row in read(fleet.engine, "select status from sync_sessions order by status")]
    assert left == ["completed", "running"]
    assert len(read(fleet.engine, "select from sync_instance_records")) == 1
    assert [row["change_type"] for row in read(fleet.engine, "select change_type from account_change_log")] == ["add"]


def test_a_year_without_change_adds_a_session_and_a_record_a_day_and_nothing_else(fleet: Fleet) -> None:
    fleet.adapter.accounts = [user("ana"), user("bob")]
    fleet.sync()
    before = _count_rows(fleet.engine)
    for _ in range(DAYS_OF_A_YEAR):
        fleet.sync(heartbeat_seconds=60)
    grown = {table: rows - before[table] for table, rows in _count_rows(fleet.engine).items() if rows != before[table]}
    assert grown == {"sync_sessions": DAYS_OF_A_YEAR, "sync_instance_records": DAYS_OF_A_YEAR}


def _count_rows(engine: Engine) -> dict[str, int]:
    tables = [row["table_name"] for row in read(engine, TABLES)]
    return {table: read(engine, f"select count(*) as rows from {table}")[0]["rows"] for table in tables}
