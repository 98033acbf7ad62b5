"""What a credential whose secret is a reference is for; an encrypted secret holds that inside.

Credentials that are there already are bound when they are next used: only there is the key at hand, and what the
instance is then is what it was registered as.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    op.execute("alter table credentials add column if not exists bound_to jsonb")
    op.execute("comment on column credentials.bound_to is 'the server that a secret by reference is for'")
