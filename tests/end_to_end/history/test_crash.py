"""A process that is killed at any point of a sync leaves whole transactions, and a record that says which.

What is guaranteed: the account list (new, returned and gone accounts, with the end of all that the gone ones held and
their log entries) is one transaction with the record's word that it is written; what the accounts hold is another, with
the record's completion. So there are three states and no fourth: nothing written; the list alone; both.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine

from tests.end_to_end.history.crashing import lose_grants, make_new, make_old
from tests.engines.scripted import Fleet
from tests.ledger.rows import read
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.sessions import close_session

ROOT = Path(__file__).parents[3]
FEWEST_STEPS = 25

# All that the ledger holds of an instance, without ids and moments.
CONTENT = {
    "accounts": "select username, kind, is_active, deleted_at is null from instance_accounts where instance_id = :id",
    "attributes": """select a.username, t.kind, t.attributes, t.valid_to is null
                     from account_attributes t join instance_accounts a on a.id = t.instance_account_id
                     where t.instance_id = :id""",
    "grants": """select username, privilege, grant_option, object_name, valid_to is null
                 from grant_history where instance_id = :id""",
    "log": """select username, change_type, message, privilege_diff, other_diff
              from account_change_log where instance_id = :id""",
    "snapshots": """select username, permission_snapshot #- '{meta}', permission_facts #- '{meta}', last_change_type
                    from account_permission where instance_id = :id""",
    "scopes": "select scope, status, valid_to is null from instance_scopes where instance_id = :id",
}


class Left(NamedTuple):
    """What a killed sync left: content, and the record's word on it."""

    content: dict[str, list[str]]
    status: str
    inventory: bool
    permissions: bool


def read_content(engine: Engine, instance_id: int) -> dict[str, list[str]]:
    return {
        what: sorted(str(tuple(row.values())) for row in read(engine, statement, id=instance_id))
        for what, statement in CONTENT.items()
    }


def read_left(engine: Engine, instance_id: int, session_id: str) -> Left:
    (record,) = read(engine, "select * from sync_instance_records where sync_session_id = :id", id=session_id)
    details: dict[str, Any] = record["sync_details"]
    content = read_content(engine, instance_id)
    return Left(content, record["status"], bool(details.get("inventory")), bool(details.get("collection")))


@pytest.fixture
def whole_states(fleet: Fleet) -> list[dict[str, list[str]]]:
    """The only contents that may be: before, with the new account list, and with what the accounts hold as well."""
    states: list[dict[str, list[str]]] = []
    make_old(fleet)
    states.append(read_content(fleet.engine, fleet.instances[0].id))
    make_new(fleet)
    lose_grants(fleet)
    fleet.sync()
    states.append(read_content(fleet.engine, fleet.instances[0].id))
    fleet.adapter.grants_error = None
    fleet.sync()
    states.append(read_content(fleet.engine, fleet.instances[0].id))
    assert states[0] != states[1] != states[2]
    return states


@pytest.mark.exhaustive
def test_a_process_killed_at_any_step_leaves_a_whole_state(
    fleet: Fleet, whole_states: list[dict[str, list[str]]], ledger_url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.end_to_end.history.crashing", ledger_url, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    steps = int(done.stdout)
    assert steps > FEWEST_STEPS
    with fleet.engine.connect() as connection:
        instances = {item.name: item for item in read_instances(connection)}
    seen: list[int] = []
    for step in range(1, steps + 1):
        left = read_left(fleet.engine, instances[str(step)].id, f"crash {step}")
        assert left.content in whole_states, f"a mix was left at step {step}"
        seen.append(whole_states.index(left.content))
        assert (left.inventory, left.permissions) == [(False, False), (True, False), (True, True)][seen[-1]]
        assert left.status in [("pending", "running"), ("running",), ("completed",)][seen[-1]]
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2}

    for step in range(1, steps):
        with fleet.engine.connect() as connection, transaction(connection):
            close_session(connection, f"crash {step}", "failed", code="TASK_EXECUTION_FAILED", message="it was killed")
        (outcome,) = fleet.sync([instances[str(step)]])
        assert outcome.error is None
        assert read_content(fleet.engine, instances[str(step)].id) == whole_states[2]
    records = read(fleet.engine, "select * from sync_instance_records where sync_session_id like 'crash %' order by id")
    inventory = [bool(record["sync_details"].get("inventory")) for record in records]
    assert inventory == [whole > 0 for whole in seen], "what ended the record has kept its word"
