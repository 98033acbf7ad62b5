"""`whalefall review export`: a review as files for those who audit it."""

import re
from pathlib import Path
from typing import Annotated

import typer

from whalefall_pipeline.cli.output import print_line
from whalefall_pipeline.cli.review import NameOption, find_review
from whalefall_pipeline.cli.workplace import open_workplace
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.reviews import read_items

OTHER = re.compile(r"[^\w.-]+")
"""What a folder's name should not hold."""


def export(
    *,
    name: NameOption = None,
    to: Annotated[Path | None, typer.Option("--to", help="The folder; left out: review-NAME here.")] = None,
) -> None:
    """Write a review as HTML and XLSX, with a manifest.

    The same review is the same bytes; `sha256sum -c manifest.sha256` checks them. The workbook can be sent around, and
    comes back with decisions: whalefall review decide --from FILE.
    """
    from whalefall_pipeline.reports.package import build_package, write_package  # noqa: PLC0415 - only this needs it
    from whalefall_pipeline.reports.review import build_review_page  # noqa: PLC0415

    with open_workplace() as workplace, connecting(workplace.engine) as connection, transaction(connection):
        review = find_review(connection, name, closed=True)
        items = read_items(connection, review)
    folder = to or Path("review-" + OTHER.sub("_", review.name))
    files = build_package(build_review_page(review, items), "review")
    write_package(files, folder)
    print_line(f"{', '.join(files)} are in {folder}")
