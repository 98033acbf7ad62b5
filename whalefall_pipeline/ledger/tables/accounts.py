"""Accounts, what they are and hold in intervals of time, and the logs of changes."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Computed,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from whalefall_pipeline.ledger.tables.columns import MOMENT, instance_id, metadata, of_account, of_instance, row_id

instance_accounts = Table(
    "instance_accounts",
    metadata,
    row_id(),
    of_instance(),
    Column("username", Text, nullable=False),
    Column("db_type", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("deleted_at", MOMENT),
    Column("created_at", MOMENT, nullable=False),
    Column("updated_at", MOMENT, nullable=False),
    Column(
        "native_id",
        Text,
        comment="what the server knows it by, other once it is dropped and made again; null: nothing, or not seen yet",
    ),
    UniqueConstraint("instance_id", "username"),
    Index("instance_accounts_updated", "instance_id", "updated_at"),
    Index("instance_accounts_public", "instance_id", postgresql_where=text("kind = 'public'")),
)

account_snapshots = Table(
    "account_snapshots",
    metadata,
    of_account(primary_key=True),
    of_instance(),
    Column("permission_snapshot", JSONB, nullable=False),
    Column("permission_facts", JSONB, nullable=False),
    Column(
        "digest", LargeBinary, nullable=False, comment="of all that both are built from; equal digest: nothing to write"
    ),
    Column("last_change_type", Text, nullable=False),
    Column("last_change_time", MOMENT, nullable=False),
    Index("account_snapshots_instance", "instance_id"),
    comment="the stored part of the view account_permission",
)

account_attributes = Table(
    "account_attributes",
    metadata,
    of_account(),
    of_instance(),
    Column("kind", Text, nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("valid_from", MOMENT, nullable=False),
    Column("valid_to", MOMENT),
    Index("account_attributes_account", "instance_account_id", "valid_from"),
    Index(
        "account_attributes_now",
        "attributes",
        postgresql_using="gin",
        postgresql_ops={"attributes": "jsonb_path_ops"},
        postgresql_where=text("valid_to is null"),
    ),
    comment="what the engine said of an account itself, in one interval of time; now: valid_to is null",
)

instance_grant = Table(
    "instance_grant",
    metadata,
    Column("instance_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="from 1 on in each instance"),
    Column("privilege", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("grant_option", Boolean, nullable=False),
    Column("scope", Text, nullable=False),
    Column("database_name", Text, nullable=False),
    Column("schema_name", Text, nullable=False),
    Column("object_name", Text, nullable=False),
    Column("column_name", Text, nullable=False),
    Index("instance_grant_object", "object_name", "scope", "database_name", "schema_name", "privilege"),
    Index("instance_grant_scope", "instance_id", "scope"),
    Index(
        "instance_grant_member",
        "instance_id",
        "object_name",
        postgresql_where=text("privilege = 'MEMBER' and scope in ('role', 'database_role')"),
    ),
    comment="a grant, or a membership (scope role), that some account of an instance holds or held, once for all",
)

account_holding = Table(
    "account_holding",
    metadata,
    of_account(),
    of_instance(),
    Column(
        "of_roles",
        Boolean,
        nullable=False,
        comment="whether these are memberships of roles, and what holds of them; else none of them is",
    ),
    Column("grants", ARRAY(Integer), nullable=False, comment="instance_grant.number, of the same instance, in order"),
    Column("valid_from", MOMENT, nullable=False),
    Column("valid_to", MOMENT),
    Index("account_holding_account", "instance_account_id"),
    Index("account_holding_instance", "instance_id", "of_roles"),
    comment="what an account holds in one interval of time, now: valid_to is null; by grant: the view account_grant",
)

account_changes = Table(
    "account_changes",
    metadata,
    row_id(),
    of_instance(),
    of_account(),
    Column("db_type", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("change_type", Text, nullable=False),
    Column("change_time", MOMENT, nullable=False),
    Column("created_at", MOMENT, Computed("change_time", persisted=True), nullable=False),
    Column("session_id", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'success'")),
    Column("message", Text, nullable=False, server_default=text("''")),
    Column("privilege_diff", JSONB),
    Column("other_diff", JSONB),
    Column(
        "in_intervals",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="what differs is all that the account was and held when it came, or went: see intervals",
    ),
    Index("account_changes_instance", "instance_id", "created_at"),
    Index("account_changes_account", "instance_account_id", "id"),
    Index("account_changes_session", "session_id"),
    comment="the stored part of the view account_change_log",
)

instance_change_log = Table(
    "instance_change_log",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    instance_id(),
    Column("change_type", Text, nullable=False),
    Column("change_time", MOMENT, nullable=False),
    Column("created_at", MOMENT, Computed("change_time", persisted=True), nullable=False),
    Column("session_id", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("other_diff", JSONB),
    Index("instance_change_log_instance", "instance_id", "created_at"),
    Index("instance_change_log_session", "session_id"),
    comment="a change of an instance itself; its ids and those of account_change_log are of one sequence",
)
