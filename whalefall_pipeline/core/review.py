"""Access reviews: who had what at a moment, what was decided of it, and whether a revoke was seen to be done."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, cast

from whalefall_pipeline.core.model import AccountState, Effect, Held, Json, Securable, Seen, is_of_role
from whalefall_pipeline.core.rules import GRANT_ADMIN, SUPERUSER
from whalefall_pipeline.core.text import make_visible, neutralise, undo_neutralise

PRIVILEGED = (SUPERUSER, GRANT_ADMIN)
"""Capabilities that make an account privileged, be it through roles."""
POWERS = frozenset({*PRIVILEGED, "rolbypassrls", "rolreplication", "rolcreaterole", "rolcreatedb"})
"""Capabilities that a revoke is to take; the others say how an account logs in, or that it can't."""
THROUGH = " (through "
"""What the reason of a capability has that is not the account's own."""
LONGEST_NOTE = 2000
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
"""Characters that XML can't hold: a workbook has `_x001B_` in their place."""


class Scope(StrEnum):
    """Which accounts a review is about: those with a capability of PRIVILEGED, or all but the engines' own."""

    PRIVILEGED = "privileged"
    ALL = "all"


class Decision(StrEnum):
    """What becomes of an account's access."""

    KEEP = "keep"
    REVOKE = "revoke"


class Standing(StrEnum):
    """How far an item of a review is."""

    UNDECIDED = "undecided"
    KEPT = "kept"
    STILL_THERE = "still there"
    GONE = "gone"


class Gap(NamedTuple):
    """A scope that was not observed when the review was opened."""

    scope: str
    status: str
    reason: str
    last_seen_at: str | None


class Sight(NamedTuple):
    """What a review knows of one instance: when it was last read (None: never), and what was not observed."""

    instance: str
    db_type: str
    version: str
    inventory_read_at: str | None
    permissions_read_at: str | None
    gaps: Sequence[Gap]

    @property
    def is_whole(self) -> bool:
        """Whether everything of it was seen that is to be."""
        return bool(self.inventory_read_at and self.permissions_read_at and not self.missed)

    @property
    def missed(self) -> list[Gap]:
        """The scopes that were not observed though they are to be."""
        return [gap for gap in self.gaps if gap.status != Seen.EXCLUDED]

    @property
    def excluded(self) -> list[Gap]:
        """The scopes that are not to be read."""
        return [gap for gap in self.gaps if gap.status == Seen.EXCLUDED]


class Review(NamedTuple):
    """One review; `closed_at` None: it is open."""

    id: int
    name: str
    scope: Scope
    as_of: datetime
    due_at: datetime | None
    opened_by: str
    closed_at: datetime | None
    closed_by: str | None
    sights: Sequence[Sight]


class Proof(NamedTuple):
    """In which session, and when by the instance's reading, a revoke was seen to be done."""

    session_id: str
    moment: datetime


class ReviewItem(NamedTuple):
    """An account as it was when the review was opened, and what was decided; `proof` of a revoke that is done."""

    id: int
    instance: str
    db_type: str
    instance_id: int
    account_id: int
    username: str
    kind: str
    capabilities: Sequence[str]
    reasons: Mapping[str, Sequence[str]]
    held: Sequence[Held]
    decision: Decision | None
    note: str
    decided_by: str | None
    decided_at: datetime | None
    proof: Proof | None

    @property
    def standing(self) -> Standing:
        """How far it is."""
        if self.decision is None:
            return Standing.UNDECIDED
        if self.decision is Decision.KEEP:
            return Standing.KEPT
        return Standing.GONE if self.proof else Standing.STILL_THERE


def list_own_reasons(item: ReviewItem) -> list[str] | None:
    """Return why an account has its powers; None: some it has through others, and its own log can't tell they went.

    Through roles that it is a member of is its own: who holds no membership any more has none through one.
    """
    found = [reason for name in POWERS.intersection(item.capabilities) for reason in item.reasons.get(name, ())]
    own = [f"{THROUGH}role {held.securable.object}" for held in item.held if is_of_role(held)]
    return None if any(THROUGH in reason and not any(role in reason for role in own) for reason in found) else found


