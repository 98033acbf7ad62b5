"""Dagster's webserver behind our guard, run as `python -m whalefall_pipeline.services.webserver` by the supervisor.

It is what `dagster-webserver` runs, with the guard around the application. `dagster dev` has no place for one.
"""

# Dagster's own signatures hold unknown types.
# pyright: reportUnknownVariableType=false

import argparse
import socket

import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.interrupts import setup_interrupt_handlers
from dagster._utils.log import configure_loggers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

from whalefall_pipeline.services.authority import parse_names
from whalefall_pipeline.services.guard import Guard
from whalefall_pipeline.settings import get_settings

STATEMENT_MILLISECONDS = 15_000
POOL_RECYCLE_SECONDS = 3_600
POOL_OVERFLOW = 20
POLL_MILLISECONDS = 2_000
"""How often the UI asks for news of assets. All four are what `dagster-webserver` has."""


def main() -> None:
    """Serve the UI until a signal ends it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--handle", type=int, required=True, help="of the socket that listens already")
    parser.add_argument("--read-only", action="store_true")
    wanted = parser.parse_args()
    configure_loggers(formatter="colored", log_level="INFO")
    setup_interrupt_handlers()
    given = parse_names(get_settings().webserver_hosts or "")
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, POOL_RECYCLE_SECONDS, POOL_OVERFLOW)
        target = WorkspaceFileTarget([wanted.workspace])
        with WorkspaceProcessContext(instance, target, __version__, read_only=wanted.read_only) as context:
            app = create_app_from_workspace_process_context(context, "", POLL_MILLISECONDS)
            config = uvicorn.Config(Guard(app, wanted.host, given), log_level="warning")
            with socket.socket(fileno=wanted.handle) as listener:
                uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
