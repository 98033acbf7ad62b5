"""Reads and writes access reviews. What was frozen is never changed; nothing is, once a review is closed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, text

from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.review import (
    PRIVILEGED,
    Decided,
    Decision,
    Gap,
    Proof,
    Review,
    ReviewItem,
    Scope,
    Sight,
    find_never_seen,
    is_done,
    list_own_reasons,
    to_held,
)
from whalefall_pipeline.ledger.changes import read_states
from whalefall_pipeline.ledger.database import load_statements

SQL = load_statements("reviews.sql")
ONE_MOMENT = text("set transaction isolation level repeatable read")


def open_review(
    connection: Connection,
    name: str,
    *,
    scope: Scope,
    opened_by: str,
    instances: Sequence[str] | None = None,
    due_at: datetime | None = None,
) -> Review:
    """Freeze who has what now, on these active instances or all. The transaction must not have done anything yet.

    Raises InvalidInputError when a review has the name already.
    """
    connection.execute(ONE_MOMENT)
    chosen = {"names": None if instances is None else list(instances), "scope": scope.value}
    values = {"name": name, "due_at": due_at, "opened_by": opened_by, **chosen}
    review_id = connection.execute(SQL["insert_review"], values).scalar_one_or_none()
    if review_id is None:
        raise InvalidInputError(f"a review is named {name} already; see: whalefall review list")
    connection.execute(SQL["freeze"], {"review_id": review_id, "privileged": list(PRIVILEGED), **chosen})
    return read_reviews(connection, name)[0]


def read_reviews(connection: Connection, name: str | None = None) -> list[Review]:
    """Return all reviews, or the one of this name, the oldest first."""
    return [_to_review(row) for row in connection.execute(SQL["read_reviews"], {"name": name})]


def lock_review(connection: Connection, review: Review) -> None:
    """Keep others from changing a review until the transaction ends. Raises InvalidInputError when it is closed."""
    row = connection.execute(SQL["lock_review"], {"review_id": review.id}).one()
    if row.closed_at is not None:
        raise InvalidInputError(f"review {review.name} was closed at {row.closed_at:%Y-%m-%d %H:%M} UTC: it stays so")


def read_items(connection: Connection, review: Review) -> list[ReviewItem]:
    """Return a review's accounts, by instance and name; of an open one with the proofs that there are now."""
    items = [_to_item(row) for row in connection.execute(SQL["read_items"], {"review_id": review.id})]
    if review.closed_at is not None:
        return items
    proofs = _read_proofs(connection, review, [item for item in items if item.decision is Decision.REVOKE])
    return [item._replace(proof=proofs.get(item.account_id)) for item in items]


def _read_proofs(connection: Connection, review: Review, items: Sequence[ReviewItem]) -> dict[int, Proof]:
    """Return the proofs of revokes that are done, by account id."""
    ids = [item.account_id for item in items]
    states = read_states(connection, ids) if ids else {}
    present = {row.id: row for row in connection.execute(SQL["read_present"], {"ids": ids})}
    never_seen = find_never_seen(review, _read_unseen(connection, items))
    done: list[ReviewItem] = []
    for item in items:
        now = present[item.account_id]
        hidden = never_seen.get(item.instance, ())
        if not now.is_active or (
            not now.is_unread and is_done(item, states.get(item.account_id), now.capabilities, hidden)
        ):
            done.append(item)
    own = [list_own_reasons(item) for item in done]
    columns = {
        "ids": [item.id for item in done],
        "is_own": [reasons is not None for reasons in own],
        "reasons": [orjson.dumps(reasons or []).decode() for reasons in own],
    }
    rows = connection.execute(SQL["read_proofs"], {**columns, "as_of": review.as_of}) if done else ()
    return {account_id: Proof(*proof) for account_id, *proof in rows}


def _read_unseen(connection: Connection, items: Sequence[ReviewItem]) -> dict[str, list[str]]:
    """Return the scopes that the newest readings did not observe, by instance."""
    names = {item.instance_id: item.instance for item in items}
    found: dict[str, list[str]] = {}
    for row in connection.execute(SQL["read_unseen"], {"ids": list(names)}):
        found.setdefault(names[row.instance_id], []).append(row.scope)
    return found


def write_decisions(connection: Connection, review: Review, decided: Sequence[Decided], decided_by: str) -> int:
    """Write decisions and return how many are new or other than before; the review must be locked."""
    columns = {
        "ids": [item.item_id for item in decided],
        "decisions": [item.decision.value for item in decided],
        "notes": [item.note for item in decided],
    }
    return connection.execute(SQL["decide"], {"review_id": review.id, "decided_by": decided_by, **columns}).rowcount


def close_review(connection: Connection, review: Review, items: Collection[ReviewItem], closed_by: str) -> None:
    """Close a review with the proofs of its revokes; it must be locked."""
    proven = [(item.id, item.proof) for item in items if item.proof]
    columns = {
        "ids": [item_id for item_id, _ in proven],
        "sessions": [proof.session_id for _, proof in proven],
        "moments": [proof.moment for _, proof in proven],
    }
    connection.execute(SQL["write_proofs"], {"review_id": review.id, **columns})
    connection.execute(SQL["close"], {"review_id": review.id, "closed_by": closed_by})


def _to_review(row: Row[Any]) -> Review:
    return Review(
        id=row.id,
        name=row.name,
        scope=Scope(row.scope),
        as_of=row.as_of,
        due_at=row.due_at,
        opened_by=row.opened_by,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        sights=[to_sight(item) for item in row.sight],
    )


def to_sight(item: Mapping[str, Any]) -> Sight:
    """Return what is known of an instance; moments are texts, as JSON has them."""
    return Sight(
        instance=item["instance"],
        db_type=item["db_type"],
        version=item["version"],
        inventory_read_at=item["inventory_read_at"],
        permissions_read_at=item["permissions_read_at"],
        gaps=[Gap(**gap) for gap in item["gaps"]],
    )


def _to_item(row: Row[Any]) -> ReviewItem:
    return ReviewItem(
        id=row.id,
        instance=row.instance_name,
        db_type=row.db_type,
        instance_id=row.instance_id,
        account_id=row.instance_account_id,
        username=row.username,
        kind=row.kind,
        capabilities=row.capabilities,
        reasons=row.capability_reasons,
        held=to_held(row.held),
        decision=Decision(row.decision) if row.decision else None,
        note=row.note,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        proof=Proof(row.proven_in, row.proven_at) if row.proven_in else None,
    )
