"""`whalefall db backup` and `db restore`: the ledger as one file of pg_dump's, and back."""

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from whalefall_pipeline.cli.database import to_environment
from whalefall_pipeline.cli.output import print_line
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.core.errors import InvalidInputError, WhalefallError
from whalefall_pipeline.embedded.clients import find_client
from whalefall_pipeline.ledger.queries import read_instance_rows
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.services import find_webserver


def back_up(path: Annotated[Path, typer.Argument(help="The file to write; there is none yet.")]) -> None:
    """Write the ledger to a file.

    In one consistent state, also while it is in use. The credentials in it are encrypted: keep the home's secret.key,
    or WHALEFALL_SECRET_KEY, in another place.
    """
    if path.exists():
        raise InvalidInputError(f"{path} is there already; name another file")
    unfinished = path.with_name(f"{path.name}.unfinished")
    with open_workplace() as workplace:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _run(workplace, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", stdout=descriptor)
            os.fsync(descriptor)
            unfinished.rename(path)
        finally:
            os.close(descriptor)
            unfinished.unlink(missing_ok=True)
    print_line(f"{path} has the ledger; its credentials can be read with the key of this home, which is not in it")


def restore(
    path: Annotated[Path, typer.Argument(help="A file that `whalefall db backup` wrote.")],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Although the ledger has instances: they go.")] = False,
) -> None:
    """Bring the ledger to the state of such a file.

    And to this version's tables. In one transaction: if it fails, the ledger is as it was.
    """
    if not path.is_file():
        raise InvalidInputError(f"{path} is no file; name one that `whalefall db backup` wrote")
    with open_workplace(check=False, make=True) as workplace:
        if find_webserver(workplace.home):
            raise InvalidInputError("services run in this home; end them first: whalefall stop")
        if not replace and _has_instances(workplace):
            raise InvalidInputError("the ledger has instances; add --replace to have the file's in their place")
        kept = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
        _run(workplace, "pg_restore", *kept, "--dbname", "", str(path.absolute()))
        upgrade_ledger(workplace.engine)
    print_line("the ledger is as the file has it; see whether its key is here: whalefall doctor")


def _has_instances(workplace: Workplace) -> bool:
    with workplace.reading() as reader:
        made = reader.execute(b"select to_regclass('instances') is not null as made").fetchall()
        return bool(made[0]["made"]) and bool(read_instance_rows(reader, removed=True, at_most=1))


def _run(workplace: Workplace, name: str, *words: str, stdout: int | None = None) -> None:
    """Run a client of PostgreSQL's on the ledger. Raises WhalefallError with its first line where it fails."""
    program = find_client(name)
    if program is None:
        raise WhalefallError(f"{name} is not installed; install PostgreSQL's clients, or name their folder with PG_BIN")
    done = subprocess.run(  # noqa: S603 - a program that we found, without a shell
        [program, *words],
        env=os.environ | to_environment(workplace.ledger_url),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WhalefallError(f"{name} failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[0]}")
