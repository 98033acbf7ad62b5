"""Catalog rows as what their grantees hold: what both servers store in the same way. Pure.

A grant option is one of a whole row (an account on a database, a table, a routine), not of each privilege: every
privilege of the row carries it, and where there is none to carry it, `USAGE` does.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
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
"""A grantee, and what a row says that it holds; many rows say the same, and share it."""
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


def to_database_grants(rows: Iterable[Row], name: NameOf, read_mask: Callable[[str], Privileges]) -> Iterator[Holding]:
    """Yield what rows of mysql.db hold: user, host, database pattern, mask."""

    @cache
    def hold(mask: str, database: str) -> tuple[Held, ...]:
        return _hold(read_mask(mask), Securable("database", database))

    for user, host, database, mask in cast("Iterable[tuple[str, str, str, str]]", rows):
        yield name(user, host), hold(mask, database)


def to_table_grants(rows: Iterable[Row], name: NameOf) -> Iterator[Holding]:
    """Yield what rows of mysql.tables_priv hold: user, host, database, table, set."""

    @cache
    def hold(privileges: str, database: str, table: str) -> tuple[Held, ...]:
        return _hold(parse_set(privileges), Securable("table", database, "", table))

    for user, host, database, table, privileges in cast("Iterable[tuple[str, str, str, str, str]]", rows):
        yield name(user, host), hold(privileges, database, table)


def to_column_grants(rows: Iterable[Row], name: NameOf) -> Iterator[Holding]:
    """Yield what rows of mysql.columns_priv hold: user, host, database, table, column, set. Options are the table's."""
    for user, host, database, table, column, privileges in cast("Iterable[tuple[str, str, str, str, str, str]]", rows):
        yield name(user, host), _hold(parse_set(privileges), Securable("column", database, "", table, column))


def to_routine_grants(rows: Iterable[Row], name: NameOf) -> Iterator[Holding]:
    """Yield what rows of mysql.procs_priv hold: user, host, database, routine, type, set. Raises UnknownRowError."""
    for user, host, database, routine, kind, privileges in cast("Iterable[tuple[str, str, str, str, str, str]]", rows):
        if kind not in ROUTINE_SCOPES:
            raise UnknownRowError(f"mysql.procs_priv has a routine_type {kind}, which is not known here")
        securable = Securable(ROUTINE_SCOPES[kind], database, "", routine)
        yield name(user, host), _hold(parse_set(privileges), securable)


def to_proxy_grants(rows: Iterable[Row], name: NameOf) -> Iterator[Holding]:
    """Yield what rows of mysql.proxies_priv hold: user, host, proxied user, proxied host, with grant."""
    for user, host, proxied_user, proxied_host, with_grant in cast("Iterable[tuple[str, str, str, str, int]]", rows):
        securable = Securable("proxy", object=f"{proxied_user}@{proxied_host}")
        yield name(user, host), (Held(PROXY, securable, bool(with_grant)),)


def to_memberships(rows: Iterable[Row], name: NameOf) -> Iterator[Holding]:
    """Yield what rows of role_edges or roles_mapping hold: member's user and host, role's user and host, admin."""

    @cache
    def hold(role: str, host: str, admin: int) -> tuple[Held, ...]:
        return (Held(MEMBER, Securable("role", object=name(role, host)), bool(admin)),)

    for user, host, role_user, role_host, admin in cast("Iterable[tuple[str, str, str, str, int]]", rows):
        yield name(user, host), hold(role_user, role_host, admin)


def to_default_roles(rows: Iterable[Row], name: NameOf) -> Iterator[Holding]:
    """Yield what rows of mysql.default_roles hold: user, host, role's user and host."""
    for user, host, role_user, role_host in cast("Iterable[tuple[str, str, str, str]]", rows):
        yield name(user, host), (Held(DEFAULT, Securable("role", object=name(role_user, role_host))),)


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
