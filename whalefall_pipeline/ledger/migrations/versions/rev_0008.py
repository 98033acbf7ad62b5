"""Who can do what: indexes for the questions, and what the newest reading says of superusers.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Have an account's grants found by scope in place of moment, and memberships by role; add the column."""
    comment = "who of the newest reading is a superuser, or could become one: numbers and a short list"
    op.add_column("instances", sa.Column("danger_summary", postgresql.JSONB(), comment=comment))
    op.drop_index("account_grant_account", "account_grant")
    op.create_index("account_grant_account", "account_grant", ["instance_account_id", "scope"])
    op.create_index(
        "account_grant_member",
        "account_grant",
        ["instance_id", "object_name"],
        postgresql_where=sa.text("privilege = 'MEMBER' and scope in ('role', 'database_role')"),
    )
