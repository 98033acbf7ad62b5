"""Opens the ledger for questions, with the driver alone: SQLAlchemy takes longer to import than they to answer."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from whalefall_pipeline.core.errors import LedgerError
from whalefall_pipeline.ledger.version import VERSION_TABLE

CONNECT_SECONDS = 10
READ_ONLY = "-c timezone=UTC -c default_transaction_read_only=on"
PLANNING = "-c work_mem=32MB -c jit=off"
"""For questions about a fleet, which group what many thousands hold: by hashes then, and not by sorting. How many roles
lead to others can't be estimated, and to compile a plan that seems to be long takes longer than it runs.
"""
Reader: TypeAlias = psycopg.Connection[dict[str, Any]]


@contextmanager
def reading(url: str) -> Generator[Reader]:
    """Yield a connection to the ledger at `url` (any `postgresql://` form) that only reads, for the block.

    Raises LedgerError when there is none to be had, and for what goes wrong in the block.
    """
    plain = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)
    try:
        place = _to_place(plain)
    except psycopg.Error:
        raise LedgerError("the ledger's URL is not usable; expected postgresql://user:password@host/db") from None
    try:
        connection = psycopg.Connection[dict[str, Any]].connect(
            plain,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="whalefall",
            options=f"{READ_ONLY} {PLANNING}",
            row_factory=dict_row,
        )
    except psycopg.Error as error:
        raise LedgerError(f"the ledger at {place} can't be reached: {_to_reason(error)}") from None
    try:
        with connection:
            yield connection
    except psycopg.Error as error:
        raise LedgerError(f"the ledger at {place} can't be read: {_to_reason(error)}") from None


def read_revision(reader: Reader) -> str | None:
    """Return the revision of the ledger's schema; None where it has none."""
    found = reader.execute("select to_regclass(%s) is not null as found", [VERSION_TABLE]).fetchone()
    if not (found and found["found"]):
        return None
    row = reader.execute(f"select version_num from {VERSION_TABLE}").fetchone()
    return str(row["version_num"]) if row else None


def _to_place(url: str) -> str:
    parts = conninfo_to_dict(url)
    return f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"


def _to_reason(error: psycopg.Error) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
