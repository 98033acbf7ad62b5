"""Who works on a session's instances: threads of this process, or processes of which each has some threads."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from typing import Protocol

from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.sync.instance import sync_instance
from whalefall_pipeline.sync.plan import Plan
from whalefall_pipeline.sync.tell import Outcome

CANCEL_AGAIN_SECONDS = 0.5


class Crew(Protocol):
    """Works on instances, many at a time."""

    def work(self) -> Iterator[Outcome]:
        """Yield how each instance ended, as they end."""
        ...

    def stop(self) -> None:
        """Begin nothing more; what is under way goes on."""
        ...

    def end(self) -> None:
        """Return when nothing is under way; what was cancelled is cancelled again meanwhile."""
        ...


class Threads:
    """See Crew. Drivers wait on the network, and the GIL is free then."""

    def __init__(self, plan: Plan, instances: Sequence[Instance]) -> None:
        self._plan = plan
        self._pool = ThreadPoolExecutor(plan.parallelism, thread_name_prefix="sync")
        self._futures = [self._pool.submit(sync_instance, plan, instance) for instance in instances]

    def work(self) -> Iterator[Outcome]:
        """See Crew."""
        for future in as_completed(self._futures):
            yield future.result()
        self._pool.shutdown()

    def stop(self) -> None:
        """See Crew."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def end(self) -> None:
        """See Crew. An instance that was between two statements has the next one cancelled."""
        while running := [future for future in self._futures if not future.done()]:
            wait(running, CANCEL_AGAIN_SECONDS)
            self._plan.cancellation.cancel()
        self._pool.shutdown()
