"""`whalefall report`: the fleet as a page and a workbook."""

from pathlib import Path
from typing import Annotated

import typer

from whalefall_pipeline.cli.arguments import complete_instance
from whalefall_pipeline.cli.choosing import choose_instances
from whalefall_pipeline.cli.labels import LabelOption, parse_labels
from whalefall_pipeline.cli.output import print_line
from whalefall_pipeline.cli.workplace import open_workplace
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.reviews import ONE_MOMENT


def report(
    *,
    instance: Annotated[
        list[str] | None,
        typer.Option("--instance", "-i", autocompletion=complete_instance, help="Only these; left out: all."),
    ] = None,
    label: LabelOption = None,
    weeks: Annotated[int, typer.Option(min=1, max=104, help="How far back.")] = 12,
    to: Annotated[Path, typer.Option("--to", help="The folder.")] = Path("report"),
) -> None:
    """Write a report of the fleet as HTML and XLSX.

    With a manifest of their SHA-256. It ends with the newest reading, so the report of the same ledger is the same.
    """
    from whalefall_pipeline.reports.fleet import build_fleet_page, read_fleet  # noqa: PLC0415 - takes long
    from whalefall_pipeline.reports.package import build_package, write_package  # noqa: PLC0415

    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        with transaction(connection):
            chosen = choose_instances(read_instances(connection), instance, parse_labels(label))
        names = [item.name for item in chosen] if instance or label else None
        with transaction(connection):
            connection.execute(ONE_MOMENT)
            fleet = read_fleet(connection, names, weeks)
    if fleet is None:
        raise InvalidInputError("nothing was ever synced, so there is nothing to report; see: whalefall sync")
    files = build_package(build_fleet_page(fleet), "report")
    write_package(files, to)
    print_line(f"{', '.join(files)} are in {to}")
