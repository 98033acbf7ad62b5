"""The SQL that ends a finding, by the engine's own script builder; a person reads it, and runs it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.findings.evaluate import to_held
from whalefall_pipeline.core.findings.model import Finding, Mend, Outcome, Rule
from whalefall_pipeline.core.model import MEMBER, AccountState, Held, Json, is_of_role


def build_remedy(adapter: Adapter, rule: Rule, finding: Finding, state: AccountState) -> list[str]:
    """Build the statements that take from an account what a finding names; empty where no SQL can be built for it.

    Of what the finding does not name, since it is too much, a comment says so: ask again after the next sync.
    """
    if rule.mend is Mend.NONE or finding.outcome is not Outcome.FOUND:
        return []
    named = frozenset(map(to_held, cast("Sequence[dict[str, Json]]", finding.detail.get("held", ()))))
    held = named & state.held
    if not held:
        return []
    after = _revoke(state, held) if rule.mend is Mend.REVOKE else _drop_options(state, held)
    statements = adapter.build_change(state, after)
    more = cast("int", finding.detail.get("count", len(named))) - len(named)
    return [*statements, *([f"-- {more} more grants are not named here"] if more else [])]


def _revoke(state: AccountState, held: frozenset[Held]) -> AccountState:
    """Take all of it away; with a membership its options."""
    roles = {item.securable for item in held if item.privilege == MEMBER}
    gone = held | {item for item in state.held if is_of_role(item) and item.securable in roles}
    return replace(state, held=state.held - gone)


def _drop_options(state: AccountState, held: frozenset[Held]) -> AccountState:
    return replace(state, held=(state.held - held) | {item._replace(grant_option=False) for item in held})
