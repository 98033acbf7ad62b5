"""What PostgreSQL's privileges are called in a snapshot, and what they amount to: constants and pure functions.

An account's attributes are the columns of `pg_roles` under their own names; `settings` from `pg_db_role_setting`, by
database ("": all) and parameter; `bootstrap_superuser` for the role that initdb made; `rolname_is_escaped` for one
whose name is no text. The instance's are parameters of `pg_settings`, and `settings` of role 0, which hold for every
role.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from whalefall_pipeline.core.model import SERVER, Account, AccountState, Attributes, HeldRole, Json, Kind, Membership
from whalefall_pipeline.core.rules import (
    GRANT_ADMIN,
    LOCKED,
    NO_LOGIN,
    NOTHING_SET,
    PASSWORD_EXPIRED,
    SUPERUSER,
    Category,
    Reasons,
    Rules,
)

DB_TYPE = "postgresql"
DATABASE = "database"
DEFINITIONS = "definitions"
"""The part of a database's coverage that speaks for what is no privilege: owners, policies, triggers, user mappings."""
IDENTITY = "identity"
"""What `instances check` calls the cluster's own identity, where the login may not ask for it."""
PREDEFINED_PREFIX = "pg_"
"""The server itself reserves it: no user's role, `pgbouncer` among them, can have it."""

_IN_DATABASE = ("database", "object")
_IN_SCHEMA = ("database", "schema", "object")

CATEGORIES: Mapping[str, Category] = {
    "role": Category("postgresql_role_memberships", ("object",)),
    DATABASE: Category("postgresql_database_privileges", ("database",)),
    "tablespace": Category("postgresql_tablespace_privileges", ("object",)),
    "parameter": Category("postgresql_parameter_privileges", ("object",)),
    "schema": Category("postgresql_schema_privileges", ("database", "schema")),
    "table": Category("postgresql_table_privileges", _IN_SCHEMA),
    "column": Category("postgresql_column_privileges", (*_IN_SCHEMA, "column")),
    "sequence": Category("postgresql_sequence_privileges", _IN_SCHEMA),
    "routine": Category("postgresql_routine_privileges", _IN_SCHEMA),
    "type": Category("postgresql_type_privileges", _IN_SCHEMA),
    "language": Category("postgresql_language_privileges", _IN_DATABASE),
    "foreign_data_wrapper": Category("postgresql_foreign_data_wrapper_privileges", _IN_DATABASE),
    "foreign_server": Category("postgresql_foreign_server_privileges", _IN_DATABASE),
    "large_object": Category("postgresql_large_object_privileges", _IN_DATABASE),
    # the schema ("": all), the role whose future objects they are, and the kind of object
    "default_privileges": Category("postgresql_default_privileges", (*_IN_SCHEMA, "column")),
    "extension": Category("postgresql_extensions", _IN_DATABASE),
    "publication": Category("postgresql_publications", _IN_DATABASE),
    "subscription": Category("postgresql_subscriptions", _IN_DATABASE),
    "event_trigger": Category("postgresql_event_triggers", _IN_DATABASE),
    "user_mapping": Category("postgresql_user_mappings", _IN_DATABASE),
    # the table, and the subscription that writes to it, the trigger or the policy on it
    "subscribed_table": Category("postgresql_subscribed_tables", (*_IN_SCHEMA, "column")),
    "trigger": Category("postgresql_triggers", (*_IN_SCHEMA, "column")),
    "policy": Category("postgresql_policies", (*_IN_SCHEMA, "column")),
    "collation": Category("postgresql_collations", _IN_SCHEMA),
    "conversion": Category("postgresql_conversions", _IN_SCHEMA),
    "statistics": Category("postgresql_statistics", _IN_SCHEMA),
    "text_search_configuration": Category("postgresql_text_search_configurations", _IN_SCHEMA),
    "text_search_dictionary": Category("postgresql_text_search_dictionaries", _IN_SCHEMA),
    "operator": Category("postgresql_operators", _IN_SCHEMA),
    # the name, and the access method that it is for
    "operator_class": Category("postgresql_operator_classes", (*_IN_SCHEMA, "column")),
    "operator_family": Category("postgresql_operator_families", (*_IN_SCHEMA, "column")),
}

ATTRIBUTE_CATEGORIES: Mapping[str, frozenset[str]] = {
    "postgresql_role_attributes": frozenset(
        {
            *("rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb"),
            *("rolcanlogin", "rolreplication", "rolbypassrls"),
        }
    ),
}

