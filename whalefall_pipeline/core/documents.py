"""The two documents that are kept of an account, built as text; and which version of them."""

from collections.abc import Collection, Mapping, Sequence

import orjson

from whalefall_pipeline.core.facts import FACTS_VERSION, FactsBuilder
from whalefall_pipeline.core.model import AccountState, Unseen
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.snapshot import SNAPSHOT_VERSION, SnapshotBuilder
from whalefall_pipeline.core.states import build_members

BUILDER_VERSION = 1
"""Raised by hand when core builds other documents of the same states; `Rules.version` when one engine's rules do."""


class DocumentBuilder:
    """Builds the documents of a reading's accounts; `stale` are those that will be asked for, `facts` those of all."""

    def __init__(
        self,
        states: Mapping[str, AccountState],
        stale: Collection[str],
        rules: Rules,
        facts: FactsBuilder,
        *,
        unseen: Sequence[Unseen],
    ) -> None:
        self._states = states
        self._members = build_members(states, stale) if stale else {}
        asked = states if len(stale) == len(states) else {username: states[username] for username in stale}
        self._snapshots = SnapshotBuilder(rules, asked, unseen=unseen)
        self._facts = facts

    def build(self, username: str) -> tuple[str, str]:
        """Build an account's snapshot and its facts as text."""
        state = self._states[username]
        snapshot = self._snapshots.build(state, self._members.get(username, ()))
        return orjson.dumps(snapshot).decode(), orjson.dumps(self._facts.build(state)).decode()


def to_code(rules: Rules) -> bytes:
    """Return the versions that documents are built by: where one is another, all are built again."""
    return f"{SNAPSHOT_VERSION}.{FACTS_VERSION}.{BUILDER_VERSION} {rules.db_type}.{rules.version}".encode()
