"""The first schema: instances, accounts, snapshots, grants with their intervals, the change log, sessions.

Revision ID: 0001
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables, then the views for people who query by hand."""
    _create_sources()
    _create_accounts()
    _create_history()
    _create_sessions()
    op.get_bind().exec_driver_sql(Path(__file__).with_name("0001_views.sql").read_text(encoding="utf-8"))


def _create_sources() -> None:
    op.create_table(
        "credentials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False, comment="fernet:<token>, env:<NAME> or file:<PATH>"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("credentials_pkey")),
        sa.UniqueConstraint("name", name=op.f("credentials_name_key")),
    )
    op.create_table(
        "instances",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="the Dagster partition key"),
        sa.Column("db_type", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("database_name", sa.Text(), nullable=True),
        sa.Column("credential_id", sa.BigInteger(), nullable=True),
        sa.Column("options", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("vanish_limit_percent", sa.Integer(), server_default=sa.text("50"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "inventory_read_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the newest inventory in the ledger was begun",
        ),
        sa.Column(
            "permissions_read_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the newest permissions in the ledger were begun",
        ),
        sa.Column("server_version", sa.Text(), nullable=True),
        sa.CheckConstraint("vanish_limit_percent between 0 and 100", name=op.f("instances_vanish_limit_percent_check")),
        sa.ForeignKeyConstraint(["credential_id"], ["credentials.id"], name=op.f("instances_credential_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("instances_pkey")),
        sa.UniqueConstraint("name", name=op.f("instances_name_key")),
    )
    op.create_table(
        "instance_scopes",
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True, comment="null: never"),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("instance_scopes_instance_id_fkey")),
        comment="a scope that readings did not observe, in one interval of time; a scope that is not here was observed",
    )
    op.create_index("instance_scopes_instance", "instance_scopes", ["instance_id", "valid_from"], unique=False)


def _create_accounts() -> None:
    op.create_table(
        "instance_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("db_type", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("instance_accounts_instance_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("instance_accounts_pkey")),
        sa.UniqueConstraint("instance_id", "username", name=op.f("instance_accounts_instance_id_username_key")),
    )
    op.create_index("instance_accounts_updated", "instance_accounts", ["instance_id", "updated_at"], unique=False)
    op.create_table(
        "account_snapshots",
        sa.Column("instance_account_id", sa.BigInteger(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("permission_snapshot", postgresql.JSONB(), nullable=False),
        sa.Column("permission_facts", postgresql.JSONB(), nullable=False),
        sa.Column(
            "digest",
            sa.LargeBinary(),
            nullable=False,
            comment="of all that both are built from; equal digest: nothing to write",
        ),
        sa.Column("last_change_type", sa.Text(), nullable=False),
        sa.Column("last_change_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("instance_account_id", name=op.f("account_snapshots_pkey")),
        comment="the stored part of the view account_permission",
    )
    op.create_index("account_snapshots_instance", "account_snapshots", ["instance_id"], unique=False)
    op.create_table(
        "account_attributes",
        sa.Column("instance_account_id", sa.BigInteger(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("attributes", postgresql.JSONB(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        comment="what the engine said of an account itself, in one interval of time; now: valid_to is null",
    )
    op.create_index(
        "account_attributes_account", "account_attributes", ["instance_account_id", "valid_from"], unique=False
    )


def _create_history() -> None:
    op.create_table(
        "account_grant",
        sa.Column("instance_account_id", sa.BigInteger(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("privilege", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("grant_option", sa.Boolean(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("database_name", sa.Text(), nullable=False),
        sa.Column("schema_name", sa.Text(), nullable=False),
        sa.Column("object_name", sa.Text(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        comment="a grant, or a membership (scope role), of an account in one interval of time; now: valid_to is null",
    )
    op.create_index("account_grant_account", "account_grant", ["instance_account_id", "valid_from"], unique=False)
    op.create_index(
        "account_grant_object", "account_grant", ["object_name", "scope", "database_name", "schema_name"], unique=False
    )
    op.create_table(
        "account_change_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("instance_account_id", sa.BigInteger(), nullable=False),
        sa.Column("db_type", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("change_type", sa.Text(), nullable=False),
        sa.Column("change_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), sa.Computed("change_time", persisted=True), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'success'"), nullable=False),
        sa.Column("message", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("privilege_diff", postgresql.JSONB(), nullable=True),
        sa.Column("other_diff", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("account_change_log_pkey")),
    )
    op.create_index("account_change_log_account", "account_change_log", ["instance_account_id", "id"], unique=False)
    op.create_index("account_change_log_instance", "account_change_log", ["instance_id", "created_at"], unique=False)
    op.create_index("account_change_log_session", "account_change_log", ["session_id"], unique=False)


def _create_sessions() -> None:
    op.create_table(
        "sync_sessions",
        sa.Column("session_id", sa.Text(), nullable=False, comment="the Dagster run's id"),
        sa.Column(
            "batch_id", sa.Text(), nullable=True, comment="of runs that were started together: the backfill's id"
        ),
        sa.Column("sync_type", sa.Text(), nullable=False),
        sa.Column("sync_category", sa.Text(), server_default=sa.text("'account'"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), sa.Computed("completed_at", persisted=True), nullable=True),
        sa.Column("total_instances", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("successful_instances", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed_instances", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column(
            "message", sa.Text(), nullable=True, comment="why it ended as failed or cancelled, where no record says it"
        ),
        sa.Column(
            "heartbeat_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the last sign of life of the run's own process",
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("sync_sessions_pkey")),
    )
    op.create_index("sync_sessions_batch", "sync_sessions", ["batch_id"], unique=False)
    op.create_index(
        "sync_sessions_open",
        "sync_sessions",
        ["session_id"],
        unique=False,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index("sync_sessions_started", "sync_sessions", ["started_at"], unique=False)
    op.create_table(
        "sync_instance_records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sync_session_id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("instance_name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), sa.Computed("completed_at", persisted=True), nullable=True),
        sa.Column("items_synced", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("items_created", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("items_updated", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("items_deleted", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("sync_details", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("sync_instance_records_instance_id_fkey")),
        sa.ForeignKeyConstraint(
            ["sync_session_id"], ["sync_sessions.session_id"], name=op.f("sync_instance_records_sync_session_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sync_instance_records_pkey")),
        sa.UniqueConstraint(
            "sync_session_id", "instance_id", name=op.f("sync_instance_records_sync_session_id_instance_id_key")
        ),
    )
    op.create_index(
        "sync_instance_records_instance", "sync_instance_records", ["instance_id", "started_at"], unique=False
    )
