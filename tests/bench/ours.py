"""The sync as a session of one instance runs it, from opening the session to closing it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.bench.child import Ran
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.ledger.database import connecting, open_ledger, transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.ledger.sessions import SessionStart, open_session
from whalefall_pipeline.sync import follow, write
from whalefall_pipeline.sync.compare import ComparedPermissions
from whalefall_pipeline.sync.plan import Collector, Plan
from whalefall_pipeline.sync.session import run_session


def run(request: dict[str, Any]) -> Ran:
    """Sync once."""
    read_findings_seconds = _time_findings()
    engine = open_ledger(request["ledger"])
    with connecting(engine) as connection, transaction(connection):
        instances = read_instances(connection)
    collectors = {db_type: Collector(adapter) for db_type, adapter in ADAPTERS.items()}
    plan = Plan(str(uuid4()), engine, collectors, SecretStore(Path(request["home"])))
    with connecting(engine) as connection, transaction(connection):
        open_session(connection, SessionStart(plan.session_id, "manual_single"), instances)
    (outcome,) = run_session(plan, instances, lambda _outcome: None)
    if outcome.error:
        raise outcome.error
    return Ran(outcome.statements, read_findings_seconds())


def _time_findings() -> Callable[[], float]:
    """Add up the CPU time of what follows from a reading, on the thread that does it; its server's is not in it."""
    took = 0.0

    def timing(work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*values: Any) -> Any:
            nonlocal took
            begun = time.thread_time()
            try:
                return work(*values)
            finally:
                took += time.thread_time() - begun

        return timed

    read_questions = timing(follow.read_questions)

    def read_after_digests(*values: Any) -> Any:
        """Have accounts digested before: that is no part of findings, though they are who asks for it first."""
        compared = next(value for value in values if isinstance(value, ComparedPermissions))
        if compared.states:
            compared.states.find_digests()
        return read_questions(*values)

    follow.read_questions = read_after_digests
    for name in ("diff_findings", "open_findings", "write_findings"):
        setattr(write, name, timing(getattr(write, name)))
    return lambda: took
