"""Small accounts of every engine, and the documents that are built of them, as readable JSON in `golden/`.

`python -m tests.core.golden` writes the documents again; say which version is raised by it, and why, in the commit.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.documents import BUILDER_VERSION, DocumentBuilder
from whalefall_pipeline.core.facts import FACTS_VERSION, FactsBuilder
from whalefall_pipeline.core.model import Account, Grant, Json, Kind, Securable, Seen, Unseen, to_held
from whalefall_pipeline.core.snapshot import SNAPSHOT_VERSION
from whalefall_pipeline.core.states import build_states

FOLDER = Path(__file__).with_name("golden")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
UNSEEN = [Unseen("database:hr", Seen.DENIED, "no CONNECT", datetime(2026, 11, 23, tzinfo=UTC))]


def read_fixture(db_type: str) -> dict[str, Any]:
    """Return an engine's accounts, grants and instance attributes, and the documents that were built of them."""
    return json.loads((FOLDER / f"{db_type}.json").read_text(encoding="utf-8"))


def to_versions(db_type: str) -> dict[str, int]:
    return {
        "snapshot": SNAPSHOT_VERSION,
        "facts": FACTS_VERSION,
        "builder": BUILDER_VERSION,
        "rules": ADAPTERS[db_type].rules.version,
    }


def build_documents(db_type: str, fixture: dict[str, Any]) -> dict[str, Json]:
    accounts = [
        Account(item["username"], Kind(item["kind"]), item["attributes"], frozenset(item.get("unseen", ())))
        for item in fixture["accounts"]
    ]
    grants = [
        Grant(grantee, privilege, Securable(*securable), *more)
        for grantee, privilege, securable, *more in fixture["grants"]
    ]
    states, _ = build_states(accounts, to_held(grants))
    rules = ADAPTERS[db_type].rules
    facts = FactsBuilder(rules, states, NOW, unseen=UNSEEN, instance=fixture["instance"])
    builder = DocumentBuilder(states, states, rules, facts, unseen=UNSEEN)
    documents: dict[str, Json] = {}
    for username in states:
        snapshot, facts = builder.build(username)
        documents[username] = {"snapshot": json.loads(snapshot), "facts": json.loads(facts)}
    return documents


def _write(db_type: str) -> None:
    fixture = read_fixture(db_type)
    fixture |= {"versions": to_versions(db_type), "documents": cast("Any", build_documents(db_type, fixture))}
    text = json.dumps(fixture, indent=1, ensure_ascii=False, sort_keys=True)
    (FOLDER / f"{db_type}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    for name in ADAPTERS:
        _write(name)
