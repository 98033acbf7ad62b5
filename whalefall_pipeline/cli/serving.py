"""`whalefall init`, `up`, `stop` and `db upgrade`: the home, the services that run for long, the ledger's schema."""

from pathlib import Path
from typing import Annotated

import typer

from whalefall_pipeline.cli.output import console
from whalefall_pipeline.cli.workplace import DEMO, SERVER, Workplace, find_servers, make_home, open_workplace
from whalefall_pipeline.embedded import stop as stop_server
from whalefall_pipeline.embedded import wait_for_end
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.services import is_loopback, run_services, stop_services
from whalefall_pipeline.settings import get_settings

HOST = "127.0.0.1"
NO_LOGIN = (
    "It has no login: whoever reaches this address can start and end syncs. SECURITY.md says what to put in front."
)


def init(
    folder: Annotated[
        Path | None, typer.Argument(help="Left out: WHALEFALL_HOME, or .whalefall in this folder.")
    ] = None,
) -> None:
    """Make a home here, or in a folder, with an embedded PostgreSQL.

    Commands find it from this folder and all below; from others by WHALEFALL_HOME.
    """
    home = make_home(folder)
    console.print(f"the home is {home}; register an instance with: whalefall instances add")


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the UI; the next free one if it is taken.")] = 3000,
    host: Annotated[str, typer.Option(help="The address that the UI listens on.")] = HOST,
    *,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="The UI shows all, and starts and changes nothing.")
    ] = False,
) -> None:
    """Run webserver and daemon; Ctrl-C ends them.

    And the embedded PostgreSQL, unless WHALEFALL_DATABASE_URL is set.
    """
    try:
        with open_workplace(make=True) as workplace:
            serve(workplace, host=host, port=port, read_only=read_only)
    finally:
        # Where this is the first process of a container or a unit, the others are killed as soon as it ends.
        wait_for_end(get_settings().home.absolute() / SERVER)


def serve(workplace: Workplace, *, port: int, host: str = HOST, read_only: bool = False) -> None:
    """Run Dagster's services until Ctrl-C."""
    embedded = None if workplace.settings.database_url else workplace.home / "postgres"
    console.print("Starting the Dagster UI …")
    environment = workplace.build_environment()
    with run_services(environment, host=host, port=port, embedded=embedded, read_only=read_only) as services:
        console.print(f"The Dagster UI is at {services.address}  (Ctrl-C ends it)")
        if not is_loopback(host):
            console.print(NO_LOGIN)
        for line in services.watch():
            console.print(line)


def stop() -> None:
    """Stop what runs in this home.

    Services, and the embedded PostgreSQL servers, the demo's included.
    """
    home = get_settings().home.absolute()
    for place in (home, home / DEMO):
        stop_services(place)
    for folder in find_servers(home):
        stop_server(folder)


def upgrade_database() -> None:
    """Create the ledger's tables, or bring them to this version."""
    with open_workplace(check=False, make=True) as workplace:
        upgrade_ledger(workplace.engine)
    console.print("the ledger has the schema of this version")
