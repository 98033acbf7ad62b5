"""Rows of MariaDB's mysql.global_priv as accounts and what they hold on the whole server. Pure."""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast

from whalefall_pipeline.adapters.mysql.access_rows import Hosts
from whalefall_pipeline.adapters.mysql.names import PUBLIC, USAGE, to_address, to_username
from whalefall_pipeline.adapters.mysql.rows import (
    DEFAULT,
    EXTERNAL_PLUGINS,
    OPEN_WHEN_EMPTY,
    Holding,
    Row,
    keep_set,
    to_list,
)
from whalefall_pipeline.core.model import SERVER, SETS, Account, Attributes, Held, Json, Kind, Securable

BUILT_IN = frozenset({"mariadb.sys@localhost"})
TLS = {0: None, 1: "ANY", 2: "X509", 3: "SPECIFIED"}
TRUE = "true"
"""A flag of a row that is set; the server takes nothing else for it, neither 1 nor "true" as a text."""
MOST_SECONDS = 1e18
LATEST = 100_000_000_000
"""The last second at which a password is taken to have been changed: rows may hold any number."""

# The bits of `access` from 0 on (MariaDB's source, sql/privilege.h); GRANT OPTION stands among them.
BITS = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD", "SHUTDOWN", "PROCESS", "FILE",
    "GRANT OPTION", "REFERENCES", "INDEX", "ALTER", "SHOW DATABASES", "SUPER", "CREATE TEMPORARY TABLES",
    "LOCK TABLES", "EXECUTE", "REPLICATION SLAVE", "BINLOG MONITOR", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE",
    "ALTER ROUTINE", "CREATE USER", "EVENT", "TRIGGER", "CREATE TABLESPACE", "DELETE HISTORY", "SET USER",
    "FEDERATED ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN",
    "REPLICATION MASTER ADMIN", "BINLOG ADMIN", "BINLOG REPLAY", "SLAVE MONITOR", "SHOW CREATE ROUTINE",
)  # fmt: skip


def _mask(*names: str) -> int:
    return sum(1 << BITS.index(name) for name in names)


GRANT_BIT = _mask("GRANT OPTION")
SPLIT_FROM_SUPER = _mask(
    "SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN", "BINLOG ADMIN",
    "BINLOG REPLAY",
)  # fmt: skip
EVERYTHING = 2**64 - 1
FIRST_VERSION = 100400
"""Of rows of global_priv; one without a version counts as this."""
LAST_VERSION = 999999
SPLIT_VERSION = 100502
MONITOR_BIT_VERSION = 100508
MONITOR_VERSION = 100509
READ_ONLY_VERSION = 101100
PUBLIC_VERSION = 101101
SMALL_SUPER_VERSION = 110000
SHOW_CREATE_VERSION = 110300
LAST_BITS = (
    (SHOW_CREATE_VERSION, "SHOW CREATE ROUTINE"),
    (MONITOR_BIT_VERSION, "SLAVE MONITOR"),
    (SPLIT_VERSION, "BINLOG REPLAY"),
    (0, "DELETE HISTORY"),
)
"""Since which version which privilege is the last."""
_NUMBER = re.compile(r"-?\d{1,21}")
"""Of more digits so many are read: they are beyond 64 bits already."""


class PrivilegeRow(NamedTuple):
    """What the statement `accounts` says behind user, host and the password's moment; None: there is no such key.

    Many accounts have the same.
    """

    is_role: str | None
    access: str | None
    version: str | None
    default_role: str | None
    plugin: str | None
    has_password: int | None
    other_plugins: str | None
    other_paths: str | None
    other_secrets: str | None
    locked: str | None
    password_lifetime: str | None
    tls: str | None
    tls_cipher: str | None
    tls_issuer: str | None
    tls_subject: str | None
    max_queries: str | None
    max_updates: str | None
    max_connections: str | None
    max_user_connections: str | None
    max_statement_seconds: str | None


def build_accounts(
    rows: Iterable[Sequence[Any]], rests: Mapping[Hashable, Row], server_version: int
) -> list[tuple["Common", Account]]:
    """Return the accounts of what `Catalog.read_shared` gives, each with what it has in common with others."""
    common = {key: to_common(PrivilegeRow._make(rest)) for key, rest in rests.items()}
    found = [(common[key], to_account(user, host, changed, common[key])) for user, host, changed, key in rows]
    if server_version >= PUBLIC_VERSION and not any(account.username == PUBLIC for _, account in found):
        found.append((PUBLIC_WITHOUT_ROW, to_account(PUBLIC, "", None, PUBLIC_WITHOUT_ROW)))
    return found


