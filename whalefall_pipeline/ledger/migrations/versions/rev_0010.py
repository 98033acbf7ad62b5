"""The outbox of alerts, and access reviews.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"

MOMENT = sa.DateTime(timezone=True)
KINDS = (
    "kind in ('collapse_refused', 'instance_failed', 'new_superuser', 'finding_opened', 'account_recreated', "
    "'scope_lost')"
)


def upgrade() -> None:
    """Add the tables."""
    _create_alert()
    _create_review()
    _create_review_item()


def _create_alert() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="the same however often the event is seen"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column(
            "payload",
            postgresql.JSONB(),
            nullable=False,
            comment="instance, the first items (name and note), and their count",
        ),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("message_key", sa.Text(), comment="of the message that it goes with; null: not yet in one"),
        sa.Column("due_at", MOMENT, server_default=sa.func.now(), nullable=False, comment="not tried before"),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.Column(
            "sent_to",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="digests of targets that took it",
        ),
        sa.Column("sent_at", MOMENT, comment="when all targets had taken it"),
        sa.CheckConstraint(KINDS, name=op.f("alert_kind_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("alert_pkey")),
        sa.UniqueConstraint("key", name=op.f("alert_key_key")),
        comment="the outbox: what people are called for, written with what happened, and emptied by a sensor",
    )
    op.create_index("alert_session", "alert", ["session_id"])
    op.create_index("alert_unsent", "alert", ["message_key"], postgresql_where=sa.text("sent_at is null"))


def _create_review() -> None:
    op.create_table(
        "review",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("as_of", MOMENT, nullable=False, comment="the moment whose access is reviewed"),
        sa.Column("due_at", MOMENT),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_by", sa.Text()),
        sa.Column(
            "sight",
            postgresql.JSONB(),
            nullable=False,
            comment="of each instance: when it was read, and what was not observed",
        ),
        sa.CheckConstraint("scope in ('privileged', 'all')", name=op.f("review_scope_check")),
        sa.CheckConstraint("(closed_at is null) = (closed_by is null)", name=op.f("review_closed_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("review_pkey")),
        sa.UniqueConstraint("name", name=op.f("review_name_key")),
        comment="an access review: what accounts had at a moment, frozen, and what is decided of it",
    )


def _create_review_item() -> None:
    op.create_table(
        "review_item",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("review_id", sa.BigInteger(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("instance_name", sa.Text(), nullable=False),
        sa.Column("db_type", sa.Text(), nullable=False),
        sa.Column("instance_account_id", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("capabilities", postgresql.JSONB(), nullable=False),
        sa.Column("capability_reasons", postgresql.JSONB(), nullable=False),
        sa.Column("held", postgresql.JSONB(), nullable=False, comment="grants and memberships as they were"),
        sa.Column("decision", sa.Text()),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_at", MOMENT),
        sa.Column("proven_in", sa.Text(), comment="the session that saw a revoke done"),
        sa.Column("proven_at", MOMENT, comment="begin of the reading that saw it"),
        sa.CheckConstraint("decision in ('keep', 'revoke')", name=op.f("review_item_decision_check")),
        sa.CheckConstraint("(decision is null) = (decided_at is null)", name=op.f("review_item_decided_check")),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("review_item_review_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("review_item_pkey")),
        sa.UniqueConstraint(
            "review_id", "instance_account_id", name=op.f("review_item_review_id_instance_account_id_key")
        ),
        comment="an account of a review: frozen, with the decision and its proof",
    )
