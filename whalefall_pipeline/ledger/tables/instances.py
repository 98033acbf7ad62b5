"""Instances, their credentials, and what is known and seen of each."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from whalefall_pipeline.ledger.tables.columns import MOMENT, NOW, instance_id, metadata, reference, row_id

credentials = Table(
    "credentials",
    metadata,
    row_id(),
    Column("name", Text, nullable=False, unique=True),
    Column("username", Text, nullable=False),
    Column(
        "secret", Text, nullable=False, comment="fernet:<token>, env:<NAME>, file:<PATH> or exec:<token>, a command"
    ),
    Column("bound_to", JSONB, comment="the server that a secret by reference is for"),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("updated_at", MOMENT, nullable=False, server_default=NOW),
)

instances = Table(
    "instances",
    metadata,
    row_id(),
    Column("name", Text, nullable=False, unique=True, comment="the Dagster partition key"),
    Column("db_type", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("database_name", Text),
    reference("credential_id", "credentials.id", nullable=True),
    Column("options", JSONB, nullable=False, server_default=text("'{}'")),
    Column("vanish_limit_percent", Integer, nullable=False, server_default=text("50")),
    Column(
        "labels",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment='such as {"env": "prod"}; lists, syncs and questions choose instances by them',
    ),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("deleted_at", MOMENT),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("updated_at", MOMENT, nullable=False, server_default=NOW),
    Column("inventory_read_at", MOMENT, comment="when the newest inventory in the ledger was begun"),
    Column("permissions_read_at", MOMENT, comment="when the newest permissions in the ledger were begun"),
    Column("server_version", Text),
    Column(
        "observed_scopes",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'"),
        comment="what the newest reading of permissions observed",
    ),
    Column("server_identity", Text, comment="what the server of the newest inventory says that it is; null: nothing"),
    Column("read_from", Text, comment="host and port that the newest inventory was read from"),
    Column(
        "danger_summary",
        JSONB,
        comment="who of the newest reading is a superuser, or could become one: numbers and a short list",
    ),
    CheckConstraint("vanish_limit_percent between 0 and 100", name="vanish_limit_percent"),
)

instance_exclusion = Table(
    "instance_exclusion",
    metadata,
    row_id(),
    instance_id(),
    Column("scope", Text, nullable=False, comment="database:NAME or account:NAME, as the server spells it"),
    Column("reason", Text, nullable=False),
    Column("excluded_at", MOMENT, nullable=False, server_default=NOW),
    Column("excluded_by", Text, nullable=False),
    Column("ended_at", MOMENT, comment="null: it is excluded"),
    Column("ended_by", Text),
    CheckConstraint("reason <> ''", name="reason"),
    Index("instance_exclusion_current", "instance_id", "scope", unique=True, postgresql_where=text("ended_at is null")),
    comment="what is not to be read of an instance; one that was taken back stays",
)

instance_scopes = Table(
    "instance_scopes",
    metadata,
    instance_id(),
    Column("scope", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("last_seen_at", MOMENT, comment="null: never"),
    Column("valid_from", MOMENT, nullable=False),
    Column("valid_to", MOMENT),
    Index("instance_scopes_instance", "instance_id", "valid_from"),
    comment="a scope that readings did not observe, in one interval of time; a scope that is not here was observed",
)

instance_attributes = Table(
    "instance_attributes",
    metadata,
    instance_id(),
    Column("attributes", JSONB, nullable=False),
    Column("valid_from", MOMENT, nullable=False),
    Column("valid_to", MOMENT),
    Index("instance_attributes_instance", "instance_id", "valid_from"),
    comment="what bears on an instance's accounts and is set for all of it, in one interval of time",
)

instance_readings = Table(
    "instance_readings",
    metadata,
    Column("instance_id", BigInteger, ForeignKey("instances.id"), primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False, comment="of all that the reading gave"),
    Column("written", LargeBinary, nullable=False, comment="of the digests that its accounts then had in the ledger"),
    Column("accounts", Integer, nullable=False),
    Column("grants", Integer, nullable=False),
    Column("not_in_inventory", Integer, nullable=False),
    Column("source", LargeBinary, comment="what its adapter knows the same by; null: nothing"),
    Column("source_until", MOMENT, comment="when an account amounts to something else by itself; null: never"),
    Column("without_account", Integer, nullable=False, server_default="0", comment="grants to no account"),
    comment="the newest reading that observed everything: one that is the same changes nothing",
)
