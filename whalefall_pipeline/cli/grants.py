"""`whalefall instances grants`: the script that makes a login to collect with, and what each line of it opens."""

import re
import sys
from typing import Annotated

import typer

from whalefall_pipeline.adapters.engine import Opening, Product
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.cli.definition import OTHER_NAMES
from whalefall_pipeline.cli.output import write
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.text import is_visible

YEARS = {2016: 13, 2017: 14, 2019: 15, 2022: 16, 2025: 17}
"""SQL Server's versions by the year in their name."""


def print_grants(
    db_type: Annotated[str, typer.Option("--type", help=f"One of {', '.join(sorted({*ADAPTERS, 'mariadb'}))}.")],
    version: Annotated[str | None, typer.Option(help="The server's version, such as 8.0.36; left out: any.")] = None,
    user: Annotated[
        str, typer.Option(help="The login's name: on MySQL name@host, for an Oracle root C##NAME.")
    ] = "whalefall",
) -> None:
    """Print the script that makes a login to collect with.

    The smallest one: an administrator runs it; a comment above each line says what it opens. It holds no password, and
    none that anybody knows is set by it.
    """
    adapter = ADAPTERS.get(OTHER_NAMES.get(db_type, db_type))
    if adapter is None:
        raise InvalidInputError(f"unknown database type {db_type!r}; known are {', '.join(sorted(ADAPTERS))}")
    if not user or user != user.strip() or not is_visible(user):
        raise InvalidInputError(f"--user {user!r} is no login's name")
    product = Product(db_type, _to_version(version))
    write(sys.stdout, "".join(map(_to_text, adapter.build_collector(user, product))))


def _to_version(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    if not re.fullmatch(r"\d{1,4}(\.\d{1,6}){0,4}", text, re.ASCII):
        raise InvalidInputError(f"--version {text!r} is no version; write numbers with dots, such as 8.0.36")
    first, *others = map(int, text.split("."))
    return (YEARS.get(first, first), *others)


def _to_text(line: Opening) -> str:
    """Return a line below its comment; one that is optional is a comment itself.

    Without its semicolon then, by which SQL*Plus would end a comment.
    """
    if line.is_optional:
        return f"-- optional: {line.opens}\n-- {line.statement.removesuffix(';')}\n"
    return f"-- {line.opens}\n{line.statement}\n"
