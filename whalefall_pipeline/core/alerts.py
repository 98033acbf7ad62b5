"""What people are called for: events of a sync as values, and the message that those of one session come to.

An alert is one kind of event on one instance in one session, be it about one account or five hundred. Its key is the
same however often it is written or sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, cast

from whalefall_pipeline.core.changes import Changes
from whalefall_pipeline.core.findings.model import Finding, Outcome, Severity
from whalefall_pipeline.core.model import Json
from whalefall_pipeline.core.text import make_inert, make_visible

MOST_ITEMS = 100
"""Items that an alert holds; how many there are, it says as well."""
MOST_LINES = 20
"""Lines of one kind in a message."""
LONGEST_LINE = 300


class AlertKind(StrEnum):
    """What happened, the worst first."""

    COLLAPSE_REFUSED = "collapse_refused"
    INSTANCE_FAILED = "instance_failed"
    NEW_SUPERUSER = "new_superuser"
    FINDING_OPENED = "finding_opened"
    ACCOUNT_RECREATED = "account_recreated"
    SCOPE_LOST = "scope_lost"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(AlertKind).index(self)

    @property
    def is_urgent(self) -> bool:
        """Whether somebody should look now, and not only know."""
        return self not in (AlertKind.ACCOUNT_RECREATED, AlertKind.SCOPE_LOST)


HEADINGS: Mapping[AlertKind, str] = {
    AlertKind.COLLAPSE_REFUSED: "inventory refused, too many accounts would vanish",
    AlertKind.INSTANCE_FAILED: "instance failed",
    AlertKind.NEW_SUPERUSER: "new superuser",
    AlertKind.FINDING_OPENED: "new finding",
    AlertKind.ACCOUNT_RECREATED: "account dropped and re-created",
    AlertKind.SCOPE_LOST: "scope lost from sight",
}


class Item(NamedTuple):
    """What one event is about, and one line on it; text of servers, as it came."""

    name: str
    note: str = ""


class Alert(NamedTuple):
    """Events of one kind on one instance in one session: the first of `total`."""

    kind: AlertKind
    instance: str
    items: Sequence[Item]
    total: int

    @classmethod
    def of(cls, kind: AlertKind, instance: str, items: Sequence[Item]) -> "Alert":
        """Make an alert of all its items."""
        return cls(kind, instance, tuple(items[:MOST_ITEMS]), len(items))

    def to_payload(self) -> dict[str, Json]:
        """Return what of it is kept as JSON."""
        items: list[Json] = [{"name": item.name, "note": item.note} for item in self.items]
        return {"instance": self.instance, "items": items, "count": self.total}

    @classmethod
    def from_payload(cls, kind: str, payload: Mapping[str, Json]) -> "Alert":
        """Return an alert that was kept as JSON."""
        items = cast("list[dict[str, str]]", payload["items"])
        kept = [Item(item["name"], item["note"]) for item in items]
        return cls(AlertKind(kind), str(payload["instance"]), kept, cast("int", payload["count"]))


def build_alerts(instance: str, changes: Changes, *, recreated: Sequence[str] = ()) -> list[Alert]:
    """Return the alerts of what a sync changed; `recreated` are accounts that show that they are others than before."""
    items: dict[AlertKind, list[Item]] = {
        AlertKind.NEW_SUPERUSER: [Item(item.username, "; ".join(item.reasons)) for item in changes.superusers],
        AlertKind.ACCOUNT_RECREATED: [
            *(Item(username, "it was gone, and is back") for username in changes.returned),
            *(
                Item(username, "its name is held by another account than before")
                for username in (*changes.recreated, *recreated)
            ),
        ],
        AlertKind.SCOPE_LOST: [Item(item.scope, f"{item.status}: {item.reason}") for item in changes.lost],
    }
    return [Alert.of(kind, instance, found) for kind, found in items.items() if found]


def choose_severe(opened: Iterable[Finding], least: Severity) -> list[Finding]:
    """Return the findings that are this severe or worse; what is unknown is none."""
    return [item for item in opened if item.outcome is Outcome.FOUND and item.severity.rank <= least.rank]


def build_finding_alerts(instance: str, opened: Sequence[Finding]) -> list[Alert]:
    """Return the alert of findings that a sync opened."""
    items = [
        Item(finding.account or finding.object or instance, f"{finding.severity} {finding.rule_id}: {finding.message}")
        for finding in opened
    ]
    return [Alert.of(AlertKind.FINDING_OPENED, instance, items)] if items else []


class Message(NamedTuple):
    """What is sent: plain text, no secret in it. `key` is the same when it is sent again."""

    key: str
    title: str
    body: str
    is_urgent: bool


def build_message(key: str, session_id: str, alerts: Sequence[Alert]) -> Message:
    """Return the one message of a session's alerts, the worst first; all text of servers is made visible."""
    by_kind: dict[AlertKind, list[Alert]] = {}
    for alert in sorted(alerts, key=lambda alert: (alert.kind.rank, alert.instance)):
        by_kind.setdefault(alert.kind, []).append(alert)
    counts = [f"{sum(item.total for item in found)} x {HEADINGS[kind]}" for kind, found in by_kind.items()]
    title = f"whalefall: {', '.join(counts)}"
    sections = [line for kind, found in by_kind.items() for line in _to_section(kind, found)]
    body = "\n".join([*sections, f"session: {make_visible(session_id)}", f"key: {make_visible(key)}"])
    return Message(key, title, body, any(kind.is_urgent for kind in by_kind))


def _to_section(kind: AlertKind, alerts: Sequence[Alert]) -> list[str]:
    lines = [_to_line(alert.instance, item) for alert in alerts for item in alert.items]
    more = sum(alert.total for alert in alerts) - len(lines[:MOST_LINES])
    rest = [f"  and {more} more"] if more else []
    return [f"{HEADINGS[kind].capitalize()}:", *lines[:MOST_LINES], *rest, ""]


def _to_line(instance: str, item: Item) -> str:
    note = f" ({item.note})" if item.note else ""
    line = make_inert(make_visible(f"  {instance}: {item.name}{note}"))
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"
