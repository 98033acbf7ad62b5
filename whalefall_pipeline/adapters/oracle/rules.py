"""Oracle's rules: where its grants stand in a snapshot, and what they amount to. Pure.

How a securable is named:

- Rights on the whole of what the instance is (a database, or one pluggable database) have no name path. Rights on
  objects have the container's name as their database.
- Of an instance that is the root of a container database, what was granted commonly (CONTAINER=ALL) has no database,
  as it holds in all of them; what was granted in one container has that container's name (`CDB$ROOT`, `SALESPDB`).
  A local user or role of a pluggable database is the account `SALESPDB.NAME`, a common one is an account once, under
  its own name. The name of a pluggable database holds no dot.
- The scope of an object privilege is the TYPE of DBA_TAB_PRIVS (`table`, `view`, `java_class`, …), `object` for a type
  that this module has never heard of, and for UNKNOWN.
- What an application PDB has from its application root is its own: the account `APP_PDB.NAME`, with the attribute
  `inherited`, and its grants in it.
- WITH HIERARCHY OPTION is a privilege of its own beside the plain one. The limit of a tablespace quota is part of its
  privilege: `QUOTA 1048576` (bytes), `QUOTA UNLIMITED`.

The schema of a user is the user, and all rights on its objects with it: ownership is no grant here. Only that stored
code runs with its owner's rights is noted of the owner: the type of the code is the privilege.

GRANT ANY ROLE is not counted as GRANT_ADMIN (the ledger's contract names DBA and GRANT ANY PRIVILEGE); it stands with
the system privileges. A role that has to be set, because it is no default role, still counts.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import cast

from whalefall_pipeline.adapters.oracle.object_types import OBJECT_SCOPES, OTHER_OBJECT
from whalefall_pipeline.core.model import SERVER, AccountState, Attributes, Kind, Membership
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

DB_TYPE = "oracle"
PUBLIC = "PUBLIC"
DBA = "DBA"
ROOT = "CDB$ROOT"

ROLES = "roles"
SYSTEM_PRIVILEGES = "system_privileges"
OBJECT_PRIVILEGES = "object_privileges"
COLUMN_PRIVILEGES = "column_privileges"
SCHEMA_PRIVILEGES = "schema_privileges"
PASSWORD_FILE = "password_file"  # noqa: S105 - a part of the catalog
PROXIES = "proxies"
QUOTAS = "quotas"
DEFINERS = "definers"
DEFINER = "definer"
"""The scope of stored code that runs with its owner's rights."""
PROFILES = "profiles"
PARAMETERS = "parameters"
WIDE_PARTS = frozenset({ROLES, SYSTEM_PRIVILEGES, PASSWORD_FILE})
"""Parts whose grants have no database when one container is read."""
NEEDED_PARTS = frozenset({ROLES, SYSTEM_PRIVILEGES})
"""Parts that have to be read before the deadline, or the reading is none."""

OBJECT_LEVELS = ("database", "schema", "object")

CATEGORIES = {
    SERVER: Category("oracle_system_privileges", ()),
    "database": Category("oracle_container_system_privileges", ("database",)),
    "role": Category("oracle_roles", ("object",)),
    "database_role": Category("oracle_container_roles", ("database", "object")),
    "password_file": Category("oracle_password_file_privileges", ()),
    "container_password_file": Category("oracle_container_password_file_privileges", ("database",)),
    "schema": Category("oracle_schema_privileges", ("database", "schema")),
    "column": Category("oracle_column_privileges", (*OBJECT_LEVELS, "column")),
    "proxy": Category("oracle_proxy_privileges", ("database", "object")),
    "proxy_role": Category("oracle_proxy_roles", OBJECT_LEVELS),
    "tablespace": Category("oracle_tablespace_quotas", ("database", "object")),
    DEFINER: Category("oracle_definers", OBJECT_LEVELS),
    OTHER_OBJECT: Category("oracle_other_object_privileges", OBJECT_LEVELS),
    **{
        scope: Category(f"oracle_{scope}_privileges", OBJECT_LEVELS)
        for scope in OBJECT_SCOPES.values()
        if scope != OTHER_OBJECT
    },
}

