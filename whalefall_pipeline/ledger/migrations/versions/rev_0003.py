"""What the newest reading of an instance gave, so that one that gives the same need not be compared by account.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "instance_readings",
        sa.Column("instance_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="of all that the reading gave"),
        sa.Column(
            "written",
            sa.LargeBinary(),
            nullable=False,
            comment="of the digests that its accounts then had in the ledger",
        ),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("grants", sa.Integer(), nullable=False),
        sa.Column("not_in_inventory", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("instance_readings_instance_id_fkey")),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("instance_readings_pkey")),
        comment="the newest reading that observed everything: one that is the same changes nothing",
    )
