"""Rows of MySQL's mysql.user as accounts and what they hold on the whole server. Pure."""

import json
import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from whalefall_pipeline.adapters.mysql.names import Address, to_username
from whalefall_pipeline.adapters.mysql.rows import EXTERNAL_PLUGINS, Privileges, Row, keep_set, to_list
from whalefall_pipeline.core.model import SERVER, SETS, Account, Attributes, Held, Json, Kind, Securable

BUILT_IN = frozenset({"mysql.infoschema@localhost", "mysql.session@localhost", "mysql.sys@localhost"})
DYNAMIC = "dynamic"
YES = "Y"
MANDATORY = "MANDATORY"
GRANTED = "GRANTED"

KIND = "account_kind"
ATTRIBUTES = {
    "plugin": ("plugin", "has_password", "has_mapped_name"),
    "authentication_string": ("has_password", "has_mapped_name"),
    "account_locked": ("account_locked",),
    "password_expired": ("password_expired",),
    "password_last_changed": ("password_last_changed",),
    "password_lifetime": ("password_lifetime_days",),
    "Password_reuse_history": ("password_history",),
    "Password_reuse_time": ("password_reuse_days",),
    "Password_require_current": ("password_require_current",),
    "User_attributes": (
        "has_second_password", "second_factors", "failed_login_attempts", "password_lock_days", "metadata",
    ),
    "ssl_type": ("tls_requirement",),
    "ssl_cipher": ("tls_cipher",),
    "x509_issuer": ("tls_issuer",),
    "x509_subject": ("tls_subject",),
    "max_questions": ("max_queries_per_hour",),
    "max_updates": ("max_updates_per_hour",),
    "max_connections": ("max_connections_per_hour",),
    "max_user_connections": ("max_user_connections",),
}  # fmt: skip
"""Columns of mysql.user that a login may not be shown, and the attributes that come of them."""
SINCE = {"Password_require_current": 80013, "User_attributes": 80014}
"""Versions that brought columns; all others are in 8.0 from the beginning."""

_PART = r"(?:`((?:[^`]|``)*)`|'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"|([^,@\s]+))"
_ROLE = re.compile(rf"\s*{_PART}(?:@{_PART})?\s*(?:,|$)")


class UserRow(NamedTuple):
    """What the statement `accounts` says behind user, host and the password's moment; None: there is no such column.

    Many accounts have the same.
    """

    mask: str
    restrictions: str | None
    plugin: str | None
    has_secret: int | None
    has_second_password: int | None
    second_factors: str | None
    locked: int | None
    expired: int | None
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


def find_hidden(visible: Collection[str], version: int) -> list[str]:
    """Return the columns of mysql.user that accounts are made of and that this login is not shown."""
    return [column for column in ATTRIBUTES if column not in visible and SINCE.get(column, 0) <= version]


def build_accounts(
    rows: Iterable[Sequence[Any]], rests: Mapping[Hashable, Row], hidden: Collection[str]
) -> list[tuple["Common", Account]]:
    """Return the accounts of what `Catalog.read_shared` gives, each with what it has in common with others."""
    common = {key: to_common(UserRow._make(rest), hidden) for key, rest in rests.items()}
    return [(common[key], to_account(user, host, changed, common[key])) for user, host, changed, key in rows]


class Common(NamedTuple):
    """What all accounts have in common of which the server says the same behind their names."""

    row: UserRow
    kind: Kind
    attributes: Attributes
    unseen: frozenset[str] = frozenset()


def to_account(user: str, host: str, changed: str | None, common: Common) -> Account:
    """Turn a row of mysql.user into an account; `changed` is the moment of its password."""
    username = to_username(user, host, "mysql")
    attributes: dict[str, Json] = {**common.attributes, "user": user, "host": host}
    if common.kind is Kind.USER:
        attributes |= keep_set(built_in=username in BUILT_IN, password_last_changed=changed)
    return Account(username, common.kind, attributes, common.unseen)


def to_common(row: UserRow, hidden: Collection[str] = ()) -> Common:
    """Return what a row says of its accounts; `hidden` are the columns that are null since they are not shown.

    MySQL does not mark roles. What CREATE ROLE makes, and no login can use, is one: locked, expired and without a
    password. An account that is granted to others and can log in stays a user. Of one that may be either, for what is
    not shown, nothing but its name is observed.
    """
    if row.has_secret is None and "authentication_string" not in hidden:
        row = row._replace(has_secret=0)  # the column is null, as where a row was written by hand
    signs = (row.locked, row.expired, None if row.has_secret is None else not row.has_secret)
    if all(signs):
        return Common(row, Kind.ROLE, {"flavour": "mysql"})
    is_user = any(sign is not None and not sign for sign in signs)
    unseen = {name for column in hidden for name in ATTRIBUTES[column]}
    if not is_user:
        unseen = {KIND, *(name for names in ATTRIBUTES.values() for name in names)}
    return Common(row, Kind.USER, _to_attributes(row), frozenset(unseen))


def _to_attributes(row: UserRow) -> dict[str, Json]:
    is_external = row.plugin in EXTERNAL_PLUGINS
    flags = {
        "account_locked": row.locked,
        "password_expired": row.expired,
        "has_password": None if row.has_secret is None else row.has_secret and not is_external,
        "password_require_current": row.password_require_current and row.password_require_current == YES,
    }
    always: dict[str, Json] = {"flavour": "mysql"}
    always |= {name: bool(flag) for name, flag in flags.items() if flag is not None}
    if row.password_lifetime is not None:
        always["password_lifetime_days"] = row.password_lifetime
    return always | keep_set(
        plugin=row.plugin,
        has_mapped_name=bool(row.has_secret and is_external),
        has_second_password=bool(row.has_second_password),
        second_factors=to_list(row.second_factors),
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
    )


@lru_cache(SETS)
def to_server_grants(privileges: Privileges) -> tuple[Held, ...]:
    """Return the static privileges of a row of mysql.user, read off its mask."""
    return tuple(Held(privilege, Securable(SERVER), privileges.grant_option) for privilege in privileges.names)


def to_restrictions(document: str) -> Iterator[Held]:
    """Yield a row's partial revokes: what its privileges on the whole server do not reach."""
    for restriction in cast("list[dict[str, object]]", json.loads(document)):
        database = cast("str", restriction["Database"])
        for privilege in cast("list[str]", restriction["Privileges"]):
            yield Held(privilege, Securable("database", database), effect="revoke")


def to_dynamic_grants(privilege: str, grant_option: int) -> tuple[Held, ...]:
    """Return what a row of mysql.global_grants gives; the grant option is here each privilege's own.

    A privilege is stored as it was typed, and means the same in every case.
    """
    return (Held(privilege.upper(), Securable(DYNAMIC), bool(grant_option)),)


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
