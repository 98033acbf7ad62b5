"""`whalefall db url`, `db psql` and `db grants`: the ledger for those who ask it by SQL, and who may."""

import os
import re
import subprocess
import sys
from typing import Annotated

import typer

from whalefall_pipeline.cli.output import write
from whalefall_pipeline.cli.workplace import open_workplace
from whalefall_pipeline.core.errors import InvalidInputError, WhalefallError
from whalefall_pipeline.embedded.clients import find_client


def print_url() -> None:
    """Print the ledger's URL, for a client of yours.

    It holds the password. The embedded server runs only as long as some command uses it, such as `whalefall up`.
    """
    with open_workplace() as workplace:
        write(sys.stdout, f"{_to_plain(workplace.ledger_url)}\n")


def run_psql(
    arguments: Annotated[list[str] | None, typer.Argument(help="What psql is given, after --.")] = None,
) -> None:
    """Open psql on the ledger.

    The embedded server is started for it if need be, and runs at least as long as psql does.
    """
    program = find_client("psql")
    if program is None:
        raise WhalefallError("psql is not installed; another client can use what this prints: whalefall db url")
    with open_workplace() as workplace:
        # By the environment, since others see a program's arguments; psql takes a URL as its database's name.
        done = subprocess.run(  # noqa: S603 - a program that the user asked for, without a shell
            [program, *(arguments or [])], env=os.environ | to_environment(workplace.ledger_url), check=False
        )
    raise typer.Exit(done.returncode)


def print_roles(
    prefix: Annotated[str, typer.Option(help="How the roles' names begin.")] = "whalefall",
) -> None:
    """Print the script for roles of the ledger.

    An owner, the services that sync, and analysts who only read. For psql, on a ledger that is there (whalefall db
    upgrade). Dagster's own tables belong into another database then, which WHALEFALL_DAGSTER_URL names and the
    services' role owns.
    """
    from whalefall_pipeline.ledger.roles import build_roles  # noqa: PLC0415 - the tables, only where they are needed

    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,39}", prefix):
        raise InvalidInputError(f"--prefix {prefix!r} is no begin of a role's name: letters, digits and underscores")
    for line in build_roles(prefix):
        write(sys.stdout, (f"-- {line.purpose}\n" if line.purpose else "") + f"{line.statement}\n")


def _to_plain(url: str) -> str:
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)


def to_environment(url: str) -> dict[str, str]:
    """Return a URL as the variables that libpq reads."""
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - the driver, only where it is needed

    names = {"dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD", "host": "PGHOST", "port": "PGPORT"}
    more = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}
    parts = conninfo_to_dict(_to_plain(url))
    return {variable: str(parts[name]) for name, variable in (names | more).items() if parts.get(name)}
