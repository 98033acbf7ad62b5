"""The process that owns Dagster's services, run as `python -m whalefall_pipeline.services PLAN` by `run_services`.

It lives in a session of its own, so that a Ctrl-C in the terminal reaches neither it nor the services, and ends when
its standard input does: when the asking process is gone, however it went. On its standard output it says one line
each: a word of `plan` and a text.
"""

import asyncio
import signal
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from whalefall_pipeline.embedded import keep
from whalefall_pipeline.services.errors import ServicesError
from whalefall_pipeline.services.plan import FAILED, LOCK, READY, STATE, ServicePlan, write_state
from whalefall_pipeline.services.supervisor import Supervisor
from whalefall_pipeline.system import try_lock


def main(plan: ServicePlan) -> None:
    """Run the services of a home, which nobody else does at the time."""
    home = Path(plan.home)
    (home / "logs").mkdir(exist_ok=True)
    with ExitStack() as held:
        lock = try_lock(home / LOCK)
        if lock is None:
            write_notice(FAILED, f"the services of {home} run already; see {home / STATE}")
            return
        held.enter_context(lock)
        if plan.embedded:
            held.enter_context(keep(Path(plan.embedded)))
        held.callback((home / STATE).unlink, missing_ok=True)
        write_state(home, None)
        sockets = held.enter_context(tempfile.TemporaryDirectory(prefix="whalefall-"))
        try:
            asyncio.run(supervise(Supervisor(plan, Path(sockets), write_notice), home))
        except ServicesError as error:
            write_notice(FAILED, str(error))


async def supervise(supervisor: Supervisor, home: Path) -> None:
    """Run the services until somebody wants them to end; raises ServicesError when they can't be had or kept."""
    wanted = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, wanted.set)  # nothing is ever written to it: to be readable is to have ended
    for end in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(end, wanted.set)
    running, ending = asyncio.create_task(run(supervisor, home)), asyncio.create_task(wanted.wait())
    try:
        await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
    finally:
        loop.remove_reader(sys.stdin)
        running.cancel()
        ending.cancel()
        await asyncio.wait({running, ending})
        await supervisor.stop()


async def run(supervisor: Supervisor, home: Path) -> None:
    """Start the services, say so, and keep them."""
    await supervisor.start()
    write_state(home, supervisor.address)
    write_notice(READY, supervisor.address)
    await supervisor.keep()


def write_notice(word: str, text: str) -> None:
    """Print a line for the asking process, if it is still there."""
    with suppress(BrokenPipeError):
        sys.stdout.write(f"{word} {text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(ServicePlan.from_json(sys.argv[1]))
