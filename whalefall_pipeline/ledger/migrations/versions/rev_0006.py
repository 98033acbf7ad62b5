"""Which server an instance's newest inventory was of, what is worth knowing of a record, and views of both.

Revision ID: 0006
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

VIEWS = Path(__file__).with_name("0006_views.sql")


def upgrade() -> None:
    """Add the columns and views."""
    identity = "what the server of the newest inventory says that it is; null: nothing"
    place = "host and port that the newest inventory was read from"
    notice = "what is worth knowing of a record although it did not fail by it"
    op.add_column("instances", sa.Column("server_identity", sa.Text(), comment=identity))
    op.add_column("instances", sa.Column("read_from", sa.Text(), comment=place))
    op.add_column("sync_instance_records", sa.Column("notice", sa.Text(), comment=notice))
    op.get_bind().exec_driver_sql(VIEWS.read_text(encoding="utf-8"))