class Common(NamedTuple):
    """What all accounts have in common of which the server says the same behind their names."""

    row: PrivilegeRow
    attributes: Attributes


def to_common(row: PrivilegeRow) -> Common:
    """Return what a row says of its accounts."""
    return Common(row, {"flavour": "mariadb"} if row.is_role == TRUE else _to_attributes(row))


PUBLIC_WITHOUT_ROW = to_common(PrivilegeRow._make([TRUE, *[None] * (len(PrivilegeRow._fields) - 1)]))
"""It is there from PUBLIC_VERSION on, but has no row before something was granted to it."""


def to_account(user: str, host: str, changed: str | None, common: Common) -> Account:
    """Turn a row of mysql.global_priv into an account; `changed` is the moment of its password."""
    username = to_username(user, host, "mariadb")
    if common.row.is_role == TRUE:
        kind = Kind.PUBLIC if username == PUBLIC else Kind.ROLE
        return Account(username, kind, {**common.attributes, "user": user, "host": ""})
    attributes: dict[str, Json] = {**common.attributes, "user": user, "host": host}
    if username in BUILT_IN:
        attributes["built_in"] = True
    if changed and _NUMBER.match(changed):
        moment = to_integer(changed)
        # zero is how MariaDB marks a password that an administrator let expire
        attributes |= {"password_last_changed": _to_text(moment)} if moment else {"password_expired": True}
    return Account(username, Kind.USER, attributes)


def _to_text(seconds: int) -> str:
    return datetime.fromtimestamp(max(0, min(seconds, LATEST)), UTC).isoformat()


def _to_attributes(row: PrivilegeRow) -> dict[str, Json]:
    ways = _list_ways(row)
    with_secret = [plugin for plugin, has_secret in ways if has_secret]
    always: dict[str, Json] = {
        "flavour": "mariadb",
        "account_locked": row.locked == TRUE,
        "password_expired": False,
        "has_password": any(plugin not in EXTERNAL_PLUGINS for plugin in with_secret),
    }
    days, tls = to_integer(row.password_lifetime, -1), to_integer(row.tls)
    if days >= 0:
        always["password_lifetime_days"] = days
    return always | keep_set(
        plugin=row.plugin,
        other_plugins=to_list(row.other_plugins),
        has_empty_password=len(ways) > 1 and any(not has and plugin in OPEN_WHEN_EMPTY for plugin, has in ways),
        has_mapped_name=any(plugin in EXTERNAL_PLUGINS for plugin in with_secret),
        tls_requirement=TLS.get(tls, str(tls)),
        tls_cipher=row.tls_cipher,
        tls_issuer=row.tls_issuer,
        tls_subject=row.tls_subject,
        max_queries_per_hour=to_integer(row.max_queries),
        max_updates_per_hour=to_integer(row.max_updates),
        max_connections_per_hour=to_integer(row.max_connections),
        max_user_connections=to_integer(row.max_user_connections),
        max_statement_seconds=_to_seconds(row.max_statement_seconds),
    )


def _list_ways(row: PrivilegeRow) -> list[tuple[str, bool]]:
    """Return the plugins, and whether the row holds something for each: a password's hash, or a name that it knows."""
    secrets = {_to_element(path) for path in to_list(row.other_secrets)}
    paths = [_to_element(path) for path in to_list(row.other_paths)]
    plugins = cast("list[str]", to_list(row.other_plugins))
    others = [(plugin, path in secrets) for plugin, path in zip(plugins, paths, strict=True)]
    return [(row.plugin or "", bool(row.has_password)), *others]


def _to_element(path: Json) -> str:
    return str(path).rpartition(".")[0]


def to_server_grants(row: PrivilegeRow, server_version: int) -> tuple[Held, ...]:
    """Return the privileges on the whole server in a row of mysql.global_priv; many rows share one value.

    `server_version` is as in `version_id`: 101119 for 10.11.19.
    """
    return _list_granted(to_integer(row.access), to_integer(row.version), server_version)


@lru_cache(SETS)
def _list_granted(bits: int, row_version: int, server_version: int) -> tuple[Held, ...]:
    access = to_effective_access(bits, row_version, server_version)
    grant_option = bool(access & GRANT_BIT)
    access &= ~GRANT_BIT
    if grant_option and not access:
        return (Held(USAGE, Securable(SERVER), grant_option=True),)
    numbers = [bit for bit in range(access.bit_length()) if access >> bit & 1]
    return tuple(Held(_name_bit(bit, server_version), Securable(SERVER), grant_option) for bit in numbers)


