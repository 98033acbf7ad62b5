"""A program that syncs one instance after another and sends its alerts, killing itself one step later each time.

A step is a statement, a COPY, a commit, or the moment before or after a target takes a message; the process is killed
by SIGKILL right there. `python -m tests.end_to_end.alerts.crashing LEDGER HOME TARGET` prints how many instances there
are; the N-th, named `N`, was killed at step N, and the last one was not killed.
"""

import os
import signal
import sys
from pathlib import Path

import psycopg

from tests.end_to_end.history.crashing import at_each_step
from tests.engines.scripted import Fleet, user
from tests.reports.outbox import KEY
from whalefall_pipeline.core.alerts import Message
from whalefall_pipeline.ledger.alerts import LOCK_SPACE
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.reports.sending import send_alerts
from whalefall_pipeline.reports.targets import AlertTarget
from whalefall_pipeline.sync.plan import Alerting


def _wait_for_the_dead(url: str) -> None:
    """Wait until the server has noticed that the process that sent before is gone."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s, 1), pg_advisory_unlock(%s, 1)", [LOCK_SPACE, LOCK_SPACE])


def _sync_and_send(url: str, fleet: Fleet, target: AlertTarget, last_step: int) -> None:
    fleet.engine = open_ledger(url)
    steps = 0
    take = AlertTarget.send

    def reach() -> None:
        nonlocal steps
        steps += 1
        if steps == last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    def send(self: AlertTarget, message: Message) -> str:
        reach()
        reason = take(self, message)
        reach()
        return reason

    at_each_step(fleet.engine, reach)
    AlertTarget.send = send
    plan = fleet.plan(session_id=f"crash {last_step}", alerting=Alerting(), heartbeat_seconds=3600)
    (outcome,) = fleet.run(plan, fleet.instances[-1:])
    sent = send_alerts(fleet.engine, [target], KEY)
    os._exit(0 if outcome.error is None and not sent.failures else 1)


def main(url: str, home: str, target_url: str) -> int:
    """Sync, send and be killed, until nothing is killed, and return the number of instances."""
    fleet = Fleet(open_ledger(url), Path(home))
    target = AlertTarget(1, "json", target_url)
    while True:
        number = len(fleet.instances) + 1
        fleet.register(str(number))
        fleet.adapter.accounts = [user("ana"), user("bob")]
        fleet.sync(fleet.instances[-1:])
        fleet.adapter.accounts = [user("ana", rolsuper=True)]
        fleet.engine.dispose()
        _wait_for_the_dead(url)
        child = os.fork()
        if child == 0:
            _sync_and_send(url, fleet, target, number)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            assert os.waitstatus_to_exitcode(status) == 0
            return number


if __name__ == "__main__":
    print(main(*sys.argv[1:]))  # noqa: T201 - what the test reads
