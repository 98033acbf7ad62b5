"""Rows of MySQL's mysql.user as accounts and what they hold on the whole server. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from whalefall_pipeline.adapters.mysql.names import Address, to_username
from whalefall_pipeline.adapters.mysql.rows import Holding, NameOf, Privileges, Row, keep_set, to_names
from whalefall_pipeline.core.model import MEMBER, SERVER, Account, Held, Json, Kind, Securable

BUILT_IN = frozenset({"mysql.infoschema@localhost", "mysql.session@localhost", "mysql.sys@localhost"})
DYNAMIC = "dynamic"
YES = "Y"
MANDATORY = "MANDATORY"
GRANTED = "GRANTED"

_PART = r"(?:`((?:[^`]|``)*)`|'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"|([^,@\s]+))"
_ROLE = re.compile(rf"\s*{_PART}(?:@{_PART})?\s*(?:,|$)")


class UserRow(NamedTuple):
    """The columns of the statement `accounts`, in its order; None where the server has no such column."""

    user: str
    host: str
    mask: str
    restrictions: str | None
    plugin: str | None
    has_password: int | None
    has_second_password: int | None
    second_factors: str | None
    locked: int | None
    expired: int | None
    password_last_changed: str | None
    password_lifetime: int | None
    password_history: int | None
    password_reuse_days: int | None
    password_require_current: str | None
    failed_login_attempts: str | None
    password_lock_days: str | None
    tls: str | None
    tls_cipher: str | None
    tls_issuer: str | None
    tls_subject: str | None
    max_queries: int | None
    max_updates: int | None
    max_connections: int | None
    max_user_connections: int | None
    metadata: str | None


def to_account(row: Row, variables: Mapping[str, str]) -> Account:
    """Turn a row of mysql.user into an account.

    MySQL does not mark roles. What CREATE ROLE makes, and no login can use, is one: locked, expired and without a
    password. An account that is granted to others and can log in stays a user.
    """
    user = UserRow._make(row)
    username = to_username(user.user, user.host, "mysql")
    if user.locked and user.expired and user.has_password == 0:  # None: hidden from us
        return Account(username, Kind.ROLE, {"flavour": "mysql", "user": user.user, "host": user.host})
    return Account(username, Kind.USER, _to_attributes(user, username, variables))


def _to_attributes(row: UserRow, username: str, variables: Mapping[str, str]) -> dict[str, Json]:
    always: dict[str, Json] = {
        "flavour": "mysql",
        "user": row.user,
        "host": row.host,
    }
    flags = {
        "account_locked": row.locked,
        "password_expired": row.expired,
        "has_password": row.has_password,
        "password_require_current": row.password_require_current and row.password_require_current == YES,
    }
    always |= {name: bool(flag) for name, flag in flags.items() if flag is not None}
    if row.password_lifetime is not None:
        always["password_lifetime_days"] = row.password_lifetime
    return always | keep_set(
        plugin=row.plugin,
        built_in=username in BUILT_IN,
        has_second_password=bool(row.has_second_password),
        second_factors=to_names(row.second_factors),
        password_last_changed=row.password_last_changed,
        default_password_lifetime_days=int(variables.get("default_password_lifetime", "0")),
        password_history=row.password_history,
        password_reuse_days=row.password_reuse_days,
        failed_login_attempts=int(row.failed_login_attempts or 0),
        password_lock_days=int(row.password_lock_days or 0),
        tls_requirement=row.tls,
        tls_cipher=row.tls_cipher,
        tls_issuer=row.tls_issuer,
        tls_subject=row.tls_subject,
        max_queries_per_hour=row.max_queries,
        max_updates_per_hour=row.max_updates,
        max_connections_per_hour=row.max_connections,
        max_user_connections=row.max_user_connections,
        metadata=cast("Json", json.loads(row.metadata)) if row.metadata else None,
        activate_all_roles_on_login=variables.get("activate_all_roles_on_login") == "ON",
        partial_revokes=variables.get("partial_revokes") == "ON",
    )


def to_server_grants(privileges: Privileges) -> Sequence[Held]:
    """Give the static privileges of a row of mysql.user, read off its mask."""
    return [Held(privilege, Securable(SERVER), privileges.grant_option) for privilege in privileges.names]


def to_restrictions(row: Row) -> Iterator[Held]:
    """Give a row's partial revokes: what its privileges on the whole server do not reach."""
    restrictions = cast("list[dict[str, object]]", json.loads(cast("str | None", row[3]) or "[]"))
    for restriction in restrictions:
        database = cast("str", restriction["Database"])
        for privilege in cast("list[str]", restriction["Privileges"]):
            yield Held(privilege, Securable("database", database), effect="revoke")


def to_dynamic_grants(rows: Iterable[Row], name: NameOf) -> Iterator[Holding]:
    """Rows of mysql.global_grants: user, host, privilege, grant option, which here is each privilege's own."""
    for user, host, privilege, grant_option in cast("Iterable[tuple[str, str, str, int]]", rows):
        yield name(user, host), (Held(privilege, Securable(DYNAMIC), bool(grant_option)),)


def parse_roles(text: str) -> list[Address]:
    """Read the variable mandatory_roles: names with an optional host, quoted or not, parted by commas."""
    roles: list[Address] = []
    for match in _ROLE.finditer(text):
        user, host = (_unquote(match.groups()[start : start + 4]) for start in (0, 4))
        roles.append(Address(user or "", "%" if host is None else host))
    return roles


def _unquote(alternatives: tuple[str | None, ...]) -> str | None:
    for quotes, part in zip(("`", "'", '"', ""), alternatives, strict=True):
        if part is not None:
            return part.replace(quotes * 2, quotes) if quotes else part
    return None


def add_mandatory(direct: Iterable[Holding], roles: Iterable[str], users: Iterable[str]) -> list[Holding]:
    """Make every user a member of the mandatory roles.

    Such a membership has the option MANDATORY, and GRANTED too when the account was also granted the role by itself.
    """
    given = list(direct)
    members = {(user, item.securable.object) for user, held in given for item in held if item.privilege == MEMBER}
    wanted = list(roles)
    for user in users:
        for role in wanted:
            if user == role:
                continue
            option = GRANTED if (user, role) in members else MEMBER
            securable = Securable("role", object=role)
            given.append((user, [Held(option, securable), Held(MANDATORY, securable)]))
    return given
