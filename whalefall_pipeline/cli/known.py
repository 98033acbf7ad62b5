"""Tells an empty answer from a question about what nobody knows."""

from collections.abc import Sequence

from whalefall_pipeline.cli.output import warn
from whalefall_pipeline.cli.rows import to_cell
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.model import Seen
from whalefall_pipeline.ledger.queries import Records, knows_account, read_gaps, read_instance_rows
from whalefall_pipeline.ledger.reader import Reader

MOST = 20
"""Lines about what was not observed, at most; `sessions` has all."""


def check_instance(reader: Reader, name: str | None) -> None:
    """Raise InvalidInputError for an instance that was never registered; say of one that it was removed."""
    if name is None:
        return
    rows = read_instance_rows(reader, [name])
    if not rows:
        raise InvalidInputError(f"no instance is named {name}; see: whalefall instances list")
    if not rows[0]["active"]:
        warn(f"{name} was removed at {to_cell(rows[0]['removed_at'])}: this is what was known of it then")


def check_account(reader: Reader, username: str | None, instance: str | None = None) -> None:
    """Raise InvalidInputError for an account that no instance, or not this one, ever had."""
    if username is not None and not knows_account(reader, username, instance):
        where = f"{instance} has" if instance else "no instance has"
        no = "no account" if instance else "an account"
        raise InvalidInputError(f"{where} {no} {username!r}; list them: whalefall accounts")


def describe_unseen(status: str, reason: str) -> str:
    """Return that a scope was not read, in words: it could not be, or was not to be."""
    return f"is excluded ({reason})" if status == Seen.EXCLUDED else f"was not observed ({status}: {reason})"


def print_gaps(gaps: Records) -> None:
    """Print what the newest readings did not observe: an answer holds what was known of it, or nothing."""
    for row in gaps[:MOST]:
        if row["scope"] is None:
            warn(f"{row['instance']} was never synced: nothing is known of it")
        else:
            seen = f"last seen {to_cell(row['last_seen_at'])}" if row["last_seen_at"] else "never seen"
            warn(f"{row['instance']}: {row['scope']} {describe_unseen(row['status'], row['reason'])}; {seen}")
    if len(gaps) > MOST:
        warn(f"{len(gaps) - MOST} more scopes were not observed; see: whalefall sessions")


def print_never_synced(reader: Reader, instance: str | None, chosen: Sequence[str] | None = None) -> None:
    """Print which instances were never synced, where accounts are listed."""
    print_gaps([row for row in read_gaps(reader, instance, chosen) if row["scope"] is None])
