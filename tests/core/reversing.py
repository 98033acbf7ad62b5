"""The other way round: states from differences, differences from log entries, and one account's facts by themselves.

The package writes these documents and never reads them back; the laws of tests do.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from whalefall_pipeline.core.diff import KIND_FIELD, AttributeChange, Difference
from whalefall_pipeline.core.facts import FactsBuilder
from whalefall_pipeline.core.model import Account, AccountState, Attributes, Held, Json, Kind, Securable, Unseen
from whalefall_pipeline.core.rules import NOTHING_SET, Rules
from whalefall_pipeline.core.snapshot import parse_token
from whalefall_pipeline.core.wording import OPTION_PREFIXES, PrivilegeEntry


def apply(difference: Difference, before: AccountState | None, username: str) -> AccountState:
    """Return the state that a difference leads to. A law: `apply(diff(a, b), a)` equals b."""
    attributes = {KIND_FIELD: before.account.kind.value, **before.account.attributes} if before else dict[str, Json]()
    attributes |= {change.field: change.after for change in difference.other}
    kind = Kind(cast("str", attributes.pop(KIND_FIELD)))
    present = {name: value for name, value in attributes.items() if value is not None}
    old = before.held if before else frozenset[Held]()
    return AccountState(Account(username, kind, present), (old - difference.lost) | difference.gained)


def to_difference(privilege_diff: Mapping[str, Json] | None, other_diff: Mapping[str, Json] | None) -> Difference:
    """Read a difference back from a log entry's two documents."""
    gained, lost = set[Held](), set[Held]()
    for entry in cast("list[PrivilegeEntry]", (privilege_diff or {}).get("entries", [])):
        given, taken = (gained, lost) if entry["action"] == "GRANT" else (lost, gained)
        for token in entry["permissions"]:
            item, is_option = _parse_entry_token(token, Securable(**entry["securable"]))
            given.add(item._replace(grant_option=not item.grant_option) if is_option else item)
            if is_option:
                taken.add(item)
    other = cast("list[dict[str, Json]]", (other_diff or {}).get("entries", []))
    changes = [AttributeChange(cast("str", entry["field"]), entry["before"], entry["after"]) for entry in other]
    return Difference(frozenset(gained), frozenset(lost), tuple(changes))


def _parse_entry_token(token: str, securable: Securable) -> tuple[Held, bool]:
    """Return a token's privilege, and whether it is the option alone that the token speaks of."""
    prefix = next((prefix for prefix in OPTION_PREFIXES if token.startswith(prefix)), "")
    privilege, grant_option, effect = parse_token(token.removeprefix(prefix))
    return Held(privilege, securable, grant_option, effect), bool(prefix)


def build_facts(
    state: AccountState,
    rules: Rules,
    accounts: Mapping[str, AccountState],
    now: datetime,
    *,
    unseen: Sequence[Unseen] = (),
    instance: Attributes = NOTHING_SET,
) -> dict[str, Json]:
    """Build the version-2 facts of one account. See `FactsBuilder`."""
    return FactsBuilder(rules, accounts, now, unseen=unseen, instance=instance).build(state)
