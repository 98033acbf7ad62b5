"""Follows sessions in the ledger until they end: a bar, and failures as they come."""

import time
from collections.abc import Sequence

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text
from sqlalchemy import Engine

from whalefall_pipeline.cli.launching import Launch
from whalefall_pipeline.cli.output import console, errors
from whalefall_pipeline.ledger.database import connecting
from whalefall_pipeline.ledger.queries import Records, read_failures, read_progress

POLL_SECONDS = 0.25


def follow(engine: Engine, launch: Launch, total: int) -> Records:
    """Show progress until every run has ended, and give their sessions; a run that ended before it began has none.

    Ctrl-C cancels the runs, and goes on following until they have ended; a second one leaves at once.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("syncing", total=total, speed="")
        try:
            return _follow(engine, launch, progress, task)
        except KeyboardInterrupt:
            progress.update(task, description="cancelling")
            launch.cancel()
            return _follow(engine, launch, progress, task)


def _follow(engine: Engine, launch: Launch, progress: Progress, task: TaskID) -> Records:
    began, told = time.monotonic(), set[tuple[str, str]]()
    while True:
        over = launch.is_over()  # asked before the ledger: what is read then is the last word
        with connecting(engine) as connection:
            sessions = read_progress(connection, launch.session_ids)
            failures = read_failures(connection, launch.session_ids)
        for row in failures:
            key = (row["session_id"], row["instance"])
            if key not in told:
                progress.console.print(Text(f"{row['instance']}: {row['error_code']}: {row['error_message']}", "red"))
            told.add(key)
        done = sum(row["completed"] + row["failed"] for row in sessions)
        seconds = time.monotonic() - began
        progress.update(task, completed=done, speed=f"{done / seconds:.1f}/s" if done else "")
        if over:
            return sessions
        time.sleep(POLL_SECONDS)


def say_sessions(session_ids: Sequence[str]) -> None:
    """Print the ids of what was started, for programs and for later."""
    for session_id in session_ids:
        console.print(f"session {session_id}")
