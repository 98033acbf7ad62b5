"""Indexes for who can do something in a whole fleet.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

OBJECT = ("object_name", "scope", "database_name", "schema_name")
ON_PRINCIPALS = (
    "scope in ('login', 'server_role', 'database_user', 'role_definition', 'proxy', 'proxy_role') "
    "and privilege <> 'MAPPED'"
)


def upgrade() -> None:
    """Add the privilege to the index of objects, and indexes of what few hold, or have set now, or stand for."""
    op.drop_index("account_grant_object", "account_grant")
    op.create_index("account_grant_object", "account_grant", [*OBJECT, "privilege"])
    op.create_index(
        "account_attributes_now",
        "account_attributes",
        ["attributes"],
        postgresql_using="gin",
        postgresql_ops={"attributes": "jsonb_path_ops"},
        postgresql_where=sa.text("valid_to is null"),
    )
    op.create_index(
        "account_grant_principal", "account_grant", ["instance_id"], postgresql_where=sa.text(ON_PRINCIPALS)
    )
    op.create_index(
        "instance_accounts_public", "instance_accounts", ["instance_id"], postgresql_where=sa.text("kind = 'public'")
    )
