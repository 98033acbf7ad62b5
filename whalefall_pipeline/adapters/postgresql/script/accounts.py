"""The SQL that makes and changes one role: its attributes, settings and memberships. Pure functions."""

from collections.abc import Iterator, Mapping
from typing import cast

from whalefall_pipeline.adapters.postgresql.names import quote, quote_value, split_list, to_comment
from whalefall_pipeline.core.model import Account, AccountState, Json, Kind, Membership

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

OPTIONS_OF_GRANT = frozenset({"SET", "INHERIT"})
BUILT_IN_MEMBERSHIPS = frozenset(
    Membership("pg_monitor", role, "", admin_option=False, options=OPTIONS_OF_GRANT)
    for role in ("pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables")
)
"""Those that every server has."""


def build_role(account: Account) -> Iterator[str]:
    """Yield the statements that make a role as it is; the bootstrap superuser and predefined roles are there."""
    if account.kind in (Kind.PUBLIC, Kind.PREDEFINED):
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
    """Yield the statements that take a role's attributes and settings from one to the other."""
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
    """Yield the statements that take settings, by database ("": all) and parameter, from one to the other."""
    role = quote(username)
    for database, name in sorted(before.keys() | after.keys()):
        value = after.get((database, name))
        if value == before.get((database, name)):
            continue
        where = f" IN DATABASE {quote(database)}" if database else ""
        parameter = ".".join(map(quote, name.split(".")))
        if value is None:
            yield f"ALTER ROLE {role}{where} RESET {parameter};"
        elif "." in name:
            yield to_comment(
                f"ALTER ROLE {role}{where} SET {parameter}: its value is not known here, it may be a secret"
            )
        else:
            yield f"ALTER ROLE {role}{where} SET {parameter} TO {_to_setting_sql(name, value)};"


def _to_setting_sql(name: str, value: str) -> str:
    if name not in NAME_LISTS:
        return quote_value(value)
    return ", ".join(map(quote_value, split_list(value))) or "''"  # of an empty list SET … FROM CURRENT keeps no name


def build_memberships(before: AccountState | None, after: AccountState) -> Iterator[str]:
    """Yield the statements that take an account's memberships from one state to the other."""
    old = {membership.role: membership for membership in before.memberships} if before else {}
    new = {membership.role: membership for membership in after.memberships}
    if before is None:
        new = {role: membership for role, membership in new.items() if membership not in BUILT_IN_MEMBERSHIPS}
    member = quote(after.account.username)
    for role in sorted(old.keys() - new.keys()):
        yield _take_from_others(role, after.account.username)
        yield f"REVOKE {quote(role)} FROM {member};"
    for role, membership in sorted(new.items()):
        earlier = old.get(role)
        if earlier == membership:
            continue
        loses_admin = bool(earlier and earlier.admin_option and not membership.admin_option)
        if earlier and (loses_admin or earlier.options - membership.options):
            yield _take_from_others(role, after.account.username)
        if loses_admin:
            yield f"REVOKE ADMIN OPTION FOR {quote(role)} FROM {member};"
        yield _build_membership(membership, _usual_options(after), earlier)


def _take_from_others(role: str, member: str) -> str:
    """Build what revokes a membership that others than the bootstrap superuser gave.

    From 16 on each grantor's is one of its own, and a superuser's REVOKE takes only the bootstrap superuser's.
    """
    oid = "(SELECT oid FROM pg_roles WHERE rolname = {})"
    givers = (
        "SELECT quote_ident(rolname) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.grantor"
        f" WHERE m.roleid = {oid.format(quote_value(role))} AND m.member = {oid.format(quote_value(member))}"
        " AND m.grantor <> 10 AND current_setting('server_version_num')::int >= 160000"
    )
    revoke = quote_value(f"REVOKE {quote(role)} FROM {quote(member)} GRANTED BY ")
    body = f"DECLARE giver text; BEGIN FOR giver IN {givers} LOOP EXECUTE {revoke} || giver; END LOOP; END"
    return f"DO {quote_value(body)};"


def _usual_options(state: AccountState) -> frozenset[str]:
    """Return what GRANT gives by itself, and what every membership has before 16."""
    inherits = bool(state.account.attributes.get("rolinherit", True))
    return OPTIONS_OF_GRANT if inherits else frozenset({"SET"})


def _build_membership(membership: Membership, usual: frozenset[str], earlier: Membership | None) -> str:
    """Build a GRANT; the options of 16 only where every version's GRANT would not give the same."""
    what = f"GRANT {quote(membership.role)} TO {quote(membership.member)}"
    if membership.options == usual and (earlier is None or earlier.options == usual):
        return f"{what}{' WITH ADMIN OPTION' if membership.admin_option else ''};"
    options = {
        "ADMIN": membership.admin_option,
        "INHERIT": "INHERIT" in membership.options,
        "SET": "SET" in membership.options,
    }
    spelled = ", ".join(f"{name} {str(held).upper()}" for name, held in options.items())
    grant = f"{what} WITH {spelled}"
    if membership.options != usual or earlier is None:
        return f"{grant};"
    # Before 16 ALTER ROLE … INHERIT has changed it already; from 16 on it leaves memberships that are there alone.
    guard = "IF current_setting('server_version_num')::int >= 160000 THEN"
    return f"DO {quote_value(f'BEGIN {guard} EXECUTE {quote_value(grant)}; END IF; END')};"
