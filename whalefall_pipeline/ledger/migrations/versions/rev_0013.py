"""Labels of instances, by which lists, syncs and questions choose.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column; what is registered has no labels."""
    comment = 'such as {"env": "prod"}; lists, syncs and questions choose instances by them'
    column = sa.Column("labels", postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'"), comment=comment)
    op.add_column("instances", column)
