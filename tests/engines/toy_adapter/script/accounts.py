"""Statements that make, lock and drop accounts."""

from tests.engines.toy_adapter.names import quote
from whalefall_pipeline.core.model import Account, Kind


def build_account(account: Account) -> list[str]:
    """Build what makes an account."""
    kind = "ROLE" if account.kind is Kind.ROLE else "USER"
    lock = [f"LOCK {quote(account.username)}"] if account.attributes["locked"] else []
    return [f"CREATE {kind} {quote(account.username)}", *lock]


def build_lock(before: Account, after: Account) -> list[str]:
    """Build what locks an account, or opens it again, where that changed."""
    if before.attributes["locked"] == after.attributes["locked"]:
        return []
    return [f"{'LOCK' if after.attributes['locked'] else 'UNLOCK'} {quote(after.username)}"]


def build_drop(account: Account) -> str:
    """Build what drops an account with all that it holds."""
    return f"DROP {quote(account.username)}"
