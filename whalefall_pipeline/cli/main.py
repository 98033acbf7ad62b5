"""The `whalefall` command: how it begins and ends. What it can do is in `commands.py`, imported when it runs."""

import os
import signal
import sys
from types import FrameType

FAILED, WRONG_USE, CANCELLED = 1, 2, 130


def main() -> None:
    """Run a command; what goes wrong is one line on standard error, and exit code 2.

    A SIGTERM ends a command as Ctrl-C does, so that nothing that it started is left behind. Until a command begins
    there is nothing to leave: both end it at once, without a traceback of half an import.
    """
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, _leave)
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        sys.exit(CANCELLED)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os._exit(CANCELLED)


def _run() -> int:
    # Imported here, so that `main` hears Ctrl-C while this takes its time.
    from whalefall_pipeline.cli.commands import run  # noqa: PLC0415
    from whalefall_pipeline.cli.output import OutputError, errors, finish, leave_streams, prepare  # noqa: PLC0415
    from whalefall_pipeline.core.errors import WhalefallError  # noqa: PLC0415

    prepare()
    try:
        code = run(sys.argv[1:])
        finish()
    except OutputError as error:
        errors.print(f"whalefall: {error}", "red")
        return FAILED
    except WhalefallError as error:
        errors.print(f"whalefall: {error}", "red")
        return WRONG_USE
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        errors.print(f"whalefall: {what}", "red")
        return FAILED
    finally:
        leave_streams()
    return code