def find_never_seen(review: Review, unseen: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """Return by instance the scopes that were not observed when the review was opened, and are `unseen` still.

    What was excluded then is not among them: what an item holds there is what was known, and it is not to be read.
    """
    return {
        sight.instance: {gap.scope for gap in sight.missed} & {*unseen.get(sight.instance, ())}
        for sight in review.sights
    }


def is_done(
    item: ReviewItem, state: AccountState | None, capabilities: Collection[str], never_seen: Collection[str] = ()
) -> bool:
    """Return whether nothing of what an account that is still there had is left of it, if it had anything.

    `state` and `capabilities` are what it holds now. The same privilege without its option is still the same. Of what
    it holds in scopes that were `never_seen` nobody knows.
    """
    if never_seen:
        return False
    had = {(held.privilege, held.securable) for held in item.held if held.effect == "grant"}
    was = POWERS.intersection(item.capabilities)
    has = {(held.privilege, held.securable) for held in (state.held if state else ()) if held.effect == "grant"}
    return bool(had or was) and not had & has and not was & {*capabilities}


class ReviewRow(NamedTuple):
    """One row of a file that was sent around and came back; `number` is its line there, from 1."""

    number: int
    instance: str
    username: str
    decision: str
    note: str


class Decided(NamedTuple):
    """A decision on one item."""

    item_id: int
    decision: Decision
    note: str


def to_held(items: Iterable[Mapping[str, Json]]) -> list[Held]:
    """Return the grants that were kept as JSON, in their order."""
    return [
        Held(
            str(item["privilege"]),
            Securable(*(str(item[name]) for name in Securable._fields)),
            bool(item["grant_option"]),
            cast("Effect", item["effect"]),
        )
        for item in items
    ]


def check_rows(rows: Iterable[ReviewRow], items: Collection[ReviewItem]) -> tuple[list[Decided], list[str]]:
    """Return the decisions of a file's rows, and what is wrong with rows, one line each; an empty decision is none.

    A name or a note may have come back with the apostrophe that keeps spreadsheets from taking it for a formula.
    """
    known = {spelling: item for item in items for spelling in _list_spellings(item)}
    known |= {(item.instance, item.username): item for item in items}  # what is spelled so comes first
    decided: dict[int, Decided] = {}
    mistakes: list[str] = []
    for row in rows:
        text, note = row.decision.strip().lower(), undo_neutralise(row.note)
        item = known.get((row.instance, row.username))
        place = f"row {row.number}"
        if item is None:
            name = make_visible(f"{row.username!r} on {row.instance!r}")
            mistakes.append(f"{place}: the review has no account {name}")
        elif text and text not in set(Decision):
            mistakes.append(f"{place}: {make_visible(row.decision[:40])!r} is no decision; write keep or revoke")
        elif len(note) > LONGEST_NOTE:
            mistakes.append(f"{place}: the note has {len(note)} characters; {LONGEST_NOTE} are the most")
        elif text:
            now = Decided(item.id, Decision(text), note)
            if decided.setdefault(item.id, now) != now:
                mistakes.append(f"{place}: another row decides otherwise on {make_visible(item.username)}")
    return list(decided.values()), mistakes


def _list_spellings(item: ReviewItem) -> list[tuple[str, str]]:
    """Return how a file may name an item: as it is, as CSV for people has it, and as a workbook spells controls."""
    instance, username = item.instance, item.username
    spellings = dict.fromkeys([username, neutralise(username), CONTROL.sub(_to_workbook, username)])
    return [(name, spelling) for name in dict.fromkeys([instance, neutralise(instance)]) for spelling in spellings]


def _to_workbook(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"


def count_standings(items: Iterable[ReviewItem]) -> dict[Standing, int]:
    """Return how many items are how far, every standing named."""
    counts = dict.fromkeys(Standing, 0)
    for item in items:
        counts[item.standing] += 1
    return counts
