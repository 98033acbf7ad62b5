"""The `whalefall` command."""

import signal
import sys
from collections.abc import Callable
from typing import Any

import typer
from rich.text import Text

from whalefall_pipeline.cli import instances
from whalefall_pipeline.cli.demo import demo
from whalefall_pipeline.cli.output import errors
from whalefall_pipeline.cli.script import script
from whalefall_pipeline.cli.serving import stop, up, upgrade_database
from whalefall_pipeline.cli.show import show_account, show_accounts, show_changes, show_holders, show_sessions
from whalefall_pipeline.cli.sync import sync
from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.embedded import EmbeddedServerError
from whalefall_pipeline.services import ServicesError

WRONG_USE = 2
CANCELLED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Database accounts and their permissions as Dagster assets, with history, in a PostgreSQL ledger.",
)
database = typer.Typer(no_args_is_help=True, help="Look after the ledger's database.")
database.command("upgrade")(upgrade_database)
app.add_typer(instances.app, name="instances")
app.add_typer(database, name="db")

COMMANDS: dict[str, Callable[..., Any]] = {
    "demo": demo,
    "up": up,
    "stop": stop,
    "sync": sync,
    "sessions": show_sessions,
    "accounts": show_accounts,
    "show": show_account,
    "changes": show_changes,
    "who-has": show_holders,
    "script": script,
}
for name, command in COMMANDS.items():
    app.command(name)(command)


def main() -> None:
    """Run a command; what goes wrong is one line on standard error, and exit code 2.

    A SIGTERM ends a command as Ctrl-C does, so that nothing that it started is left behind.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except (WhalefallError, EmbeddedServerError, ServicesError) as error:
        errors.print(Text(f"whalefall: {error}", style="red"), soft_wrap=True)
        sys.exit(WRONG_USE)
    except KeyboardInterrupt:
        sys.exit(CANCELLED)
