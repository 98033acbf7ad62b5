"""What instances are set to, in intervals of time, and a log of what changed of them beside that of their accounts.

Revision ID: 0005
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

VIEWS = Path(__file__).with_name("0005_views.sql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables, and the views that read both logs as one."""
    op.create_table(
        "instance_attributes",
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("attributes", postgresql.JSONB(), nullable=False),
        sa.Column("valid_from", MOMENT, nullable=False),
        sa.Column("valid_to", MOMENT),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("instance_attributes_instance_id_fkey")),
        comment="what bears on an instance's accounts and is set for all of it, in one interval of time",
    )
    op.create_index("instance_attributes_instance", "instance_attributes", ["instance_id", "valid_from"])
    op.create_table(
        "instance_change_log",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("change_type", sa.Text(), nullable=False),
        sa.Column("change_time", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, sa.Computed("change_time", persisted=True), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("other_diff", postgresql.JSONB()),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("instance_change_log_instance_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("instance_change_log_pkey")),
        comment="a change of an instance itself; its ids and those of account_change_log are of one sequence",
    )
    op.create_index("instance_change_log_instance", "instance_change_log", ["instance_id", "created_at"])
    op.create_index("instance_change_log_session", "instance_change_log", ["session_id"])
    op.get_bind().exec_driver_sql(VIEWS.read_text(encoding="utf-8"))
