"""Follows sessions in the ledger until they end: a bar on standard error, and failures as they come."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from whalefall_pipeline.cli.launching import Launch
from whalefall_pipeline.cli.output import errors, print_line
from whalefall_pipeline.cli.workplace import Workplace
from whalefall_pipeline.core.text import make_visible
from whalefall_pipeline.ledger.queries import Records, read_failures, read_progress

POLL_SECONDS = 0.25
AGAIN_SECONDS = 2.0
"""Between two requests to cancel: a run that is just starting does not take the first one."""


def follow(workplace: Workplace, launch: Launch, total: int, *, cancelled: bool = False) -> Records:
    """Show progress until every run has ended, and return their sessions; a run that ended before it began has none.

    Ctrl-C, or one that was heard before (`cancelled`), cancels the runs, again and again until they have ended, and
    goes on following; a second one leaves at once.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
    )
    bar = Console(stderr=True, highlight=False, markup=False)
    with Progress(*columns, console=bar, transient=True, disable=not bar.is_terminal) as progress:
        task = progress.add_task("syncing", total=total, speed="")
        if not cancelled:
            try:
                return _follow(workplace, launch, progress, task)
            except KeyboardInterrupt:
                errors.print("cancelling; Ctrl-C again leaves at once")
        progress.update(task, description="cancelling")
        return _follow(workplace, launch, progress, task, cancelling=True)


def _follow(
    workplace: Workplace, launch: Launch, progress: Progress, task: TaskID, *, cancelling: bool = False
) -> Records:
    began, told, ask_at = time.monotonic(), set[tuple[str, str]](), 0.0
    while True:
        if cancelling and time.monotonic() >= ask_at:
            launch.cancel()
            ask_at = time.monotonic() + AGAIN_SECONDS
        over = launch.is_over()  # asked before the ledger: what is read then is the last word
        with workplace.reading() as reader:
            sessions = read_progress(reader, launch.session_ids)
            failures = read_failures(reader, launch.session_ids)
        for row in failures:
            key = (row["session_id"], row["instance"])
            if key not in told:
                text = f"{row['instance']}: {row['error_code']}: {row['error_message']}"
                progress.console.print(make_visible(text), style="red", soft_wrap=True)
            told.add(key)
        done = sum(row["completed"] + row["failed"] for row in sessions)
        seconds = time.monotonic() - began
        progress.update(task, completed=done, speed=f"{done / seconds:.1f}/s" if done else "")
        if over:
            return sessions
        time.sleep(POLL_SECONDS)


def print_sessions(session_ids: Sequence[str]) -> None:
    """Print the ids of what was started, for programs and for later."""
    for session_id in session_ids:
        print_line(f"session {session_id}")
