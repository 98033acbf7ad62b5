"""`whalefall db backup` and `db restore`: the ledger as one file of pg_dump's, and back."""

import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from whalefall_pipeline.cli.database import to_environment
from whalefall_pipeline.cli.output import print_line
from whalefall_pipeline.cli.workplace import Workplace, open_workplace
from whalefall_pipeline.core.errors import InvalidInputError, WhalefallError
from whalefall_pipeline.embedded.clients import find_client
from whalefall_pipeline.ledger.schema import upgrade_ledger
from whalefall_pipeline.ledger.version import VERSION_TABLE, check_not_newer
from whalefall_pipeline.services import find_webserver

PREPARE = """\
set client_min_messages = error;
select set_config(name, '0', false) from pg_settings where name in ('statement_timeout', 'transaction_timeout');
drop table if exists {tables} cascade;
do $$
declare
  former record;
begin
  for former in
    select oid::regclass::text as name from pg_class
    where oid in (to_regclass('account_change_log'), to_regclass('account_grant')) and relkind = 'r'
  loop
    execute 'drop table ' || former.name || ' cascade';
  end loop;
end $$;
"""
"""What is run before the file's statements. They drop only what the file has; a later version's tables would stay, and
the table of an earlier one that is a view now would be in the way."""
HEAD_BYTES = 4096
UNKNOWN = b"\nSET transaction_timeout = 0;"
"""In the head of what pg_restore writes from version 17 on; a server before that does not know it."""


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

    In one transaction: if it fails, the ledger is as it was. Then the tables are brought to this version's. What
    `whalefall db grants` gave has to be given again.
    """
    if not path.is_file():
        raise InvalidInputError(f"{path} is no file; name one that `whalefall db backup` wrote")
    with open_workplace(check=False, make=True) as workplace:
        if find_webserver(workplace.home):
            raise InvalidInputError("services run in this home; end them first: whalefall stop")
        if not replace and _has_instances(workplace):
            raise InvalidInputError("the ledger has instances; add --replace to have the file's in their place")
        with TemporaryDirectory(prefix="whalefall-") as folder:  # mode 700
            _check_revision(workplace, path, Path(folder) / "version.sql")
            _replace(workplace, path, Path(folder))
        upgrade_ledger(workplace.engine)
    print_line("the ledger is as the file has it; see whether its key is here: whalefall doctor")


def _has_instances(workplace: Workplace) -> bool:
    """Return whether there are any, whatever the ledger's revision is."""
    with workplace.reading() as reader:
        made = reader.execute("select to_regclass('instances') is not null as made").fetchall()
        return bool(made[0]["made"] and reader.execute("select from instances limit 1").fetchall())


def _check_revision(workplace: Workplace, path: Path, script: Path) -> None:
    """Raise InvalidInputError for a file that has no ledger, and LedgerError for one of a newer version."""
    only = ("--data-only", f"--table={VERSION_TABLE}")
    _run(workplace, "pg_restore", *only, f"--file={script}", str(path.absolute()))
    found = re.search(r"^COPY .* FROM stdin;\n(\w+)$", script.read_text(), re.MULTILINE)
    if found is None:
        raise InvalidInputError(f"{path} has no ledger; name a file that `whalefall db backup` wrote")
    check_not_newer(found[1])


def _replace(workplace: Workplace, path: Path, folder: Path) -> None:
    """Put what a file has in the place of all of the ledger.

    By psql, in one transaction that the file's script ends itself: pg_restore on a connection of its own sets what
    older servers do not know.
    """
    from whalefall_pipeline.ledger.tables import metadata  # noqa: PLC0415 - the tables, only where they are needed

    tables = ", ".join([*sorted(metadata.tables), VERSION_TABLE])
    first, script = folder / "first.sql", folder / "ledger.sql"
    first.write_text(PREPARE.format(tables=tables))
    kept = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    _run(workplace, "pg_restore", *kept, f"--file={script}", str(path.absolute()))
    _take_out_unknown(script)
    alone = ("--no-psqlrc", "--no-password", "--quiet", "--set=ON_ERROR_STOP=1", "--output", os.devnull)
    # Not by psql's own --single-transaction: before version 15 that commits after an error that the server did not see.
    _run(workplace, "psql", *alone, "--command=begin", f"--file={first}", f"--file={script}")


def _take_out_unknown(script: Path) -> None:
    """Make a comment of the setting that older servers do not know, in place: the rest may be large."""
    with script.open("r+b") as file:
        head = file.read(HEAD_BYTES).partition(b"\nSELECT ")[0]
        place = head.find(UNKNOWN)
        if place >= 0:
            file.seek(place + 1)
            file.write(b"--")


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
