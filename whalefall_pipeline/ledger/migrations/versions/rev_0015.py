"""What a server knows an account by, so that one that is dropped and made again is noticed.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the column; the next sync of each instance fills it, and notices nothing of the time before."""
    comment = "what the server knows it by, other once it is dropped and made again; null: nothing, or not seen yet"
    op.add_column("instance_accounts", sa.Column("native_id", sa.Text(), comment=comment))
