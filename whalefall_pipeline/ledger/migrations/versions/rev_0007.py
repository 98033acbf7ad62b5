"""What 0.2.0 kept of an account and later versions keep otherwise, and secrets that it kept in clear.

The instance has now what its server is set to, dynamic privileges of MySQL are spelled as it spells them, and values of
PostgreSQL's custom parameters are not kept. Without this the first sync would log all of it as changes of accounts, and
what may be secrets would stay in old intervals, documents and log entries. No table or view changes.

Revision ID: 0007
"""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"

ROWS = Path(__file__).with_name("0007_rows.sql")


def upgrade() -> None:
    """Change the rows."""
    op.get_bind().exec_driver_sql(ROWS.read_text(encoding="utf-8"))
