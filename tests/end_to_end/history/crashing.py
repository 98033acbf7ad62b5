"""A program that syncs one instance after another, killing itself one step later each time, until a sync gets through.

A step is a statement, a COPY or a commit; the process is killed by SIGKILL right before it.
`python -m tests.end_to_end.history.crashing URL HOME` prints how many instances there are; the N-th, named `N`, was
killed at step N, and the last one was not killed.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from tests.engines.scripted import OBSERVED, Fleet, role, select_on, user
from whalefall_pipeline.core.errors import DatabaseConnectionError
from whalefall_pipeline.core.model import Grant, Observation, Securable, Seen
from whalefall_pipeline.ledger import copying, database
from whalefall_pipeline.ledger.database import open_ledger, transaction
from whalefall_pipeline.ledger.sessions import SessionStart, open_session
from whalefall_pipeline.sync.session import run_session
from whalefall_pipeline.sync.tell import Outcome

MEMBER = Grant("ana", "MEMBER", Securable("role", object="readers"))
SALARIES = select_on("ana", "salaries", database="hr")


def make_old(fleet: Fleet) -> None:
    """Make the accounts that were there before, one of them gone already."""
    fleet.adapter.coverage = dict.fromkeys(("server", "database:shop", "database:hr"), OBSERVED)
    fleet.adapter.accounts = [user("ana"), user("bob"), user("dora"), role("readers"), user("turns")]
    fleet.adapter.grants = [select_on("ana", "orders"), select_on("bob", "orders"), SALARIES, MEMBER]
    fleet.sync(fleet.instances[-1:])
    fleet.adapter.accounts = [item for item in fleet.adapter.accounts if item.username != "dora"]
    fleet.sync(fleet.instances[-1:])


def make_new(fleet: Fleet) -> None:
    """Let one of everything change: new, gone, returned and changed accounts, options, and a database not seen."""
    fleet.adapter.coverage["database:hr"] = Observation(Seen.UNREACHABLE, "refused")
    fleet.adapter.accounts = [user("ana", locked=True), user("carl"), user("dora"), role("readers"), role("turns")]
    fleet.adapter.grants = [select_on("ana", "orders", option=True), select_on("carl", "orders")]


def lose_grants(fleet: Fleet) -> None:
    fleet.adapter.grants_error = DatabaseConnectionError("lost in the middle", transient=False)


def at_each_step(engine: Engine, reach: Callable[[], None]) -> None:
    """Call something before each statement, COPY and commit of this process."""

    def copy_texts(connection: Connection, table: str, columns: Sequence[str], texts: Iterable[str]) -> None:
        reach()
        database.copy_texts(connection, table, columns, texts)

    def on_event(*_values: object) -> None:
        reach()

    event.listen(engine, "before_cursor_execute", on_event)
    event.listen(engine, "commit", on_event)
    copying.copy_texts = copy_texts


def _sync_until(url: str, fleet: Fleet, last_step: int) -> None:
    """Sync the newest instance, and be killed before a step of that."""
    fleet.engine = open_ledger(url)
    plan = fleet.plan(session_id=f"crash {last_step}", heartbeat_seconds=3600)
    instances = fleet.instances[-1:]
    with fleet.engine.connect() as connection, transaction(connection):
        open_session(connection, SessionStart(plan.session_id, "manual_single"), instances)
    steps = 0

    def reach() -> None:
        nonlocal steps
        steps += 1
        if steps == last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    at_each_step(fleet.engine, reach)
    ended: list[Outcome] = []
    run_session(plan, instances, ended.append)
    # the session is closed by now, and was killed there too
    os._exit(0 if ended[0].error is None else 1)


def main(url: str, home: str) -> int:
    """Sync and be killed, until a sync is not, and give the number of instances."""
    fleet = Fleet(open_ledger(url), Path(home))
    while True:
        number = len(fleet.instances) + 1
        fleet.register(str(number))
        make_old(fleet)
        make_new(fleet)
        fleet.engine.dispose()
        child = os.fork()
        if child == 0:
            _sync_until(url, fleet, number)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            assert os.waitstatus_to_exitcode(status) == 0
            return number


if __name__ == "__main__":
    print(main(*sys.argv[1:]))  # noqa: T201 - what the test reads