NARROW_PARTS = {
    SERVER: SYSTEM_PRIVILEGES,
    "database": SYSTEM_PRIVILEGES,
    "role": ROLES,
    "database_role": ROLES,
    "password_file": PASSWORD_FILE,
    "container_password_file": PASSWORD_FILE,
    "schema": SCHEMA_PRIVILEGES,
    "column": COLUMN_PRIVILEGES,
    "proxy": PROXIES,
    "proxy_role": PROXIES,
    "tablespace": QUOTAS,
    DEFINER: DEFINERS,
}
"""Scope to the part of the catalog that speaks for it; all others are object privileges."""


def part_of(scope: str) -> str:
    """Return the part of the catalog that speaks for a scope."""
    return NARROW_PARTS.get(scope, OBJECT_PRIVILEGES)


def to_coverage_scope(database: str, part: str) -> str:
    """Return the scope of one part of a container's catalog: `server/roles`, `database:SALESPDB/object_privileges`."""
    return f"{f'database:{database}' if database else SERVER}/{part}"


_DBA_CAPABILITIES: Reasons = {SUPERUSER: ["role DBA"], GRANT_ADMIN: ["role DBA"]}


def _held(state: AccountState, privilege: str, scopes: Iterable[str]) -> list[str]:
    found = sorted(i.securable for i in state.held if i.privilege == privilege and i.securable.scope in scopes)
    return [f"{privilege} in {item.database}" if item.database else privilege for item in found]


def parse_account_status(status: str) -> list[str]:
    """Return the words of an ACCOUNT_STATUS: `EXPIRED(GRACE) & LOCKED(TIMED)` is a list of two.

    EXPIRED(GRACE) is not EXPIRED, as the old password still logs in. `IN ROLLOVER` (19.12 and later) means that an
    old and a new password both do.
    """
    return [" ".join(word.split()).replace(" (", "(") for word in status.split("&")]


class OracleRules(Rules):
    """The rules of this engine; see `core.rules.Rules`."""

    db_type = DB_TYPE
    version = 3
    categories = CATEGORIES
    birth_attributes = frozenset({"created"})

    def observed_by(self, scope: str, database: str) -> str:
        """Return the container and, since each view of the catalog may be denied by itself, the part of its catalog."""
        return to_coverage_scope(database, part_of(scope))

    def own_capabilities(self, state: AccountState, now: datetime, instance: Attributes = NOTHING_SET) -> Reasons:
        """Return the capabilities that the account holds by itself; those of roles come through `carries`."""
        account = state.account
        found: dict[str, list[str]] = {}
        if account.username == DBA:
            found |= {name: list(why) for name, why in _DBA_CAPABILITIES.items()}
        for why in _held(state, "SYSDBA", ("password_file", "container_password_file")):
            found.setdefault(SUPERUSER, []).append(f"{why} (password file)")
        for why in _held(state, "GRANT ANY PRIVILEGE", (SERVER, "database")):
            found.setdefault(GRANT_ADMIN, []).append(why)
        if account.kind is not Kind.USER:
            found[NO_LOGIN] = ["a role" if account.kind is Kind.ROLE else "PUBLIC is no user"]
            return found
        status = cast("str", account.attributes.get("account_status", ""))
        words = parse_account_status(status)
        if any(word.startswith("LOCKED") for word in words):
            found[LOCKED] = [f"account_status {status}"]
        if "EXPIRED" in words:
            found[PASSWORD_EXPIRED] = [f"account_status {status}"]
        if account.attributes.get("authentication_type") == "NONE":
            found[NO_LOGIN] = ["schema only, without authentication"]
        return found

    def fixed_role_capabilities(self, membership: Membership) -> Reasons:
        """Return what DBA gives where it is no account of the inventory; other built-in roles are read as they are."""
        return _DBA_CAPABILITIES if membership.role == DBA else {}


RULES = OracleRules()
