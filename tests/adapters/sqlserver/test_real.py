"""A real SQL Server, read and never written to, where the environment names one. Never run so far.

`WHALEFALL_TEST_SQLSERVER_DSN` is a connection string as the driver takes it, of a login that sees all:
`Server=127.0.0.1,1433;UID=sa;PWD=...;TrustServerCertificate=yes`.
"""

import json
import math
import os

import pytest

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter, rules
from whalefall_pipeline.adapters.sqlserver.catalog import BATCHES, GROUP, STATEMENTS
from whalefall_pipeline.adapters.sqlserver.fixed_roles import FIXED_SERVER_ROLES
from whalefall_pipeline.core.model import Instance, Login, Seen
from whalefall_pipeline.core.snapshot import build_snapshot, to_state
from whalefall_pipeline.core.states import build_states

OF_SERVER = 10
"""Statements that are sent once a reading, the one that sets the connection up included."""
DSN = os.environ.get("WHALEFALL_TEST_SQLSERVER_DSN", "")


@pytest.mark.skipif(not DSN, reason="no SQL Server: WHALEFALL_TEST_SQLSERVER_DSN names none")
def test_a_real_server_is_read_in_full() -> None:
    parts = dict(part.split("=", 1) for part in DSN.split(";") if part)
    host, _, port = parts["Server"].partition(",")
    options = {"trust_server_certificate": parts.get("TrustServerCertificate", "no")}
    instance = Instance(1, "real", "sqlserver", host, int(port or 1433), options=options)
    adapter = SqlserverAdapter()
    with adapter.open(instance, Login(parts["UID"], parts["PWD"]), Limits(), Deadline(300)) as session:
        assert session.version.startswith("SQL Server ")
        accounts = session.read_accounts()
        reading = session.read_grants()
        databases = [scope for scope in reading.coverage if scope.startswith("database:")]
        assert session.statements <= OF_SERVER + sum(
            math.ceil(len(databases) / BATCHES.get(name, GROUP)) for name in STATEMENTS if name.startswith("database_")
        )
        assert session.identity
        assert session.security.encrypted
    assert [seen for seen in reading.coverage.values() if seen.status is not Seen.OBSERVED] == []
    states = build_states(accounts, reading.held)[0]
    fixed = {name for name, state in states.items() if state.account.attributes.get("is_fixed_role")}
    assert fixed <= FIXED_SERVER_ROLES.keys()
    for username, state in states.items():
        assert to_state(username, json.loads(json.dumps(build_snapshot(state, rules.RULES))), rules.RULES) == state
    assert not any(grant.securable.scope == "other" for state in states.values() for grant in state.grants)
    assert adapter.build_script(states)
