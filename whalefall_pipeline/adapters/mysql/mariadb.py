"""Rows of MariaDB's mysql.global_priv as accounts and what they hold on the whole server. Pure."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, cast

from whalefall_pipeline.adapters.mysql.names import PUBLIC, USAGE, to_username
from whalefall_pipeline.adapters.mysql.rows import DEFAULT, EXTERNAL_PLUGINS, Row, keep_set, to_list
from whalefall_pipeline.core.model import SERVER, SETS, Account, Held, Json, Kind, Securable

BUILT_IN = frozenset({"mariadb.sys@localhost"})
TLS = {"1": "ANY", "2": "X509", "3": "SPECIFIED"}

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
_NUMBER = re.compile(r"(-?\d+)(?:\.\d+)?")


class PrivilegeRow(NamedTuple):
    """The columns of the statement `accounts`, in its order; None where the document has no such key."""

    user: str
    host: str
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
    password_last_changed: str | None
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


def add_public(rows: Sequence[Row], server_version: int) -> Sequence[Row]:
    """PUBLIC is there from 10.11 on, but has no row before something was granted to it."""
    if server_version < PUBLIC_VERSION or any(row[:2] == (PUBLIC, "") for row in rows):
        return rows
    empty = dict.fromkeys(PrivilegeRow._fields)
    return [*rows, tuple((empty | {"user": PUBLIC, "host": "", "is_role": "1"}).values())]


def to_account(row: Row) -> Account:
    """Turn a row of mysql.global_priv into an account."""
    user = PrivilegeRow._make(row)
    username = to_username(user.user, user.host, "mariadb")
    if user.is_role == "1":
        kind = Kind.PUBLIC if username == PUBLIC else Kind.ROLE
        return Account(username, kind, {"flavour": "mariadb", "user": user.user, "host": ""})
    return Account(username, Kind.USER, _to_attributes(user, username))


def _to_attributes(row: PrivilegeRow, username: str) -> dict[str, Json]:
    changed = int(row.password_last_changed) if row.password_last_changed else None
    with_secret = _list_with_secret(row)
    always: dict[str, Json] = {
        "flavour": "mariadb",
        "user": row.user,
        "host": row.host,
        "account_locked": row.locked == "1",
        "password_expired": changed == 0,  # how MariaDB marks a password that an administrator let expire
        "has_password": any(plugin not in EXTERNAL_PLUGINS for plugin in with_secret),
    }
    if row.password_lifetime not in {None, "-1"}:
        always["password_lifetime_days"] = int(row.password_lifetime or 0)
    return always | keep_set(
        plugin=row.plugin,
        other_plugins=to_list(row.other_plugins),
        has_mapped_name=any(plugin in EXTERNAL_PLUGINS for plugin in with_secret),
        built_in=username in BUILT_IN,
        password_last_changed=datetime.fromtimestamp(changed, UTC).isoformat() if changed else None,
        tls_requirement=TLS.get(row.tls or "", row.tls if row.tls != "0" else None),
        tls_cipher=row.tls_cipher,
        tls_issuer=row.tls_issuer,
        tls_subject=row.tls_subject,
        max_queries_per_hour=int(row.max_queries or 0),
        max_updates_per_hour=int(row.max_updates or 0),
        max_connections_per_hour=int(row.max_connections or 0),
        max_user_connections=int(row.max_user_connections or 0),
        max_statement_seconds=float(row.max_statement_seconds or 0),
    )


def _list_with_secret(row: PrivilegeRow) -> list[str]:
    """Return the plugins for which the row holds something: a password's hash, or a name that the plugin knows."""
    found = [row.plugin or ""] if row.has_password else []
    secrets = {_to_element(path) for path in to_list(row.other_secrets)}
    paths = [_to_element(path) for path in to_list(row.other_paths)]
    plugins = cast("list[str]", to_list(row.other_plugins))
    return found + [plugin for plugin, path in zip(plugins, paths, strict=True) if path in secrets]


def _to_element(path: Json) -> str:
    return str(path).rpartition(".")[0]


def to_server_grants(row: Row, server_version: int) -> tuple[Held, ...]:
    """Return the privileges on the whole server in a row of mysql.global_priv; many rows share one value.

    `server_version` is as in `version_id`: 101119 for 10.11.19.
    """
    user = PrivilegeRow._make(row)
    return _list_granted(to_integer(user.access), to_integer(user.version), server_version)


@lru_cache(SETS)
def _list_granted(access: int, row_version: int, server_version: int) -> tuple[Held, ...]:
    access = to_effective_access(access, row_version, server_version)
    grant_option = bool(access & GRANT_BIT)
    bits = access & ~GRANT_BIT
    if grant_option and not bits:
        return (Held(USAGE, Securable(SERVER), grant_option=True),)
    numbers = [bit for bit in range(bits.bit_length()) if bits >> bit & 1]
    return tuple(Held(_name_bit(bit, server_version), Securable(SERVER), grant_option) for bit in numbers)


def to_default_role(row: Row) -> Iterator[Held]:
    """Yield the default role in a row of mysql.global_priv."""
    role = PrivilegeRow._make(row).default_role
    if role:
        yield Held(DEFAULT, Securable("role", object=to_username(role, "", "mariadb")))


def to_integer(value: str | None) -> int:
    """Read a JSON value as the server does, which takes a number's whole part, and anything else for zero."""
    found = _NUMBER.fullmatch(value or "")
    return int(found[1]) if found else 0


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
