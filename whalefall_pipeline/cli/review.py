"""`whalefall review`: who has what at a moment, what is decided of it, and the proof that it was done."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from whalefall_pipeline.cli.arguments import InstanceOption, complete_instance
from whalefall_pipeline.cli.choosing import choose_instances
from whalefall_pipeline.cli.known import check_instance, describe_unseen
from whalefall_pipeline.cli.labels import LabelOption, find_labelled, parse_labels
from whalefall_pipeline.cli.moments import format_moment, parse_expiry
from whalefall_pipeline.cli.output import print_line, warn
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption, choose_limit, show_rows
from whalefall_pipeline.cli.workplace import find_user, open_workplace
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.review import (
    Decided,
    Decision,
    Review,
    ReviewItem,
    Scope,
    Sight,
    Standing,
    check_rows,
    count_standings,
)
from whalefall_pipeline.core.text import is_visible
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.reviews import (
    close_review,
    lock_review,
    open_review,
    read_items,
    read_reviews,
    write_decisions,
)

LIST_COLUMNS = ("name", "status", "scope", "as_of", "due_at", "accounts", "undecided", "still_there", "opened_by")
ITEM_COLUMNS = ("instance", "username", "status", "kind", "capabilities", "grants", "decided_by", "note", "proven_in")
MISTAKES_SHOWN = 20
LONGEST_NAME = 100

NameOption = Annotated[
    str | None, typer.Option("--name", "-n", help="The review; left out: the only one that is open.")
]
ByOption = Annotated[str | None, typer.Option("--by", help="Who decided; left out: who runs this.")]


def open_one(
    *,
    name: Annotated[str, typer.Option("--name", "-n", help="What it is called, such as 2026-Q4.")],
    instance: Annotated[
        list[str] | None,
        typer.Option("--instance", "-i", autocompletion=complete_instance, help="Only these; left out: all."),
    ] = None,
    label: LabelOption = None,
    scope: Annotated[
        Scope, typer.Option(help="privileged: superusers and those who grant, also by roles; or all.")
    ] = Scope.PRIVILEGED,
    due: Annotated[str | None, typer.Option(help="When it should be done: 30d, 2026-12-31.")] = None,
) -> None:
    """Freeze who has what now, to be decided on."""
    if not name.strip() or len(name) > LONGEST_NAME or not is_visible(name) or name.startswith("-"):
        raise InvalidInputError(f"{name[:LONGEST_NAME]!r} can't be a review's name")
    due_at = parse_expiry(due) if due else None
    with open_workplace() as workplace, connecting(workplace.engine) as connection:
        if instance or label:
            with transaction(connection):
                chosen = choose_instances(read_instances(connection), instance, parse_labels(label))
            instance = [item.name for item in chosen]
        with transaction(connection):
            user = find_user()
            review = open_review(connection, name, scope=scope, opened_by=user, instances=instance, due_at=due_at)
            items = read_items(connection, review)
    print_line(f"review {name} is open: {len(items)} accounts, as of {format_moment(review.as_of)}")
    _warn_gaps(review.sights)


def list_all(limit: LimitOption = None, form: FormatOption = Format.TABLE, raw: RawOption = False) -> None:
    """List reviews, and how far they are."""
    with open_workplace() as workplace, connecting(workplace.engine) as connection, transaction(connection):
        found = [(review, read_items(connection, review)) for review in read_reviews(connection)]
    rows: list[dict[str, object]] = []
    for review, items in found:
        counts = count_standings(items)
        rows.append(
            {
                **review._asdict(),
                "scope": review.scope.value,
                "status": "closed" if review.closed_at else "open",
                "accounts": len(items),
                "undecided": counts[Standing.UNDECIDED],
                "still_there": counts[Standing.STILL_THERE],
            }
        )
    more = () if form is Format.TABLE else ("closed_at", "closed_by")
    show_rows(rows, (*LIST_COLUMNS, *more), form, raw=raw, at_most=choose_limit(limit, form))


def show(
    *,
    name: NameOption = None,
    undecided: Annotated[bool, typer.Option("--undecided", help="Only accounts that nobody decided on.")] = False,
    instance: InstanceOption = None,
    label: LabelOption = None,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """Show a review's accounts with their decisions.

    And of each revoke whether a sync has seen it done.
    """
    with open_workplace() as workplace, connecting(workplace.engine) as connection, transaction(connection):
        review = find_review(connection, name, closed=True)
        items = [item for item in read_items(connection, review) if instance in (None, item.instance)]
        with workplace.reading() as reader:
            check_instance(reader, instance)
            chosen = find_labelled(reader, label, removed=True)
    items = [item for item in items if chosen is None or item.instance in chosen]
    rows = [_to_row(item) for item in items if not undecided or item.standing is Standing.UNDECIDED]
    more = () if form is Format.TABLE else ("decision", "decided_at", "proven_at", "held")
    shown = [sight for sight in review.sights if instance in (None, sight.instance)]
    _warn_gaps([sight for sight in shown if chosen is None or sight.instance in chosen])
    show_rows(rows, (*ITEM_COLUMNS, *more), form, raw=raw, at_most=choose_limit(limit, form))


def _to_row(item: ReviewItem) -> dict[str, object]:
    return {
        "instance": item.instance,
        "username": item.username,
        "status": item.standing.value,
        "kind": item.kind,
        "capabilities": list(item.capabilities),
        "grants": len(item.held),
        "decision": item.decision.value if item.decision else None,
        "decided_by": item.decided_by or "",
        "decided_at": item.decided_at,
        "note": item.note,
        "proven_in": item.proof.session_id if item.proof else "",
        "proven_at": item.proof.moment if item.proof else None,
        "held": [f"{held.privilege} on {held.securable}" for held in item.held],
    }


def decide(
    *,
    account: Annotated[str | None, typer.Argument(help="The account; on MySQL user@host.")] = None,
    decision: Annotated[Decision | None, typer.Argument(help="Whether it keeps its access.")] = None,
    name: NameOption = None,
    instance: InstanceOption = None,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    source: Annotated[
        Path | None, typer.Option("--from", help="A CSV or XLSX file with decisions, as review export writes it.")
    ] = None,
    by: ByOption = None,
) -> None:
    """Decide on an account, or on those of a file.

    A file has the columns instance, username, decision and note. Every row is checked; one that is wrong, and none is
    taken. An empty decision is none yet.
    """
    if (account is None or decision is None) if source is None else any((account, decision, instance, note)):
        raise InvalidInputError("say ACCOUNT and keep or revoke, or --from FILE")
    with open_workplace() as workplace, connecting(workplace.engine) as connection, transaction(connection):
        review = find_review(connection, name)
        lock_review(connection, review)
        items = read_items(connection, review)
        if source is not None:
            decided = _read_file(source, items)
        else:
            item = _find_item(review, items, account or "", instance)
            decided = [Decided(item.id, decision or Decision.KEEP, note)]
        changed = write_decisions(connection, review, decided, by or find_user())
        missing = count_standings(read_items(connection, review))[Standing.UNDECIDED]
    print_line(f"review {review.name}: {changed} decisions written, {missing} missing")


def _read_file(source: Path, items: Sequence[ReviewItem]) -> list[Decided]:
    from whalefall_pipeline.reports.decisions import read_decisions  # noqa: PLC0415 - only where it is needed

    decided, mistakes = check_rows(read_decisions(source), items)
    for mistake in mistakes[:MISTAKES_SHOWN]:
        warn(mistake)
    if mistakes:
        raise InvalidInputError(f"{len(mistakes)} rows of {source} are wrong; no decision was taken")
    return decided


def _find_item(review: Review, items: Sequence[ReviewItem], account: str, instance: str | None) -> ReviewItem:
    found = [item for item in items if item.username == account and instance in (None, item.instance)]
    if not found:
        where = f" on {instance}" if instance else ""
        raise InvalidInputError(f"review {review.name} has no account {account!r}{where}; see: whalefall review show")
    if len(found) > 1:
        names = ", ".join(item.instance for item in found)
        raise InvalidInputError(f"{account!r} is on several instances; name one with --instance: {names}")
    return found[0]


def close(*, name: NameOption = None) -> None:
    """Close a review; what it holds is never changed again.

    Exit code 1, and the review stays open, while a decision is missing or a revoke was not seen to be done.
    """
    with open_workplace() as workplace, connecting(workplace.engine) as connection, transaction(connection):
        review = find_review(connection, name)
        lock_review(connection, review)
        items = read_items(connection, review)
        waiting = [item for item in items if item.standing in (Standing.UNDECIDED, Standing.STILL_THERE)]
        if not waiting:
            close_review(connection, review, items, find_user())
    if waiting:
        for item in waiting[:MISTAKES_SHOWN]:
            warn(f"{item.instance}: {item.username}: {_describe_waiting(item)}")
        counts = count_standings(items)
        undecided, still = counts[Standing.UNDECIDED], counts[Standing.STILL_THERE]
        warn(f"review {review.name} stays open: {undecided} decisions are missing, {still} revokes were not seen done")
        raise typer.Exit(1)
    gone = count_standings(items)[Standing.GONE]
    print_line(f"review {review.name} is closed: {len(items)} accounts, {gone} revokes that syncs have seen done")


def _describe_waiting(item: ReviewItem) -> str:
    if item.standing is Standing.UNDECIDED:
        return "nobody decided on it"
    return "it is to be revoked, and no sync has seen that done (whalefall review sql)"


def find_review(connection: Connection, name: str | None, *, closed: bool = False) -> Review:
    """Return a review by its name, or the only open one; with `closed`, the only one at all if none is open.

    Raises InvalidInputError where that is none, or several.
    """
    reviews = read_reviews(connection, name)
    if name is not None:
        if not reviews:
            raise InvalidInputError(f"no review is named {name}; see: whalefall review list")
        return reviews[0]
    open_ones = [review for review in reviews if review.closed_at is None]
    found = open_ones or (reviews if closed else [])
    if not found:
        raise InvalidInputError("no review is open; open one with: whalefall review open --name NAME")
    if len(found) > 1:
        names = ", ".join(review.name for review in found)
        raise InvalidInputError(f"name the review with --name; there are: {names}")
    return found[0]


def _warn_gaps(sights: Sequence[Sight]) -> None:
    for sight in sights:
        if not sight.permissions_read_at:
            warn(f"{sight.instance} was never synced: none of its accounts is in the review")
        for gap in sight.gaps:
            warn(f"{sight.instance}: {gap.scope} {describe_unseen(gap.status, gap.reason)}")
