"""Databases and accounts that are not to be read of an instance, with the reason.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    """Add the table; nothing is excluded."""
    scope = "database:NAME or account:NAME, as the server spells it"
    op.create_table(
        "instance_exclusion",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False, comment=scope),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("excluded_at", MOMENT, nullable=False, server_default=NOW),
        sa.Column("excluded_by", sa.Text(), nullable=False),
        sa.Column("ended_at", MOMENT, comment="null: it is excluded"),
        sa.Column("ended_by", sa.Text()),
        sa.CheckConstraint("reason <> ''", name=op.f("instance_exclusion_reason_check")),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("instance_exclusion_instance_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("instance_exclusion_pkey")),
        comment="what is not to be read of an instance; one that was taken back stays",
    )
    current = sa.text("ended_at is null")
    columns = ["instance_id", "scope"]
    op.create_index("instance_exclusion_current", "instance_exclusion", columns, unique=True, postgresql_where=current)
