"""The ledger's tables. Alembic's migrations make them, and the views beside them; a test proves that both agree.

Two columns that hold one moment (`ended_at` and `completed_at`, `created_at` and `change_time`) are one stored and
one generated column. Name-path columns are empty strings where a scope has no such level, as in `Securable`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)
MOMENT = DateTime(timezone=True)
NOW = func.now()


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(), primary_key=True)


def _reference(name: str, target: str, *, nullable: bool = False, primary_key: bool = False) -> Column[int]:
    return Column(name, BigInteger, ForeignKey(target), nullable=nullable, primary_key=primary_key)


def _instance_id() -> Column[int]:
    return _reference("instance_id", "instances.id")


# Accounts, what they hold and findings have no foreign keys: their checks, one by one, were two thirds of the time that
# a first sync's rows took, and neither instances nor accounts are ever deleted.
def _of_instance() -> Column[int]:
    return Column("instance_id", BigInteger, nullable=False)


def _of_account(*, primary_key: bool = False) -> Column[int]:
    return Column("instance_account_id", BigInteger, nullable=False, primary_key=primary_key, autoincrement=False)


credentials = Table(
    "credentials",
    metadata,
    _id(),
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
    _id(),
    Column("name", Text, nullable=False, unique=True, comment="the Dagster partition key"),
    Column("db_type", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("database_name", Text),
    _reference("credential_id", "credentials.id", nullable=True),
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
    _id(),
    _instance_id(),
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
    _instance_id(),
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
    _instance_id(),
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

instance_accounts = Table(
    "instance_accounts",
    metadata,
    _id(),
    _of_instance(),
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
    _of_account(primary_key=True),
    _of_instance(),
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
    _of_account(),
    _of_instance(),
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

account_grant = Table(
    "account_grant",
    metadata,
    _of_account(),
    _of_instance(),
    Column("privilege", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("grant_option", Boolean, nullable=False),
    Column("scope", Text, nullable=False),
    Column("database_name", Text, nullable=False),
    Column("schema_name", Text, nullable=False),
    Column("object_name", Text, nullable=False),
    Column("column_name", Text, nullable=False),
    Column("valid_from", MOMENT, nullable=False),
    Column("valid_to", MOMENT),
    Index("account_grant_account", "instance_account_id", "scope"),
    Index("account_grant_object", "object_name", "scope", "database_name", "schema_name", "privilege"),
    Index(
        "account_grant_principal",
        "instance_id",
        postgresql_where=text(
            "scope in ('login', 'server_role', 'database_user', 'role_definition', 'proxy', 'proxy_role') "
            "and privilege <> 'MAPPED'"
        ),
    ),
    Index(
        "account_grant_member",
        "instance_id",
        "object_name",
        postgresql_where=text("privilege = 'MEMBER' and scope in ('role', 'database_role')"),
    ),
    comment="a grant, or a membership (scope role), of an account in one interval of time; now: valid_to is null",
)

account_changes = Table(
    "account_changes",
    metadata,
    _id(),
    _of_instance(),
    _of_account(),
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
    _instance_id(),
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
    _id(),
    Column("sync_session_id", Text, ForeignKey("sync_sessions.session_id"), nullable=False),
    _instance_id(),
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

finding = Table(
    "finding",
    metadata,
    _id(),
    _of_instance(),
    Column("rule_id", Text, nullable=False),
    Column("instance_account_id", BigInteger, comment="null: it is of no account, or of one that does not exist"),
    Column("username", Text, nullable=False, comment="empty: it is of the instance"),
    Column("object", Text, nullable=False, comment="what of the account or instance it is about; empty: all of it"),
    Column("outcome", Text, nullable=False, comment="found, or unknown: the rule could not see all that it looks at"),
    Column("severity", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("detail", JSONB, nullable=False, comment="as the newest reading has it"),
    Column("opened_at", MOMENT, nullable=False),
    Column("closed_at", MOMENT),
    Column("opened_in", Text, nullable=False, comment="the session that found it"),
    Column("closed_in", Text, comment="the session that found it gone"),
    CheckConstraint("outcome in ('found', 'unknown')", name="outcome"),
    CheckConstraint("severity in ('critical', 'high', 'medium', 'low')", name="severity"),
    Index("finding_instance", "instance_id", "opened_at"),
    Index(
        "finding_open",
        *("instance_id", "rule_id", "username", "object", "outcome"),
        unique=True,
        postgresql_where=text("closed_at is null"),
    ),
    comment="what a rule says of an instance, in one interval of time; a rule without an open row is clear",
)

finding_evaluation = Table(
    "finding_evaluation",
    metadata,
    Column("instance_id", BigInteger, ForeignKey("instances.id"), primary_key=True, autoincrement=False),
    Column("rules", LargeBinary, nullable=False, comment="a digest of the rules that were asked"),
    Column("basis", LargeBinary, nullable=False, comment="a digest of what they were asked about"),
    Column("due_at", MOMENT, comment="when they say something else by themselves; null: never"),
    Column("evaluated_at", MOMENT, nullable=False),
    comment="of which reading an instance's findings are: while nothing differs, no rule is asked again",
)

waiver = Table(
    "waiver",
    metadata,
    _id(),
    Column("rule_id", Text, nullable=False),
    _reference("instance_id", "instances.id", nullable=True),
    Column("username", Text, comment="null: every account"),
    Column("object", Text, comment="null: whatever it is about"),
    Column("reason", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("created_by", Text, nullable=False),
    Column("expires_at", MOMENT, nullable=False),
    Column("withdrawn_at", MOMENT),
    Column("withdrawn_by", Text),
    CheckConstraint("reason <> ''", name="reason"),
    CheckConstraint("ticket <> ''", name="ticket"),
    CheckConstraint("expires_at > created_at", name="expires_at"),
    Index("waiver_rule", "rule_id"),
    comment="findings that are accepted until a moment; instance null: on all instances",
)

alert = Table(
    "alert",
    metadata,
    _id(),
    Column("key", Text, nullable=False, unique=True, comment="the same however often the event is seen"),
    Column("kind", Text, nullable=False),
    _of_instance(),
    Column("session_id", Text, nullable=False),
    Column("payload", JSONB, nullable=False, comment="instance, the first items (name and note), and their count"),
    Column("created_at", MOMENT, nullable=False, server_default=NOW),
    Column("message_key", Text, comment="of the message that it goes with; null: not yet in one"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("last_error", Text),
    Column("sent_at", MOMENT, comment="when all targets had taken it"),
    Column("given_up_at", MOMENT, comment="when no target was left that is tried again"),
    CheckConstraint(
        "kind in ('collapse_refused', 'instance_failed', 'new_superuser', 'finding_opened', 'account_recreated', "
        "'scope_lost')",
        name="kind",
    ),
    Index("alert_session", "session_id"),
    Index("alert_unsent", "message_key", postgresql_where=text("sent_at is null")),
    comment="the outbox: what people are called for, written with what happened, and emptied by a sensor",
)

alert_delivery = Table(
    "alert_delivery",
    metadata,
    Column("message_key", Text, primary_key=True),
    Column("target", Text, primary_key=True, comment="a digest of its URL"),
    Column("label", Text, nullable=False, comment="what it is called, without what is secret of it"),
    Column("attempts", Integer, nullable=False),
    Column("first_tried_at", MOMENT, nullable=False),
    Column("tried_at", MOMENT, nullable=False, comment="last"),
    Column("due_at", MOMENT, nullable=False, comment="not tried again before"),
    Column("last_error", Text),
    Column("taken_at", MOMENT),
    Column("given_up_at", MOMENT, comment="null: it is tried again, or was taken"),
    comment="what became of a message at one target that was tried",
)

review = Table(
    "review",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("scope", Text, nullable=False),
    Column("as_of", MOMENT, nullable=False, comment="the moment whose access is reviewed"),
    Column("due_at", MOMENT),
    Column("opened_by", Text, nullable=False),
    Column("closed_at", MOMENT),
    Column("closed_by", Text),
    Column("sight", JSONB, nullable=False, comment="of each instance: when it was read, and what was not observed"),
    CheckConstraint("scope in ('privileged', 'all')", name="scope"),
    CheckConstraint("(closed_at is null) = (closed_by is null)", name="closed"),
    comment="an access review: what accounts had at a moment, frozen, and what is decided of it",
)

review_item = Table(
    "review_item",
    metadata,
    _id(),
    _reference("review_id", "review.id"),
    _of_instance(),
    Column("instance_name", Text, nullable=False),
    Column("db_type", Text, nullable=False),
    _of_account(),
    Column("username", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("capabilities", JSONB, nullable=False),
    Column("capability_reasons", JSONB, nullable=False),
    Column("held", JSONB, nullable=False, comment="grants and memberships as they were"),
    Column("decision", Text),
    Column("note", Text, nullable=False, server_default=text("''")),
    Column("decided_by", Text),
    Column("decided_at", MOMENT),
    Column("proven_in", Text, comment="the session that saw a revoke done"),
    Column("proven_at", MOMENT, comment="begin of the reading that saw it"),
    UniqueConstraint("review_id", "instance_account_id"),
    CheckConstraint("decision in ('keep', 'revoke')", name="decision"),
    CheckConstraint("(decision is null) = (decided_at is null)", name="decided"),
    comment="an account of a review: frozen, with the decision and its proof",
)
