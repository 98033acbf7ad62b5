"""Sync sessions and their record of each instance."""

from sqlalchemy import (
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from whalefall_pipeline.ledger.tables.columns import MOMENT, instance_id, metadata, row_id

sync_sessions = Table(
    "sync_sessions",
    metadata,
    Column("session_id", Text, primary_key=True, comment="the Dagster run's id"),
    Column("batch_id", Text, comment="of runs that were started together: the backfill's id"),
    Column("sync_type", Text, nullable=False),
    Column("sync_category", Text, nullable=False, server_default=text("'account'")),
    Column("status", Text, nullable=False),
    Column("started_at", MOMENT, nullable=False),
    Column("completed_at", MOMENT),
    Column("ended_at", MOMENT, Computed("completed_at", persisted=True)),
    Column("total_instances", Integer, nullable=False, server_default=text("0")),
    Column("successful_instances", Integer, nullable=False, server_default=text("0")),
    Column("failed_instances", Integer, nullable=False, server_default=text("0")),
    Column("created_by", Text),
    Column("message", Text, comment="why it ended as failed or cancelled, where no record says it"),
    Column("heartbeat_at", MOMENT, comment="the last sign of life of the run's own process"),
    Index("sync_sessions_started", "started_at"),
    Index("sync_sessions_batch", "batch_id"),
    Index("sync_sessions_open", "session_id", postgresql_where=text("status = 'running'")),
)

sync_instance_records = Table(
    "sync_instance_records",
    metadata,
    row_id(),
    Column("sync_session_id", Text, ForeignKey("sync_sessions.session_id"), nullable=False),
    instance_id(),
    Column("instance_name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", MOMENT),
    Column("completed_at", MOMENT),
    Column("ended_at", MOMENT, Computed("completed_at", persisted=True)),
    Column("items_synced", Integer, nullable=False, server_default=text("0")),
    Column("items_created", Integer, nullable=False, server_default=text("0")),
    Column("items_updated", Integer, nullable=False, server_default=text("0")),
    Column("items_deleted", Integer, nullable=False, server_default=text("0")),
    Column("error_message", Text),
    Column("error_code", Text),
    Column("notice", Text, comment="what is worth knowing of a record although it did not fail by it"),
    Column("sync_details", JSONB, nullable=False, server_default=text("'{}'")),
    UniqueConstraint("sync_session_id", "instance_id"),
    Index("sync_instance_records_instance", "instance_id", "started_at"),
)
