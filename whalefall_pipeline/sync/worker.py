"""`python -m whalefall_pipeline.sync.worker DESCRIPTOR THREADS`: a process that works on instances of a session.

What it works on comes through a socket, and how each instance ended goes back through it. It ends when it is told to,
or when the other end is gone: then the process that started it is, and what is under way is cancelled.
"""

import os
import signal
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from multiprocessing.connection import Connection
from typing import TypeAlias

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.changes import Changes
from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.sync.crew import CANCEL_AGAIN_SECONDS
from whalefall_pipeline.sync.instance import sync_instance
from whalefall_pipeline.sync.interpreter import INSTANCES_BETWEEN, release, tuned
from whalefall_pipeline.sync.plan import Collector, Plan
from whalefall_pipeline.sync.processes import CANCEL, Task
from whalefall_pipeline.sync.rulebook import build_rulebook
from whalefall_pipeline.sync.tell import Outcome

Line: TypeAlias = "Connection[Outcome, Task | Instance | str]"
NOT_SENT = 70
"""The exit status of a process that can't send how an instance ended: EX_SOFTWARE."""
BESIDE_INSTANCES = 2
"""Ledger connections beside those of the instances worked on: failures that are written."""


class Work:
    """Works on what is given to it, and sends how it ended."""

    def __init__(self, plan: Plan, line: Line) -> None:
        self._plan = plan
        self._line = line
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(plan.parallelism, thread_name_prefix="sync")
        self._futures: set[Future[None]] = set()
        self._ended = 0

    def take(self, instance: Instance) -> None:
        """Begin an instance."""
        self._futures = {future for future in self._futures if not future.done()}
        self._futures.add(self._pool.submit(self._sync, instance))

    def _sync(self, instance: Instance) -> None:
        try:
            outcome = sync_instance(self._plan, instance)
        except Exception as error:  # noqa: BLE001 - whoever waits for it has to hear of its end
            outcome = Outcome(instance, error=WhalefallError(f"{type(error).__name__}: it stopped in the middle"))
        outcome.changes = Changes()  # told of by what is written; it may be large
        with self._lock:
            self._send(outcome)
            self._ended += 1
            is_due = self._ended % INSTANCES_BETWEEN == 0
        if is_due:
            release()

    def _send(self, outcome: Outcome) -> None:
        """Send how an instance ended; where that can't be sent, end the process, which says it too."""
        try:
            self._line.send(outcome)
        except OSError:
            pass  # the other end is gone, and this process ends by that
        except Exception:  # noqa: BLE001 - what can't be pickled
            os._exit(NOT_SENT)

    def end(self) -> None:
        """Cancel what is under way, and return when it has ended."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        while running := [future for future in self._futures if not future.done()]:
            self._plan.cancellation.cancel()
            wait(running, CANCEL_AGAIN_SECONDS)


def _build_plan(task: Task, threads: int) -> Plan:
    return Plan(
        task.session_id,
        open_ledger(task.ledger_url, pool_size=threads + BESIDE_INSTANCES),
        {name: Collector(ADAPTERS[name], limits) for name, limits in task.limits.items()},
        task.store,
        parallelism=threads,
        rulebook=build_rulebook(task.rules, ADAPTERS),
        **task.rest,
    )


def main(descriptor: int, threads: int) -> None:
    """Work until there is nothing more."""
    for number in (signal.SIGINT, signal.SIGTERM):  # may reach all processes; the one that started this one cancels
        signal.signal(number, signal.SIG_IGN)
    line: Line = Connection(descriptor)
    task = line.recv()
    if isinstance(task, Task):
        _work(_build_plan(task, threads), line)


def _work(plan: Plan, line: Line) -> None:
    with tuned():
        work = Work(plan, line)
        try:
            while isinstance(message := line.recv(), Instance) or message == CANCEL:
                if isinstance(message, Instance):
                    work.take(message)
                else:
                    plan.cancellation.cancel()
        except (EOFError, OSError):
            pass
        work.end()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
