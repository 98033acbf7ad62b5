"""The SQL that makes and changes one role: its attributes and settings. Pure functions."""

from collections.abc import Iterator, Mapping
from typing import cast

from whalefall_pipeline.adapters.postgresql.names import quote, quote_value, split_list, to_comment
from whalefall_pipeline.adapters.postgresql.rows import NOT_SHOWN, PUBLIC
from whalefall_pipeline.core.model import Account, Json

OPTIONS = {
    "rolsuper": ("SUPERUSER", "NOSUPERUSER"),
    "rolinherit": ("INHERIT", "NOINHERIT"),
    "rolcreaterole": ("CREATEROLE", "NOCREATEROLE"),
    "rolcreatedb": ("CREATEDB", "NOCREATEDB"),
    "rolcanlogin": ("LOGIN", "NOLOGIN"),
    "rolreplication": ("REPLICATION", "NOREPLICATION"),
    "rolbypassrls": ("BYPASSRLS", "NOBYPASSRLS"),
}
NEW_ROLE: Mapping[str, Json] = {**dict.fromkeys(OPTIONS, False), "rolinherit": True, "rolconnlimit": -1}
"""What CREATE ROLE gives by itself."""

NAME_LISTS = frozenset(
    {
        *("search_path", "temp_tablespaces", "local_preload_libraries"),
        *("session_preload_libraries", "shared_preload_libraries", "unix_socket_directories"),
    }
)
"""Parameters whose value is a list of names; as one string it would be one name."""


def build_role(account: Account) -> Iterator[str]:
    """Give the statements that make a role as it is; the bootstrap superuser is there already."""
    if account.username == PUBLIC:
        yield from build_settings(account.username, {}, _settings(account))
        return
    options = " ".join(_options(NEW_ROLE, account.attributes))
    if account.attributes.get("bootstrap_superuser"):
        yield to_comment(f"{quote(account.username)} is the bootstrap superuser: it is there already")
    else:
        yield f"CREATE ROLE {quote(account.username)}{' WITH ' if options else ''}{options};"
    if account.attributes.get("rolcanlogin"):
        yield to_comment(f"the password of {quote(account.username)} is not known here")
    yield from build_settings(account.username, {}, _settings(account))


def build_role_change(before: Account, after: Account) -> Iterator[str]:
    """Give the statements that take a role's attributes and settings from one to the other."""
    options = " ".join(_options(before.attributes, after.attributes))
    if options:
        yield f"ALTER ROLE {quote(after.username)} WITH {options};"
    yield from build_settings(after.username, _settings(before), _settings(after))


def _options(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    before, after = {**NEW_ROLE, **before}, {**NEW_ROLE, **after}
    for name, (given, taken) in OPTIONS.items():
        if before.get(name) != after.get(name):
            yield given if after.get(name) else taken
    if before.get("rolconnlimit") != after.get("rolconnlimit"):
        yield f"CONNECTION LIMIT {int(cast('int', after['rolconnlimit']))}"
    if before.get("rolvaliduntil") != after.get("rolvaliduntil"):
        yield f"VALID UNTIL {quote_value(str(after.get('rolvaliduntil', 'infinity')))}"


def _settings(account: Account) -> dict[tuple[str, str], str]:
    by_database = cast("dict[str, dict[str, str]]", account.attributes.get("settings", {}))
    return {(database, name): value for database, settings in by_database.items() for name, value in settings.items()}


def build_settings(
    username: str, before: Mapping[tuple[str, str], str], after: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    """Give the statements that take settings, by database ("": all) and parameter, from one to the other."""
    role = "ALL" if username == PUBLIC else quote(username)
    for database, name in sorted(before.keys() | after.keys()):
        value = after.get((database, name))
        if value == before.get((database, name)):
            continue
        where = f" IN DATABASE {quote(database)}" if database else ""
        parameter = ".".join(map(quote, name.split(".")))
        if value is None:
            yield f"ALTER ROLE {role}{where} RESET {parameter};"
        elif value == NOT_SHOWN:
            yield to_comment(
                f"ALTER ROLE {role}{where} SET {parameter}: the value was not collected, it may be a secret"
            )
        else:
            yield f"ALTER ROLE {role}{where} SET {parameter} TO {_spell_setting(name, value)};"


def _spell_setting(name: str, value: str) -> str:
    return ", ".join(map(quote_value, split_list(value))) if name in NAME_LISTS else quote_value(value)
