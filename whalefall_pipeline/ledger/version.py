"""Which schema the ledger has, and which one this version of the program needs."""

from pathlib import Path

from whalefall_pipeline.core.errors import LedgerError

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "whalefall_version"
"""Alembic's table, under a name of our own: Dagster's storage may live in the same database, and has one too."""
REVISIONS = sorted(path.stem.removeprefix("rev_") for path in (MIGRATIONS / "versions").glob("rev_*.py"))


def check_revision(revision: str | None, place: str) -> None:
    """Raise LedgerError, with what to do, unless a ledger's revision is that of this version; None: it is empty."""
    if revision is None:
        raise LedgerError(f"the ledger at {place} is empty; create its tables with: whalefall db upgrade")
    check_not_newer(revision)
    if revision != REVISIONS[-1]:
        raise LedgerError(f"the ledger's schema ({revision}) is older than this version; run: whalefall db upgrade")


def check_not_newer(revision: str | None) -> None:
    """Raise LedgerError when a ledger's revision is none that this version knows."""
    if revision is not None and revision not in REVISIONS:
        raise LedgerError(f"the ledger's schema ({revision}) is newer than this version; upgrade whalefall")
