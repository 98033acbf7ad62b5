"""The forms that a secret is stored in, as the column's comment says: a command is one.

Revision ID: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Change the comment."""
    op.alter_column(
        "credentials",
        "secret",
        comment="fernet:<token>, env:<NAME>, file:<PATH> or exec:<token>, a command",
        existing_comment="fernet:<token>, env:<NAME> or file:<PATH>",
    )
