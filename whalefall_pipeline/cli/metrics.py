"""`whalefall metrics`: the fleet as numbers, for Prometheus."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from whalefall_pipeline.cli.output import write
from whalefall_pipeline.cli.workplace import open_reader
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.ledger.queries import read_metrics
from whalefall_pipeline.reports.metrics import build_metrics


def metrics(
    to: Annotated[
        Path | None, typer.Option(help="A file that is replaced whole, as node_exporter's textfile collector wants it.")
    ] = None,
) -> None:
    """Print the fleet's numbers for Prometheus.

    Of each instance: when it was last read, how long that took, accounts, scopes that were not seen, open findings.
    """
    if to is not None and to.exists() and not to.is_file():  # a device would be replaced too
        raise InvalidInputError(f"{to} is no regular file; name one to write")
    with open_reader() as reader:
        text = build_metrics(read_metrics(reader))
    if to is None:
        write(sys.stdout, text)
        return
    unfinished = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(to)
    finally:
        unfinished.unlink(missing_ok=True)
