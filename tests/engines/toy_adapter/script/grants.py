"""Statements that grant and revoke."""

from tests.engines.toy_adapter.names import quote
from whalefall_pipeline.core.model import AccountState, Held


def build_grants(state: AccountState, before: frozenset[Held], after: frozenset[Held]) -> list[str]:
    """Build what takes an account from what it held to what it is to hold, in a fixed order."""
    name = quote(state.account.username)
    revoked = [f"REVOKE {_build_privilege(held)} FROM {name}" for held in sorted(before - after)]
    granted = [f"GRANT {_build_privilege(held)} TO {name}{_option(held)}" for held in sorted(after - before)]
    return revoked + granted


def _build_privilege(held: Held) -> str:
    return f"{held.privilege} ON {held.securable.scope} {quote(held.securable.object)}"


def _option(held: Held) -> str:
    return " WITH OPTION" if held.grant_option else ""
