"""SQL Server's rules: category names, what makes a superuser, what locks. Pure.

Attributes of the instance: settings of sys.configurations by their names, `IsIntegratedSecurityOnly`, and the lists of
databases that have `is_trustworthy_on`, `is_db_chaining_on` or a `containment`.

Attributes of logins: `principal_type`, `sid`, `is_disabled`, `is_locked_out`, `is_expired`, `is_must_change`,
`is_policy_checked`, `is_expiration_checked`, `default_database`, `default_language`, `mapped_to` (the certificate or
key), of server roles `is_fixed_role`; of principals of one database `database`, `name`, `sid`, `authentication_type`,
`default_schema`, `mapped_to`, `is_orphaned`. What does not apply is left out. Times are left out as well: the catalog
keeps them in the server's local time, without its offset.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import cast

from whalefall_pipeline.adapters.sqlserver.fixed_roles import FIXED_DATABASE_ROLES, FIXED_SERVER_ROLES
from whalefall_pipeline.adapters.sqlserver.names import to_principal
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE, SCOPES
from whalefall_pipeline.core.model import (
    SERVER,
    AccountState,
    Attributes,
    HeldRole,
    Json,
    Kind,
    Membership,
    find_roles,
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

DB_TYPE = "sqlserver"
CATEGORIES: Mapping[str, Category] = {scope: Category(path.category, path.levels) for scope, path in SCOPES.items()}

CONTROL_SERVER = "CONTROL SERVER"
SYSADMIN = "sysadmin"
_ROLE_CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    SYSADMIN: (SUPERUSER, GRANT_ADMIN),
    "securityadmin": (GRANT_ADMIN,),
}
_LOCKING = {
    "is_disabled": "login is disabled",
    "is_locked_out": "login is locked out",
    "is_expired": "password has expired",
    "is_must_change": "password must be changed",
}
_NOT_A_LOGIN = {
    "CERTIFICATE_MAPPED_LOGIN": "login of a certificate",
    "ASYMMETRIC_KEY_MAPPED_LOGIN": "login of an asymmetric key",
}
_CONTAINED = ("DATABASE", "WINDOWS", "EXTERNAL")


def listed_by(username: str) -> str:
    """Return the coverage scope that an account is listed by: its database, for one that lives there, else `server`."""
    return RULES.observed_by("", to_principal(username).database)


def _add(reasons: dict[str, list[str]], capability: str, why: str) -> None:
    reasons.setdefault(capability, []).append(why)


def _add_powers(state: AccountState, reasons: dict[str, list[str]]) -> None:
    account = state.account
    if account.attributes.get("is_fixed_role"):
        for capability in _ROLE_CAPABILITIES.get(account.username, ()):
            _add(reasons, capability, f"fixed server role {account.username}")
    if _effects(state, SERVER, CONTROL_SERVER) == {"grant"}:
        _add(reasons, SUPERUSER, f"granted {CONTROL_SERVER}")
        _add(reasons, GRANT_ADMIN, f"granted {CONTROL_SERVER}")


def _effects(state: AccountState, scope: str, privilege: str) -> set[str]:
    return {item.effect for item in state.held if item.privilege == privilege and item.securable.scope == scope}


def _add_no_login(state: AccountState, reasons: dict[str, list[str]]) -> None:
    account = state.account
    principal_type = str(account.attributes.get("principal_type", ""))
    if account.kind is not Kind.USER:
        _add(reasons, NO_LOGIN, principal_type.lower().replace("_", " ") or account.kind.value)
    elif principal_type in _NOT_A_LOGIN:
        _add(reasons, NO_LOGIN, _NOT_A_LOGIN[principal_type])
    elif account.attributes.get("is_orphaned"):
        _add(reasons, NO_LOGIN, "no login has the user's SID")
    elif "database" in account.attributes and account.attributes.get("authentication_type") not in _CONTAINED:
        _add(reasons, NO_LOGIN, "user without login")


def _add_locks(state: AccountState, reasons: dict[str, list[str]]) -> None:
    attributes = state.account.attributes
    for name, why in _LOCKING.items():
        if attributes.get(name):
            _add(reasons, LOCKED, why)
    for name in ("is_expired", "is_must_change"):
        if attributes.get(name):
            _add(reasons, PASSWORD_EXPIRED, _LOCKING[name])


def _list_refusals(state: AccountState) -> list[str]:
    """Return what keeps a login out of the server, or a principal of one database out of that."""
    database = state.account.attributes.get("database")
    if database:
        return [f"denied CONNECT in {database}"] if "deny" in _effects(state, DATABASE, "CONNECT") else []
    return ["denied CONNECT SQL"] if "deny" in _effects(state, SERVER, "CONNECT SQL") else []


def _is_sysadmin(states: Sequence[AccountState]) -> bool:
    """Whether one of these states is a member of sysadmin: an account with all its roles comes to be one by any."""
    return any(item.role == SYSADMIN and not item.database for state in states for item in find_roles(state.held))


class SqlserverRules(Rules):
    """The rules of this engine; see `core.rules.Rules`."""

    db_type = DB_TYPE
    version = 2
    categories = CATEGORIES
    birth_attributes = frozenset({"sid"})

    def observed_by(self, scope: str, database: str) -> str:
        """Return the coverage scope: each database speaks for all that is granted in it, `server` for the rest."""
        del scope
        return f"database:{database}" if database else SERVER

    def derived_categories(self, roles: Sequence[HeldRole], members: Collection[Membership]) -> dict[str, Json]:
        """Build the role lists that other readers know, by the catalog's own names, and what the fixed roles allow."""
        server_roles: list[str] = []
        database_roles: dict[str, list[str]] = {}
        fixed: dict[str, Json] = {}
        for held in roles:
            name = to_principal(held.role).name
            confers = FIXED_DATABASE_ROLES if held.database else FIXED_SERVER_ROLES
            if held.database:
                database_roles.setdefault(held.database, []).append(name)
            else:
                server_roles.append(name)
            if name in confers:
                fixed[held.role] = cast("list[Json]", list(confers[name]))
        derived: dict[str, Json] = {}
        if server_roles:
            derived["sqlserver_server_roles"] = cast("list[Json]", sorted(server_roles))
        if database_roles:
            derived["sqlserver_database_roles"] = {
                database: cast("list[Json]", sorted(names)) for database, names in database_roles.items()
            }
        if fixed:
            derived["sqlserver_fixed_role_permissions"] = fixed
        if members:
            derived["sqlserver_role_members"] = cast("list[Json]", sorted(membership.member for membership in members))
        return derived

    def own_capabilities(self, state: AccountState, now: datetime, instance: Attributes = NOTHING_SET) -> Reasons:
        """Return what an account may do by itself. Expiry is the server's own judgement, so `now` is not needed."""
        del now
        reasons: dict[str, list[str]] = {}
        _add_powers(state, reasons)
        _add_no_login(state, reasons)
        _add_locks(state, reasons)
        return reasons

    def fixed_role_capabilities(self, membership: Membership) -> Reasons:
        """Return what a fixed server role allows; the fixed database roles allow nothing beyond their database."""
        if membership.database:
            return {}
        return {
            capability: [f"fixed server role {membership.role}"]
            for capability in _ROLE_CAPABILITIES.get(membership.role, ())
        }

    def refuse_login(self, state: AccountState, held_by: Sequence[AccountState]) -> list[str]:
        """Return which denials, to the account, its roles or `public`, keep it from logging in where it lives.

        Nothing is denied to members of sysadmin (Microsoft Learn, "DENY Server Permissions").
        """
        if state.account.kind in (Kind.ROLE, Kind.PUBLIC) or _is_sysadmin([state, *held_by]):
            return []
        database = state.account.attributes.get("database")
        through = [
            f"{why} (through {'role ' if role.account.kind is Kind.ROLE else ''}{role.account.username})"
            for role in held_by
            if role.account.attributes.get("database") == database
            for why in _list_refusals(role)
        ]
        return [*_list_refusals(state), *through]

    def withholds(self, capability: str, states: Sequence[AccountState]) -> bool:
        """Whether DENY CONTROL SERVER, to the account or a role, beats what it was granted; fixed roles pass it."""
        if capability not in (SUPERUSER, GRANT_ADMIN):
            return False
        roles = {membership.role for state in states for membership in state.memberships if not membership.database}
        roles |= {state.account.username for state in states if state.account.attributes.get("is_fixed_role")}
        fixed = any(capability in _ROLE_CAPABILITIES.get(role, ()) for role in roles)
        return not fixed and any("deny" in _effects(state, SERVER, CONTROL_SERVER) for state in states)

    def carries(self, membership: Membership, capability: str, role: AccountState | None) -> bool:
        """Whether it is a server role: each carries all that it has, and no database role has the server's rights."""
        return not membership.database


RULES = SqlserverRules()
