"""Which scopes the newest reading of an instance's permissions observed.

Some ledgers have the column already: for a while the first revision made it.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column where it is missing."""
    op.execute("alter table instances add column if not exists observed_scopes text[] not null default '{}'")
    op.execute("comment on column instances.observed_scopes is 'what the newest reading of permissions observed'")
