"""`whalefall up`, `stop` and `db upgrade`: the services that run for long, and the ledger's schema."""

from typing import Annotated

import typer

from whalefall_pipeline.cli.output import console
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.embedded import stop as stop_server
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.services import is_loopback, run_services, stop_services
from whalefall_pipeline.settings import get_settings

HOST = "127.0.0.1"
NO_LOGIN = (
    "It has no login: whoever reaches this address can start and end syncs. SECURITY.md says what to put in front."
)


def up(
    port: Annotated[int, typer.Option(help="Of the UI; the next free one if it is taken.")] = 3000,
    host: Annotated[str, typer.Option(help="The address that the UI listens on.")] = HOST,
    *,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="The UI shows all, and starts and changes nothing.")
    ] = False,
) -> None:
    """Run webserver and daemon, and the embedded PostgreSQL unless WHALEFALL_DATABASE_URL is set; Ctrl-C ends them."""
    with open_workplace() as workplace:
        serve(workplace, host=host, port=port, read_only=read_only)


def serve(workplace: Workplace, *, port: int, host: str = HOST, read_only: bool = False) -> None:
    """Run Dagster's services until Ctrl-C."""
    embedded = None if workplace.settings.database_url else workplace.home / "postgres"
    console.print("Starting the Dagster UI …")
    environment = workplace.build_environment()
    with run_services(environment, host=host, port=port, embedded=embedded, read_only=read_only) as services:
        console.print(f"The Dagster UI is at [bold]{services.address}[/bold]  (Ctrl-C ends it)")
        if not is_loopback(host):
            console.print(NO_LOGIN)
        for line in services.watch():
            console.print(line)


def stop() -> None:
    """Stop what runs in this home: services, and the embedded PostgreSQL servers."""
    home = get_settings().home.absolute()
    stop_services(home)
    for folder in (home / "postgres", home / "demo" / "shop"):
        stop_server(folder)


def upgrade_database() -> None:
    """Create the ledger's tables, or bring them to this version."""
    with open_workplace(check=False) as workplace:
        upgrade_ledger(workplace.engine)
    console.print("the ledger has the schema of this version")
