"""A session's instances over several processes: Python works on one core in each.

A process gets what it needs through a socket that only it and this process have: no secret is in its arguments or its
environment that was not there before. It ends with this process, however that ends.
"""

import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from multiprocessing.connection import wait as wait_for
from typing import Any, TypeAlias, cast

from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.errors import SyncCancelledError, WhalefallError
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.sync.crew import CANCEL_AGAIN_SECONDS, Threads
from whalefall_pipeline.sync.instance import write_failure
from whalefall_pipeline.sync.plan import Plan
from whalefall_pipeline.sync.tell import Outcome

LEAST_EACH = 32
"""Instances from which on a process is worth its start, which takes as long as some of them do."""
END_SECONDS = 10.0
CANCEL, END = "cancel", "end"
Message: TypeAlias = "Instance | str"


@dataclass(frozen=True, slots=True)
class Task:
    """A plan as it is sent to a process; `limits` are by `db_type`, `rules` the document of a rules file.

    `rest` are the plan's other fields, by name.
    """

    session_id: str
    ledger_url: str = field(repr=False)
    store: SecretStore = field(repr=False)
    limits: Mapping[str, Limits]
    rules: object
    rest: Mapping[str, Any]


REST = ("inventory", "permissions", "accept_collapse", "attempts", "backoff_seconds", "instance_seconds")
MORE = ("overrun_seconds", "lock_wait_seconds", "alerting")


def count_processes(plan: Plan, instances: int) -> int:
    """Return over how many processes a session's instances go; 1: they are worked on in this one.

    So they are where an adapter is not the one that its engine has here: nobody else could make it.
    """
    if any(collector.adapter is not ADAPTERS.get(name) for name, collector in plan.collectors.items()):
        return 1
    return max(1, min(plan.processes, plan.parallelism, instances // LEAST_EACH))


class Worker:
    """One process of so many threads, and the instances that it works on."""

    def __init__(self, task: Task, threads: int) -> None:
        self.connection, theirs = Pipe()
        self.has_answered = False
        self.under_way: dict[int, Instance] = {}
        self._lock = threading.Lock()
        with theirs:
            descriptor = theirs.fileno()
            command = [sys.executable, "-P", "-m", "whalefall_pipeline.sync.worker", str(descriptor), str(threads)]
            self.process = subprocess.Popen(  # noqa: S603 - this program, without a shell
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[descriptor]
            )
        self._send(task)

    def begin(self, instance: Instance) -> None:
        """Begin an instance."""
        self.under_way[instance.id] = instance
        self._send(instance)

    def cancel(self) -> None:
        """Cancel what it has under way."""
        self._send(CANCEL)

    def end(self) -> None:
        """End it; it has nothing under way."""
        self._send(END)
        self.connection.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def receive(self) -> Outcome | None:
        """Return how an instance ended; None: the process did, or sent what nobody can read, and is to end."""
        try:
            outcome: Outcome = self.connection.recv()
        except Exception:  # noqa: BLE001 - whatever the bytes make of themselves; its instances fail with that reason
            return None
        self.has_answered = True
        del self.under_way[outcome.instance.id]
        return outcome

    def _send(self, message: "Message | Task") -> None:
        with self._lock, suppress(OSError):  # it has ended, which its end of the socket says too
            self.connection.send(message)


class Processes:
    """See `crew.Crew`. A process that ends by itself fails what it worked on, and another takes its place.

    One that never answered has no successor: it would end alike. Where none is left, threads of this process go on.
    """

    def __init__(self, plan: Plan, instances: Sequence[Instance], processes: int) -> None:
        self._plan = plan
        self._task = to_task(plan)
        self._waiting = deque(instances)
        self._threads = -(-plan.parallelism // processes)
        self._workers: list[Worker] = []
        self._here: Threads | None = None
        try:
            for _ in range(processes):
                self._workers.append(self._start())
        except BaseException:
            for worker in self._workers:
                worker.connection.close()  # which ends it
            raise
        for _ in range(self._threads):
            for worker in self._workers:
                self._begin_next(worker)

    @property
    def pids(self) -> list[int]:
        """The processes that there are now."""
        return [worker.process.pid for worker in self._workers]

    def work(self) -> Iterator[Outcome]:
        """See `crew.Crew`."""
        with ExitStack() as held:
            with suppress(SyncCancelledError):
                held.enter_context(self._plan.cancellation.ending(self._cancel))
            if self._plan.cancellation.is_cancelled:
                self._cancel()
            yield from self._receive(None)
        self._end_workers()
        if self._waiting:
            self._here = Threads(self._plan, list(self._waiting))
            self._waiting.clear()
            yield from self._here.work()

    def stop(self) -> None:
        """See `crew.Crew`."""
        self._waiting.clear()
        if self._here:
            self._here.stop()

    def end(self) -> None:
        """See `crew.Crew`."""
        if self._here:
            self._here.end()
        self._cancel()
        for _ in self._receive(self._cancel):
            pass
        self._end_workers()

    def _receive(self, when_waiting: Callable[[], None] | None) -> Iterator[Outcome]:
        """Yield outcomes until nothing is under way; `when_waiting` is called now and then."""
        while busy := {worker.connection: worker for worker in self._workers if worker.under_way}:
            ready = wait_for(list(busy), CANCEL_AGAIN_SECONDS if when_waiting else None)
            if not ready and when_waiting:
                when_waiting()
            for connection in ready:
                worker = busy[cast("Connection[Message, Outcome]", connection)]
                outcome = worker.receive()
                if outcome is None:
                    yield from self._replace(worker)
                else:
                    self._begin_next(worker)
                    yield outcome

    def _replace(self, worker: Worker) -> Iterator[Outcome]:
        """Yield failures of what an ended process had under way, and start another where there is more to do."""
        self._workers.remove(worker)
        worker.connection.close()
        status = worker.process.wait()
        if self._plan.cancellation.is_cancelled:
            self._waiting.clear()
        if self._waiting and worker.has_answered:
            self._workers.append(self._start())
            for _ in range(self._threads):
                self._begin_next(self._workers[-1])
        for instance in worker.under_way.values():
            yield self._fail(instance, status)

    def _fail(self, instance: Instance, status: int) -> Outcome:
        outcome = Outcome(instance)
        if self._plan.cancellation.is_cancelled:
            outcome.error = SyncCancelledError("the session was cancelled")
        else:
            how = f"by signal {-status}" if status < 0 else f"with status {status}"
            outcome.error = WhalefallError(f"the process that worked on it ended {how}")
            write_failure(self._plan, outcome, outcome.error)
        return outcome

    def _start(self) -> Worker:
        return Worker(self._task, self._threads)

    def _begin_next(self, worker: Worker) -> None:
        if self._waiting:
            worker.begin(self._waiting.popleft())

    def _cancel(self) -> None:
        for worker in list(self._workers):
            worker.cancel()

    def _end_workers(self) -> None:
        while self._workers:
            self._workers.pop().end()


def to_task(plan: Plan) -> Task:
    """Return a plan as it is sent."""
    rest = {name: getattr(plan, name) for name in (*REST, *MORE)}
    url = plan.engine.url.render_as_string(hide_password=False)
    limits = {name: collector.limits for name, collector in plan.collectors.items()}
    return Task(plan.session_id, url, plan.store, limits, plan.rulebook.source, rest)
