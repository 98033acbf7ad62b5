"""The rules of MySQL and MariaDB: snapshot categories, and what makes a superuser or a locked account. Pure.

Account attributes (those that are not set are left out): `flavour` (mysql, mariadb), `user`, `host`, `plugin`,
`other_plugins`, `second_factors`, `has_password`, `has_mapped_name` (its plugin maps it to an operating system's user,
a PAM service or the like), `has_empty_password` (of several plugins one takes an empty one), `has_second_password`,
`account_locked`, `password_expired`, `password_last_changed` (ISO 8601, UTC), `password_lifetime_days` (0: never
expires; left out: the server's default), `password_history`, `password_reuse_days`, `password_require_current`,
`failed_login_attempts`, `password_lock_days` (-1: for ever), `tls_requirement` (ANY, X509, SPECIFIED), `tls_cipher`,
`tls_issuer`, `tls_subject`, `max_queries_per_hour`, `max_updates_per_hour`, `max_connections_per_hour`,
`max_user_connections`, `max_statement_seconds`, `metadata` (MySQL's account comment and attribute), `built_in`.

Attributes of the instance are the server's global variables that bear on its accounts, under their own names (the
statement `variables` of the catalogs lists them): a flag is a boolean, digits are a number.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import cast

from whalefall_pipeline.adapters.mysql.definers import DEFINERS, SCOPES
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC, GRANTED, MANDATORY, parse_roles
from whalefall_pipeline.adapters.mysql.names import to_address, to_username
from whalefall_pipeline.adapters.mysql.rows import DEFAULT, EXTERNAL_PLUGINS, NO_LOGIN_PLUGIN, ROUTINE_SCOPES
from whalefall_pipeline.core.model import (
    MEMBER,
    SERVER,
    Account,
    AccountState,
    Attributes,
    Held,
    HeldRole,
    Json,
    Kind,
    Membership,
    Securable,
)
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

DB_TYPE = "mysql"
LEVELS_OF_DEFINED = dict.fromkeys(SCOPES, ("database", "object")) | {"routine": ("database", "schema", "object")}
CATEGORIES: Mapping[str, Category] = {
    SERVER: Category("mysql_global_privileges", ()),
    DYNAMIC: Category("mysql_dynamic_privileges", ()),
    "database": Category("mysql_database_privileges", ("database",)),
    "table": Category("mysql_table_privileges", ("database", "object")),
    "column": Category("mysql_column_privileges", ("database", "object", "column")),
    **{scope: Category(f"mysql_{scope}_privileges", ("database", "object")) for scope in ROUTINE_SCOPES.values()},
    "proxy": Category("mysql_proxy_privileges", ("object",)),
    "role": Category("mysql_role_memberships", ("object",)),
    **{scope: Category(f"mysql_{scope}_definers", LEVELS_OF_DEFINED[scope]) for scope in SCOPES},
}

COVERAGE = {
    SERVER: SERVER,
    DYNAMIC: DYNAMIC,
    "database": "databases",
    "table": "tables",
    "column": "columns",
    **dict.fromkeys(ROUTINE_SCOPES.values(), "routines"),
    "proxy": "proxies",
    "role": "roles",
    **dict.fromkeys(SCOPES, DEFINERS),
}

ACCOUNT_ATTRIBUTES = "account_attributes"
"""The scope that says why some attributes of accounts were not seen."""
DEFAULT_LIFETIME = "default_password_lifetime"
EPOCH = "1970-01-01T00:00:00+00:00"
"""When a password was changed to MariaDB of which a row does not say it."""

# All static privileges of MySQL 8.0 but SUPER, and those of them that MariaDB has.
STATIC = frozenset(
    {
        "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "SHUTDOWN", "PROCESS", "FILE",
        "REFERENCES", "INDEX", "ALTER", "SHOW DATABASES", "CREATE TEMPORARY TABLES", "LOCK TABLES", "EXECUTE",
        "REPLICATION SLAVE", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "CREATE USER", "EVENT",
        "TRIGGER", "CREATE TABLESPACE",
    }
)  # fmt: skip


def _superuser_reasons(server: Collection[Held]) -> list[str]:
    if not server:
        return []
    held = {item.privilege for item in server}
    if "SUPER" in held:
        return ["SUPER on *.*"]
    return ["all static privileges on *.*"] if held >= STATIC else []


def _expiry_reasons(attributes: Mapping[str, Json], now: datetime, default_days: Json) -> list[str]:
    if attributes.get("password_expired"):
        return ["password_expired"] if _may_expire(attributes) else []
    expires_at = _find_expiry(attributes, default_days)
    if expires_at is None or expires_at >= now:
        return []
    return [f"the password is older than {attributes.get('password_lifetime_days', default_days)} days"]


def _find_expiry(attributes: Mapping[str, Json], default_days: Json) -> datetime | None:
    """Return the moment after which a password is too old; None: it never is."""
    days = attributes.get("password_lifetime_days", default_days)
    unknown = EPOCH if attributes.get("flavour") == "mariadb" else None
    changed = attributes.get("password_last_changed", unknown)
    has_one = attributes.get("has_password") or ("plugin" in attributes and _may_expire(attributes))
    if not (has_one and isinstance(days, int) and days and isinstance(changed, str)):
        return None
    try:
        return datetime.fromisoformat(changed) + timedelta(days)
    except OverflowError:  # of more days than there are: MariaDB takes any number
        return None


def list_plugins(attributes: Mapping[str, Json]) -> list[str]:
    """Return all plugins that an account may log in by."""
    others = attributes.get("other_plugins")
    return [str(name) for name in (attributes.get("plugin"), *(others if isinstance(others, list) else ())) if name]


def _may_expire(attributes: Mapping[str, Json]) -> bool:
    """Whether the server itself keeps a password, be it empty: who logs in otherwise is let in all the same (tried)."""
    if attributes.get("has_password") or "plugin" not in attributes:
        return True
    return not EXTERNAL_PLUGINS.union({NO_LOGIN_PLUGIN}).issuperset(list_plugins(attributes))


@cache
def _list_mandatory(text: str) -> tuple[Held, ...]:
    names = [to_username(user, host.lower(), "mysql") for user, host in parse_roles(text)]
    roles = [Securable("role", object=name) for name in names]
    return tuple(Held(privilege, role) for role in roles for privilege in (MEMBER, MANDATORY))


class MysqlRules(Rules):
    """The rules of this engine; see `core.rules.Rules`."""

    db_type = DB_TYPE
    version = 4
    categories = CATEGORIES
    optional_scopes = frozenset({DEFINERS})
    """Who the definers are: what shows it lets a login make triggers and events."""

    def observed_by(self, scope: str, database: str) -> str:
        """Return the coverage scope: the group of tables that holds grants of this scope."""
        return COVERAGE[scope]

    def implied_roles(self, state: AccountState, instance: Attributes) -> Collection[Held]:
        """Return the memberships in mandatory roles, which all users have but the anonymous ones."""
        account, roles = state.account, _list_mandatory(str(instance.get("mandatory_roles", "")))
        if not roles or account.kind is not Kind.USER or not to_address(account.username).user:
            return ()
        return [item for item in roles if item.securable.object != account.username]

    def derived_categories(self, roles: Sequence[HeldRole], members: Collection[Membership]) -> dict[str, Json]:
        """Build `mysql_granted_roles`, without roles that are mandatory only, and `mysql_role_members`."""
        direct = [item.role for item in roles if MANDATORY not in item.options or GRANTED in item.options]
        default = [item.role for item in roles if DEFAULT in item.options]
        return {
            "mysql_granted_roles": {"direct": cast("list[Json]", direct), "default": cast("list[Json]", default)},
            "mysql_role_members": cast("list[Json]", sorted(item.member for item in members)),
        }

    def own_capabilities(self, state: AccountState, now: datetime, instance: Attributes = NOTHING_SET) -> Reasons:
        """Return what the account itself holds; an expired password and a lock are of users only."""
        server = [item for item in state.held if item.securable.scope == SERVER]
        reasons: dict[str, list[str]] = {
            SUPERUSER: _superuser_reasons(server),
            GRANT_ADMIN: ["GRANT OPTION on *.*"] if any(item.grant_option for item in server) else [],
        }
        account = state.account
        if account.kind is not Kind.USER:
            reasons[NO_LOGIN] = [account.kind.value]
            return reasons
        if account.attributes.get("account_locked"):
            reasons[LOCKED] = ["account_locked"]
        reasons[PASSWORD_EXPIRED] = _expiry_reasons(account.attributes, now, instance.get(DEFAULT_LIFETIME))
        return reasons

    def passes_at(self, account: Account, now: datetime, instance: Attributes = NOTHING_SET) -> datetime | None:
        """See `Rules.passes_at`: a password that is not too old yet will be."""
        expires_at = _find_expiry(account.attributes, instance.get(DEFAULT_LIFETIME))
        return expires_at if expires_at is not None and expires_at >= now else None


RULES = MysqlRules()
