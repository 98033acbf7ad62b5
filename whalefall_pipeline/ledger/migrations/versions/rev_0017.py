"""By what an instance is known to hold what its newest reading gave.

Revision ID: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the columns; a reading that was kept before has none of it, and the next one writes them."""
    for column in (
        sa.Column("source", sa.LargeBinary(), comment="what its adapter knows the same by; null: nothing"),
        sa.Column(
            "source_until",
            sa.DateTime(timezone=True),
            comment="when an account amounts to something else by itself; null: never",
        ),
        sa.Column("without_account", sa.Integer(), nullable=False, server_default="0", comment="grants to no account"),
    ):
        op.add_column("instance_readings", column)