def find_default_roles(accounts: Iterable[tuple[Common, Account]], memberships: Iterable[Holding]) -> list[Holding]:
    """Return the default roles of accounts that are members of them, be it by the same user part of a wider host.

    One that was revoked or dropped stays in the row, and is nothing to the server.
    """
    default = [(account.username, common.row.default_role) for common, account in accounts if common.row.default_role]
    if not default:
        return []
    roles = [(username, Securable("role", object=to_username(role, "", "mariadb"))) for username, role in default]
    members = {(member, item.securable) for member, held in memberships for item in held}
    lacking = [pair for pair in roles if pair not in members]
    sought = {role for _, role in lacking}
    wider: defaultdict[tuple[str, Securable], Hosts] = defaultdict(partial(Hosts, "mariadb"))
    for member, role in members:
        if role in sought:
            user, host = to_address(member)
            wider[user, role].add(host, member)
    for username, role in lacking:
        user, host = to_address(username)
        if wider[user, role].cover(host):
            members.add((username, role))
    return [(username, (Held(DEFAULT, role),)) for username, role in roles if (username, role) in members]


def to_integer(value: str | None, otherwise: int = 0) -> int:
    """Read a JSON value as the server does, which takes the digits that a number begins with, and of no other one."""
    found = _NUMBER.match(value or "")
    return int(found[0]) if found else otherwise


def _to_seconds(value: str | None) -> float:
    return max(-MOST_SECONDS, min(float(value), MOST_SECONDS)) if value and _NUMBER.match(value) else 0.0


def _name_bit(bit: int, server_version: int) -> str:
    if server_version < SPLIT_VERSION and BITS[bit] == "BINLOG MONITOR":
        return "REPLICATION CLIENT"
    return BITS[bit]


def to_effective_access(access: int, row_version: int, server_version: int) -> int:
    """Return the bits that the server goes by, which are not those of every row.

    All bits set is how the installation writes ALL PRIVILEGES. A row whose version is none that a server writes, or
    with a bit that its version did not have, grants nothing. MariaDB 10.5.2 split SUPER and the replication privileges
    into finer ones, 10.5.9 added SLAVE MONITOR, from 10.11.0 SUPER no longer covers READ_ONLY ADMIN, and from 11.0.0
    none of what was split from it; a row from before holds what the old words meant, and one with all that its version
    had holds all. Seen on 10.11 and 11.8, for each version and bit.
    """
    if access < 0 or access >= EVERYTHING:
        return _list_known(server_version)
    version = row_version or FIRST_VERSION
    known = _list_known(min(version, max(server_version, FIRST_VERSION)))
    if not FIRST_VERSION <= version <= LAST_VERSION or access & ~known:
        return 0
    if access == known:
        return _list_known(server_version)
    if server_version < SPLIT_VERSION:
        return access
    return _upgrade(access, version, server_version)


def _upgrade(access: int, row_version: int, server_version: int) -> int:
    if row_version < SPLIT_VERSION:
        access = _split(access)
    elif row_version < MONITOR_VERSION and access & _mask("REPLICATION SLAVE ADMIN"):
        access |= _mask("SLAVE MONITOR")
    if access & _mask("SUPER"):
        if row_version < READ_ONLY_VERSION <= server_version:
            access |= _mask("READ_ONLY ADMIN")
        if row_version < SMALL_SUPER_VERSION <= server_version:
            access |= SPLIT_FROM_SUPER & ~_mask("READ_ONLY ADMIN")
            access |= _mask("REPLICATION MASTER ADMIN", "BINLOG MONITOR", "SLAVE MONITOR")
    return access


def _split(access: int) -> int:
    split = access
    if access & _mask("SUPER"):
        split |= SPLIT_FROM_SUPER
        if access & _mask("REPLICATION SLAVE"):
            split |= _mask("REPLICATION MASTER ADMIN")
    if access & _mask("BINLOG MONITOR", "REPLICATION SLAVE"):
        split |= _mask("SLAVE MONITOR")
    return split


def _list_known(version: int) -> int:
    """Return all bits that a version has."""
    last = next(name for since, name in LAST_BITS if version >= since)
    return (1 << BITS.index(last) + 1) - 1
