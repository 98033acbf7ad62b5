"""What an instance is expected to hold still: that of its newest reading, where nothing makes it say something else.

What is looked at here is this version and its rules, the moment, and which server answers; the adapter finds out at the
source whether anything differs there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection

from whalefall_pipeline import __version__
from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.access.danger_summary import to_maker
from whalefall_pipeline.core.documents import to_code
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.snapshot import to_digest
from whalefall_pipeline.ledger.readings import Kept, read_kept
from whalefall_pipeline.sync.plan import Plan

CODE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Expected:
    """What is kept of the newest reading, and `source`: by what its adapter knows the same."""

    kept: Kept
    source: bytes

    def is_of(self, version: str, identity: str, place: str) -> bool:
        """Whether the server that answers is the one of that reading."""
        kept = self.kept
        return (version, identity, place) == (kept.version, kept.identity or "", kept.place)


def expect_same(
    connection: Connection, plan: Plan, instance: Instance, adapter: Adapter, now: datetime
) -> Expected | None:
    """Return what an instance holds if nothing changed; None: it has to be read, whatever it holds."""
    if not (plan.inventory and plan.permissions):
        return None
    kept = read_kept(connection, instance.id)
    if kept is None or kept.source[:CODE_BYTES] != digest_code(adapter.rules, instance.excluded):
        return None
    rules = plan.rulebook.list_rules(adapter.rules.db_type, adapter.findings)
    if kept.finding_rules != plan.rulebook.digest(rules) or _is_due(kept, now):
        return None
    if adapter.access and not (kept.dangers and tuple(kept.dangers.basis[:2]) == (to_maker(__version__), kept.version)):
        return None
    return Expected(kept, kept.source[CODE_BYTES:])


def digest_code(rules: Rules, excluded: Mapping[str, str]) -> bytes:
    """Return CODE_BYTES that stand for the version that reads and builds, and for what is not to be read."""
    return to_digest(__version__.encode(), to_code(rules), orjson.dumps(sorted(excluded.items())))


def _is_due(kept: Kept, now: datetime) -> bool:
    """Whether accounts or findings may be others by now, by themselves."""
    return any(moment is not None and moment <= now for moment in (kept.until, kept.findings_due_at))
