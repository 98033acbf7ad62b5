"""A sync of a server with more databases than the deadline leaves time for."""

from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from tests.adapters.sqlserver.conftest import Readings
from tests.engines.sqlserver import SqlserverEngine
from tests.servers.sqlserver_standin.faults import Before
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.adapters.sqlserver.catalog import GROUP, build_statement
from whalefall_pipeline.core.model import Observation, Seen
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.ledger.sessions import SessionStart, open_session
from whalefall_pipeline.sync.plan import Collector, Plan
from whalefall_pipeline.sync.session import run_session

DEADLINE = 10
LATE = Observation(Seen.TIMED_OUT, f"the deadline of {DEADLINE} s passed before")


@pytest.mark.parametrize("encrypt", ["yes", "no"])
def test_what_was_read_before_the_deadline_is_kept(
    engine: SqlserverEngine, readings: Readings, ledger: Engine, tmp_path: Path, encrypt: str
) -> None:
    """Nothing is asked of the server after the deadline, whose name and encryption the ledger keeps too."""
    for number in range(GROUP):
        engine.standin.tables.create_database(f"Db{number}")
    engine.standin.tables.run("update dm_exec_connections set encrypt_option = 'FALSE'")
    engine.standin.tables.allow("VIEW SERVER STATE")
    databases = [scope for scope in readings.read()[1].coverage if scope.startswith("database:")]
    assert len(databases) > GROUP
    rest = [scope.removeprefix("database:") for scope in databases[GROUP:]]
    text = build_statement("database_role_members", rest)
    engine.standin.wire.faults.before = Before(text, lambda: None)
    store = SecretStore(tmp_path)
    with ledger.connect() as connection, transaction(connection):
        secret = store.encrypt(readings.login.password)
        wanted = readings.with_options(encrypt=encrypt)
        instance = write_instance(connection, wanted, username=readings.login.username, secret=secret)
        session_id = str(uuid4())
        open_session(connection, SessionStart(session_id, "manual_batch"), [instance])
    collectors = {"sqlserver": Collector(SqlserverAdapter())}
    plan = Plan(session_id, ledger, collectors, store, instance_seconds=DEADLINE, attempts=1)

    (outcome,) = run_session(plan, [instance], lambda _outcome: None)
    engine.standin.wire.faults.release.set()

    assert outcome.error is None
    assert outcome.inventory
    assert outcome.permissions
    assert outcome.security.encrypted is (encrypt == "yes")
    kept = [scope for scope, seen in outcome.coverage.items() if seen.status is Seen.OBSERVED]
    assert set(kept) == {"server", "databases", *databases[:GROUP]}
    assert {outcome.coverage[scope] for scope in databases[GROUP:]} == {LATE}
