"""What became of each message at each target, that a message may be given up, and that a waiver has a ticket.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table, move to it what was known of targets, and have each waiver say where it was decided."""
    _create_delivery()
    op.execute("update waiver set ticket = 'not given' where coalesce(ticket, '') = ''")
    op.alter_column("waiver", "ticket", nullable=False)
    op.create_check_constraint(op.f("waiver_ticket_check"), "waiver", "ticket <> ''")


def _create_delivery() -> None:
    op.create_table(
        "alert_delivery",
        sa.Column("message_key", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False, comment="a digest of its URL"),
        sa.Column("label", sa.Text(), nullable=False, comment="what it is called, without what is secret of it"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_tried_at", MOMENT, nullable=False),
        sa.Column("tried_at", MOMENT, nullable=False, comment="last"),
        sa.Column("due_at", MOMENT, nullable=False, comment="not tried again before"),
        sa.Column("last_error", sa.Text()),
        sa.Column("taken_at", MOMENT),
        sa.Column("given_up_at", MOMENT, comment="null: it is tried again, or was taken"),
        sa.PrimaryKeyConstraint("message_key", "target", name=op.f("alert_delivery_pkey")),
        comment="what became of a message at one target that was tried",
    )
    op.add_column("alert", sa.Column("given_up_at", MOMENT, comment="when no target was left that is tried again"))
    op.execute(
        "insert into alert_delivery (message_key, target, label, attempts, first_tried_at, tried_at, due_at, taken_at) "
        "select message_key, target, '(before the upgrade)', max(attempts) + 1, now(), now(), now(), now() "
        "from alert, unnest(sent_to) as target where message_key is not null group by message_key, target"
    )
    op.drop_column("alert", "sent_to")
    op.drop_column("alert", "due_at")
