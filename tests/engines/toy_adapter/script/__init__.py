"""The statements that make accounts as they were, or take one from a state to another."""

from collections.abc import Mapping

from tests.engines.toy_adapter.script.accounts import build_account, build_drop, build_lock
from tests.engines.toy_adapter.script.grants import build_grants
from whalefall_pipeline.core.model import AccountState


def build_script(states: Mapping[str, AccountState]) -> list[str]:
    """See `Adapter.build_script`: first all accounts, then what they hold, since they hold each other."""
    accounts = [line for state in states.values() for line in build_account(state.account)]
    return [*accounts, *(line for state in states.values() for line in build_grants(state, frozenset(), state.held))]


def build_change(before: AccountState | None, after: AccountState | None) -> list[str]:
    """See `Adapter.build_change`."""
    if after is None:
        return [build_drop(before.account)] if before else []
    if before is None:
        return [*build_account(after.account), *build_grants(after, frozenset(), after.held)]
    return [*build_lock(before.account, after.account), *build_grants(after, before.held, after.held)]