FLAGS = sorted(ATTRIBUTE_CATEGORIES["postgresql_role_attributes"])
"""Role attributes; each that is true is a capability under its own name too, and one that no member inherits."""

_SHARED = frozenset({"role", DATABASE, "tablespace", "parameter"})
_DEFINITIONS = frozenset(
    {
        *("extension", "publication", "subscription", "event_trigger", "user_mapping", "trigger", "policy"),
        *("collation", "conversion", "statistics", "text_search_configuration", "text_search_dictionary"),
        *("operator", "operator_class", "operator_family", "subscribed_table"),
    }
)


POWERS = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
"""Attributes that let a role do more than its grants say."""


def _is_past(moment: str, now: datetime) -> bool:
    if moment == "-infinity":
        return True
    end = _to_moment(moment)
    return end is not None and end <= now


def _to_moment(moment: str) -> datetime | None:
    """Return a moment that is no infinity; None for one that is too far off for a `datetime`."""
    year_is_far = moment.index("-") > 4
    return None if year_is_far else datetime.fromisoformat(moment).astimezone(UTC)


class PostgresqlRules(Rules):
    """The rules of this engine; see `core.rules.Rules`."""

    db_type = DB_TYPE
    version = 4
    categories = CATEGORIES
    attribute_categories = ATTRIBUTE_CATEGORIES
    optional_scopes = frozenset({IDENTITY})
    own_by_attributes = True

    def observed_by(self, scope: str, database: str) -> str:
        """Return what speaks for a grant: the cluster's shared catalogs, one database's own, or a part of these."""
        if scope in _SHARED:
            return SERVER
        return f"{DATABASE}:{database}/{DEFINITIONS}" if scope in _DEFINITIONS else f"{DATABASE}:{database}"

    def derived_categories(self, roles: Sequence[HeldRole], members: Collection[Membership]) -> dict[str, Json]:
        """Return the predefined roles that an account is a direct member of, as other readers know them."""
        predefined = [held.role for held in roles if held.role.startswith(PREDEFINED_PREFIX)]
        return {"postgresql_predefined_roles": [*predefined]}

    def own_capabilities(self, state: AccountState, now: datetime, instance: Attributes = NOTHING_SET) -> Reasons:
        """See `Rules.own_capabilities`; `rolvaliduntil` stops password logins only, which no catalog tells."""
        if state.account.kind is Kind.PUBLIC:
            return {NO_LOGIN: ["PUBLIC stands for every role"]}
        attributes = state.account.attributes
        reasons: dict[str, list[str]] = {}
        if attributes["rolsuper"]:
            reasons[SUPERUSER] = ["rolsuper"]
        if attributes["rolcreaterole"]:
            reasons[GRANT_ADMIN] = ["rolcreaterole"]
        if not attributes["rolcanlogin"]:
            reasons[NO_LOGIN] = reasons[LOCKED] = ["rolcanlogin is false"]
        valid_until = attributes.get("rolvaliduntil")
        if isinstance(valid_until, str) and _is_past(valid_until, now):
            expired = f"rolvaliduntil {valid_until} is past"
            reasons[LOCKED] = [*reasons.get(LOCKED, []), expired]
            reasons[PASSWORD_EXPIRED] = [expired]
        return reasons | {name: [name] for name in FLAGS if attributes.get(name)}

    def passes_at(self, account: Account, now: datetime, instance: Attributes = NOTHING_SET) -> datetime | None:
        """See `Rules.passes_at`: a role whose validity ends."""
        valid_until = account.attributes.get("rolvaliduntil")
        if not isinstance(valid_until, str) or _is_past(valid_until, now):
            return None
        return _to_moment(valid_until)

    def build_powerless(self, account: Account) -> Account:
        """See `Rules`; the server refuses to take SUPERUSER from the role that initdb made."""
        if account.attributes.get("bootstrap_superuser"):
            return account
        taken = {name: False for name in POWERS if name in account.attributes}
        return replace(account, attributes={**account.attributes, **taken})

    def carries(self, membership: Membership, capability: str, role: AccountState | None) -> bool:
        """Whether a member can act as the role: role attributes are never inherited, only reached by SET ROLE.

        With the admin option on it a member can give itself that option, though not on a role that is a superuser:
        of those only superusers may grant.
        """
        is_superuser = role is not None and bool(role.account.attributes.get("rolsuper"))
        return "SET" in membership.options or (membership.admin_option and not is_superuser)


RULES = PostgresqlRules()
