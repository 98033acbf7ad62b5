"""The log of accounts that came or went is read from the intervals of what they held, and rows are checked less.

Revision ID: 0018
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

VIEWS = Path(__file__).with_name("0018_views.sql")
TABLE = "account_changes"
INDEXES = ("instance", "account", "session")


def upgrade() -> None:
    """Rename the log's table, and make a view of its old name."""
    op.rename_table("account_change_log", TABLE)
    op.execute(f"alter table {TABLE} rename constraint account_change_log_pkey to {TABLE}_pkey")
    op.execute(f"alter sequence account_change_log_id_seq rename to {TABLE}_id_seq")
    for name in INDEXES:
        op.execute(f"alter index account_change_log_{name} rename to {TABLE}_{name}")
    op.add_column(
        TABLE,
        sa.Column(
            "in_intervals",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("false"),
            comment="what differs is all that the account was and held when it came, or went: see intervals",
        ),
    )
    op.create_table_comment(TABLE, "the stored part of the view account_change_log")
    op.get_bind().exec_driver_sql(VIEWS.read_text(encoding="utf-8"))
    op.drop_constraint("instance_accounts_instance_id_fkey", "instance_accounts")
    op.drop_constraint("finding_instance_id_fkey", "finding")
