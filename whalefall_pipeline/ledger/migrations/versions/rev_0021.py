"""What an account holds is in order, for a binary search, and memberships are read in one pass.

Revision ID: 0021

Rows of holdings whose numbers are in another order are written anew: those that were synced since revision 0020.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"

MEMBERSHIPS = Path(__file__).with_name("0021_memberships.sql")


def upgrade() -> None:
    """Replace the view, and put what is held in order."""
    op.get_bind().exec_driver_sql(MEMBERSHIPS.read_text(encoding="utf-8"))
    op.alter_column(
        "account_holding",
        "grants",
        existing_type=postgresql.ARRAY(sa.Integer()),
        existing_nullable=False,
        existing_comment="instance_grant.number, of the same instance",
        comment="instance_grant.number, of the same instance, in order",
    )
