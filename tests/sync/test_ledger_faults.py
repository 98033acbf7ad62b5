"""A ledger that fails in the middle of a sync: what was there stays, nothing partial comes, the next sync is right."""

import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from tests.engines.scripted import Fleet, select_on, user
from tests.ledger.rows import read, read_versions
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline.core.errors import LedgerError, WhalefallError
from whalefall_pipeline.ledger.database import open_ledger

ROLE = "wf_faulty"
ENDED = f"select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = '{ROLE}'"
FULL = """
create function no_space() returns trigger language plpgsql as
  $$ begin raise 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
create trigger no_space before insert on {table} for each row execute function no_space()
"""
HEALED = (
    "alter role wf_faulty reset default_transaction_read_only",
    "alter role wf_faulty connection limit -1",
    "drop function if exists no_space cascade",
    ENDED,
)
FAULTS = {
    "ends all connections": (ENDED,),
    "read only": ("alter role wf_faulty set default_transaction_read_only = on", ENDED),
    "out of connections": ("alter role wf_faulty connection limit 0", ENDED),
    "full, at the grants": (FULL.format(table="account_holding"),),
    "full, at the log": (FULL.format(table="account_changes"),),
    "full, at the snapshots": (FULL.format(table="account_snapshots"),),
    "full, at the record": (FULL.replace("before insert", "before update").format(table="sync_instance_records"),),
}


@dataclass
class Ledger:
    """A ledger whose services log in as a role that faults can be given to; `administrator` is not bothered by them."""

    fleet: Fleet
    administrator: Engine

    def run(self, *statements: str) -> None:
        with self.administrator.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))


@pytest.fixture
def faulty(ledger: Engine, ledger_url: str, ledger_server: PostgresqlServer, tmp_path: Path) -> Generator[Ledger]:
    password = secrets.token_urlsafe(12)
    with ledger.begin() as connection:
        connection.execute(text(f"drop role if exists {ROLE}"))
        connection.execute(text(f"create role {ROLE} login password '{password}'"))
        connection.execute(text(f"grant all on all tables in schema public to {ROLE}"))
    url = make_url(ledger_url).set(username=ROLE, password=password)
    services = open_ledger(url.render_as_string(hide_password=False))
    fleet = Fleet(services, tmp_path)
    fleet.register("one")
    yield Ledger(fleet, ledger)
    services.dispose()
    with ledger.begin() as connection:
        connection.execute(text(f"drop owned by {ROLE}; drop role {ROLE}"))


def at(step: str, act: Callable[[], None]) -> Callable[[str], None]:
    return lambda reached: act() if reached == step else None


def sync_faulty(fleet: Fleet) -> list[WhalefallError | None]:
    """Return the instance's error, or that of the session where its end could not be written either."""
    try:
        return [outcome.error for outcome in fleet.sync(heartbeat_seconds=60)]
    except LedgerError as lost:
        return [lost]


@pytest.mark.parametrize("step", ["open", "grants"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_ledger_that_fails_in_the_middle(faulty: Ledger, fault: str, step: str) -> None:
    fleet, administrator = faulty.fleet, faulty.administrator
    fleet.adapter.accounts, fleet.adapter.grants = [user("ana")], [select_on("ana", "orders")]
    assert fleet.sync()[0].error is None
    before = read_versions(administrator)

    fleet.adapter.accounts = [user("ana"), user("bob")]
    fleet.adapter.grants = [select_on("ana", "orders"), select_on("bob", "orders")]
    fleet.adapter.hook = at(step, lambda: faulty.run(*FAULTS[fault]))
    errors = sync_faulty(fleet)
    assert [error.code for error in errors if error] == ["DATABASE_QUERY_ERROR"]
    listed = read(administrator, "select username from instance_accounts where is_active order by username")
    assert [row["username"] for row in listed] in (["ana"], ["ana", "bob"])
    assert read(administrator, "select username from account_permission") == [{"username": "ana"}]
    if len(listed) == 1:
        assert read_versions(administrator) == before
    assert read(administrator, "select from sync_instance_records where status = 'completed'") == [{}]

    faulty.run(*HEALED)
    fleet.adapter.hook = lambda _step: None
    (outcome,) = fleet.sync()
    assert outcome.error is None
    held = read(administrator, "select username from current_grants order by username")
    assert [row["username"] for row in held] == ["ana", "bob"]
    log = read(administrator, "select username, change_type from account_change_log order by id")
    assert [(row["username"], row["change_type"]) for row in log] == [("ana", "add"), ("bob", "add")]
