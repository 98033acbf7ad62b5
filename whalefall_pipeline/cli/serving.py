"""`whalefall up`, `stop` and `db upgrade`: the services that run for long, and the ledger's schema."""

from typing import Annotated

import typer

from whalefall_pipeline.cli.output import console
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.embedded import stop as stop_server
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.services import run_services, stop_services
from whalefall_pipeline.settings import get_settings

HOST = "127.0.0.1"


def up(
    port: Annotated[int, typer.Option(help="Of the UI; the next free one if it is taken.")] = 3000,
    host: Annotated[str, typer.Option(help="The address that the UI listens on.")] = HOST,
) -> None:
    """Run webserver and daemon, and the embedded PostgreSQL unless WHALEFALL_DATABASE_URL is set; Ctrl-C ends them."""
    with open_workplace() as workplace:
        serve(workplace, host=host, port=port)


def serve(workplace: Workplace, *, port: int, host: str = HOST) -> None:
    """Run Dagster's services until Ctrl-C."""
    embedded = None if workplace.settings.database_url else workplace.home / "postgres"
    console.print("Starting the Dagster UI …")
    with run_services(workplace.build_environment(), host=host, port=port, embedded=embedded) as services:
        console.print(f"The Dagster UI is at [bold]{services.address}[/bold]  (Ctrl-C ends it)")
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
