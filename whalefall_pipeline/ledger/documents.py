"""The two documents that are kept of an account, built as text; and which code builds them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

import orjson

from whalefall_pipeline.core.facts import FactsBuilder
from whalefall_pipeline.core.model import AccountState, Attributes, Unseen
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.snapshot import SnapshotBuilder, to_digest
from whalefall_pipeline.core.states import build_members


class DocumentBuilder:
    """Builds the documents of a reading's accounts; `stale` are those that will be asked for."""

    def __init__(
        self,
        states: Mapping[str, AccountState],
        stale: Collection[str],
        rules: Rules,
        now: datetime,
        *,
        unseen: Sequence[Unseen],
        instance: Attributes,
    ) -> None:
        self._states = states
        self._members = build_members(states, stale) if stale else {}
        self._snapshots = SnapshotBuilder(rules, unseen=unseen)
        self._facts = FactsBuilder(rules, states, now, unseen=unseen, instance=instance)

    def build(self, username: str) -> tuple[str, str]:
        """Give an account's snapshot and its facts as text."""
        state = self._states[username]
        snapshot = self._snapshots.build(state, self._members.get(username, ()))
        return orjson.dumps(snapshot).decode(), orjson.dumps(self._facts.build(state)).decode()


@cache
def read_code() -> bytes:
    """Give a digest of the code that documents are built by: a new version of it builds them all again."""
    package = resources.files("whalefall_pipeline")
    return to_digest(*(_read_sources(package / folder) for folder in ("core", "adapters")))


def _read_sources(folder: Traversable) -> bytes:
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return to_digest(
        *(_read_sources(entry) if entry.is_dir() else entry.read_bytes() for entry in entries if _is_source(entry))
    )


def _is_source(entry: Traversable) -> bool:
    return entry.name.endswith(".py") or (entry.is_dir() and entry.name != "__pycache__")
