"""A review as a page: what was not seen, how far it is, every account with its decision and proof, and all it held."""

from collections.abc import Sequence

from whalefall_pipeline.core.model import Held
from whalefall_pipeline.core.review import Decision, Review, ReviewItem, Sight, Standing, count_standings
from whalefall_pipeline.core.snapshot import to_token
from whalefall_pipeline.reports.page import Cell, Chart, Page, Point, Table, format_iso, format_moment

NOT_SEEN_COLUMNS = ("instance", "scope", "status", "reason", "last_seen")
ACCOUNT_COLUMNS = (
    *("instance", "username", "kind", "capabilities", "why", "holds", "decision", "note"),
    *("status", "decided_by", "decided_at", "proven_in", "proven_at"),
)
GRANT_COLUMNS = ("instance", "username", "privilege", "scope", "database", "schema", "object", "column")
INSTANCE_COLUMNS = ("instance", "type", "version", "accounts_read", "permissions_read", "seen")


def build_review_page(review: Review, items: Sequence[ReviewItem]) -> Page:
    """Return the page of a review as the ledger has it; nothing in it is of the moment at which it is made."""
    counts = count_standings(items)
    accounts = Table(
        "Accounts",
        "Accounts",
        ACCOUNT_COLUMNS,
        [_to_account_row(item) for item in items],
        choices=("decision", [decision.value for decision in Decision]),
    )
    grants = [_to_grant_row(item, held) for item in items for held in item.held]
    return Page(
        title=f"Access review {review.name}",
        subtitle=f"Who had what as of {format_moment(review.as_of)}, what was decided, and what was seen to be done.",
        facts=_list_facts(review, items),
        not_seen=build_not_seen(review.sights),
        charts=[
            Chart("Decisions", "accounts", [Point(standing.value, count) for standing, count in counts.items()]),
            Chart("Accounts by instance", "accounts", _count_by_instance(review.sights, items)),
        ],
        tables=[
            accounts,
            Table("Instances", "Instances", INSTANCE_COLUMNS, [to_instance_row(sight) for sight in review.sights]),
            Table("Grants", "Grants and memberships", GRANT_COLUMNS, grants, in_page=False),
        ],
    )


def _list_facts(review: Review, items: Sequence[ReviewItem]) -> list[tuple[str, str]]:
    counts = count_standings(items)
    closed = f"closed {format_moment(review.closed_at)} by {review.closed_by}" if review.closed_at else "open"
    return [
        ("State", closed),
        ("Scope", "superusers and those who grant" if review.scope.value == "privileged" else "all accounts"),
        ("As of", format_moment(review.as_of)),
        ("Due", format_moment(review.due_at) or "no day was set"),
        ("Opened by", review.opened_by),
        ("Accounts", str(len(items))),
        ("Decisions", "; ".join(f"{standing.value}: {count}" for standing, count in counts.items())),
        ("Still there", f"{counts[Standing.STILL_THERE]} revokes that no sync has seen done"),
        ("Excluded", count_excluded(review.sights)),
    ]


def build_not_seen(sights: Sequence[Sight]) -> Table:
    """Return the table of what was not observed, be it that it could not be, or was not to be."""
    title = "Scopes that were not observed, or are excluded"
    return Table("Not seen", title, NOT_SEEN_COLUMNS, build_gap_rows(sights))


def count_excluded(sights: Sequence[Sight]) -> str:
    """Return how much is not to be read, in words."""
    count = sum(len(sight.excluded) for sight in sights)
    return f"{count} databases or accounts, each with its reason under Not seen" if count else "nothing"


def build_gap_rows(sights: Sequence[Sight]) -> list[list[Cell]]:
    """Return a row for each scope that was not observed, and for each instance that was never read."""
    rows: list[list[Cell]] = []
    for sight in sights:
        if not sight.permissions_read_at:
            rows.append([sight.instance, "everything", "never read", "", "never"])
        for gap in sight.gaps:
            rows.append([sight.instance, gap.scope, gap.status, gap.reason, format_iso(gap.last_seen_at)])  # noqa: PERF401
    return rows


def _count_by_instance(sights: Sequence[Sight], items: Sequence[ReviewItem]) -> list[Point]:
    counts = {sight.instance: 0 for sight in sights}
    for item in items:
        counts[item.instance] += 1
    most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:20]
    return [Point(instance, count) for instance, count in most]


def _to_account_row(item: ReviewItem) -> list[Cell]:
    return [
        item.instance,
        item.username,
        item.kind,
        list(item.capabilities),
        [f"{name}: {reason}" for name, reasons in sorted(item.reasons.items()) for reason in reasons],
        [_format_held(held) for held in item.held],
        item.decision.value if item.decision else None,
        item.note,
        item.standing.value,
        item.decided_by,
        item.decided_at,
        item.proof.session_id if item.proof else None,
        item.proof.moment if item.proof else None,
    ]


def _format_held(held: Held) -> str:
    return f"{to_token(held.privilege, grant_option=held.grant_option, effect=held.effect)} on {held.securable}"


def _to_grant_row(item: ReviewItem, held: Held) -> list[Cell]:
    token = to_token(held.privilege, grant_option=held.grant_option, effect=held.effect)
    return [item.instance, item.username, token, *held.securable]


def to_instance_row(sight: Sight) -> list[Cell]:
    """Return the row of an instance, of INSTANCE_COLUMNS."""
    seen = "all of it" if sight.is_whole else f"not all: {len(sight.missed)} scopes are missing"
    if sight.excluded:
        seen += f"; {len(sight.excluded)} excluded"
    read = (format_iso(sight.inventory_read_at), format_iso(sight.permissions_read_at))
    return [sight.instance, sight.db_type, sight.version, *read, seen]
