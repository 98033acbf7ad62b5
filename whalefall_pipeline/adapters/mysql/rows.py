"""Catalog rows as what their grantees hold: what both servers store in the same way. Pure.

A row names its account in front (user, host); functions here take what follows, which many rows have in common.

A grant option is one of a whole row (an account on a database, a table, a routine), not of each privilege: every
privilege of the row carries it, and where there is none to carry it, `USAGE` does.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias, cast

from whalefall_pipeline.adapters.mysql.names import GRANT_OPTION, USAGE, to_privilege
from whalefall_pipeline.core.model import MEMBER, Held, Json, Securable

DEFAULT = "DEFAULT"
EXTERNAL_PLUGINS = frozenset(
    {
        "unix_socket", "auth_socket", "named_pipe", "gssapi", "pam", "auth_pam", "auth_pam_compat",
        "authentication_pam", "authentication_windows", "authentication_kerberos", "authentication_ldap_simple",
        "authentication_ldap_sasl", "authentication_openid_connect", "authentication_webauthn", "authentication_fido",
    }
)  # fmt: skip
"""Plugins that ask somebody else; what the server keeps for them maps an account to a name there, no password."""
ED25519 = "ed25519"
"""MariaDB's plugin that lets nobody in where no password is kept."""
OPEN_WHEN_EMPTY = frozenset({"mysql_native_password", "mysql_old_password", "sha256_password", "caching_sha2_password"})
"""Plugins that let in whoever gives no password where none is kept."""
NO_LOGIN_PLUGIN = "mysql_no_login"
"""What lets nobody in: such an account is there for others to be taken for it, or for routines to run as it."""
PROXY = "PROXY"
ROUTINE_SCOPES = {
    "FUNCTION": "function",
    "PROCEDURE": "procedure",
    "PACKAGE": "package",
    "PACKAGE BODY": "package_body",
    "LIBRARY": "library",
}

Row: TypeAlias = Sequence[object]
Holding: TypeAlias = tuple[str, Sequence[Held]]
"""A grantee, and what a row says that it holds; rows that say the same share it."""
NameOf: TypeAlias = Callable[[str, str], str]
"""User and host parts to the username in the inventory."""


class UnknownRowError(Exception):
    """A row holds something that this version has no word for; the text says what."""


class Privileges(NamedTuple):
    """The privileges of one row, as the server spells them, and whether they can be passed on."""

    names: tuple[str, ...]
    grant_option: bool


def to_privileges(words: Iterable[str]) -> Privileges:
    """Take the grant option out of a row's privileges."""
    spelled = [to_privilege(word) for word in words]
    names = tuple(name for name in spelled if name != GRANT_OPTION)
    grant_option = len(names) < len(spelled)
    return Privileges(names or ((USAGE,) if grant_option else ()), grant_option)


@cache
def parse_set(value: str) -> Privileges:
    """Read a SET column, `Select,Insert,Grant`."""
    return to_privileges(value.split(","))


def to_mask_reader(columns: Sequence[str]) -> Callable[[str], Privileges]:
    """Return what reads a string of Y and N, one letter for each `*_priv` column in this order."""
    words = [column.removesuffix("_priv") for column in columns]

    @cache
    def read_mask(mask: str) -> Privileges:
        return to_privileges(word for word, letter in zip(words, mask, strict=True) if letter == "Y")

    return read_mask


def to_database_grants(database: str, privileges: Privileges) -> tuple[Held, ...]:
    """Return what a row of mysql.db gives on a database, or on those that the name is a pattern of."""
    return _hold(privileges, Securable("database", database))


def to_table_grants(database: str, table: str, privileges: str) -> tuple[Held, ...]:
    """Return what a row of mysql.tables_priv gives; the last is a set."""
    return _hold(parse_set(privileges), Securable("table", database, "", table))


def to_column_grants(database: str, table: str, column: str, privileges: str) -> tuple[Held, ...]:
    """Return what a row of mysql.columns_priv gives; the last is a set. Options are the table's."""
    return _hold(parse_set(privileges), Securable("column", database, "", table, column))


def to_routine_grants(database: str, routine: str, kind: str, privileges: str) -> tuple[Held, ...]:
    """Return what a row of mysql.procs_priv gives; the last is a set. Raises UnknownRowError."""
    if kind not in ROUTINE_SCOPES:
        raise UnknownRowError(f"mysql.procs_priv has a routine_type {kind}, which is not known here")
    return _hold(parse_set(privileges), Securable(ROUTINE_SCOPES[kind], database, "", routine))


def to_proxy_grants(user: str, host: str, with_grant: int) -> tuple[Held, ...]:
    """Return what a row of mysql.proxies_priv gives: the user and host that its account may be."""
    return (Held(PROXY, Securable("proxy", object=f"{user}@{host}"), bool(with_grant)),)


def to_membership(name: NameOf, user: str, host: str, admin: int) -> tuple[Held, ...]:
    """Return what a row of role_edges or roles_mapping gives: the user and host of a role."""
    return (Held(MEMBER, Securable("role", object=name(user, host)), bool(admin)),)


def to_default_role(name: NameOf, user: str, host: str) -> tuple[Held, ...]:
    """Return what a row of default_roles gives: the user and host of a role."""
    return (Held(DEFAULT, Securable("role", object=name(user, host))),)


def _hold(privileges: Privileges, securable: Securable) -> tuple[Held, ...]:
    return tuple(Held(privilege, securable, privileges.grant_option) for privilege in privileges.names)


def keep_set(**values: Json) -> dict[str, Json]:
    """Leave out what is not set: nothing, an empty text or list, a zero limit, a flag that is off."""
    return {name: value for name, value in values.items() if value}


def to_list(document: str | None) -> list[Json]:
    """Read a JSON list; of a single value, as JSON_SEARCH returns one that it finds once, a list of it."""
    found = cast("Json", json.loads(document)) if document else []
    return found if isinstance(found, list) else [found]


def to_setting(value: str) -> Json:
    """Read a variable's text: a flag, a whole number, or else the text."""
    if value in {"ON", "OFF"}:
        return value == "ON"
    return int(value) if value.isascii() and value.isdigit() else value
