"""What lets an account of MySQL or MariaDB become more than it is. Pure; tried on MariaDB 10.11, 11.8 and MySQL 9.7.

Left out, since they were tried and lead nowhere: GRANT OPTION on the whole server passes on only what one has; a PROXY
grant without a plugin that maps; CREATE VIEW or CREATE ROUTINE alone, for a definer is oneself.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from whalefall_pipeline.adapters.mysql.access_links import ROLE_ADMIN, SYSTEM_USER, find_proxies, may_map
from whalefall_pipeline.adapters.mysql.access_lookup import Asked, Given, Lookup
from whalefall_pipeline.adapters.mysql.access_rows import HostsOfUsers
from whalefall_pipeline.adapters.mysql.access_sources import BY, NO_ROLE
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC
from whalefall_pipeline.adapters.mysql.names import Flavour
from whalefall_pipeline.adapters.mysql.rules import RULES
from whalefall_pipeline.core.access.model import Danger, Wanted
from whalefall_pipeline.core.model import SERVER, Held, Kind
from whalefall_pipeline.core.rules import SUPERUSER

SYSTEM = "mysql"
UNPROTECTED = f"any account without {SYSTEM_USER}"
WRITING = frozenset({"INSERT", "UPDATE"})
GRANT_TABLES = frozenset(
    {"user", "global_priv", "global_grants", "db", "role_edges", "roles_mapping", "tables_priv", "proxies_priv"}
)
PLAIN_TABLES = frozenset({"user", "global_priv"})
"""Those with a row for each account, in which few columns decide on what it may, or on who it is."""
STORED_TABLES: Mapping[Flavour, frozenset[str]] = {"mysql": frozenset(), "mariadb": frozenset({"proc", "event"})}
"""Those with a row for each routine or event; who writes what it does, or as whom it runs, acts as anybody."""
STORED = frozenset({"definer", "body"})
TAKING_COLUMNS = frozenset({"user", "host", "authentication_string", "plugin", "user_attributes"})
"""Who changes these of an administrator's row logs in as one; a new row without privileges is worth nothing."""


class Way(NamedTuple):
    """What a privilege on the whole server is good for: how bad, what is done, and whether SYSTEM_USER bounds it."""

    rank: int
    step: str
    is_bounded: bool = True


PASSWORD = Way(1, "ALTER USER of an administrator, IDENTIFIED BY a password of one's own")
DEFINER = Way(2, "CREATE DEFINER = an administrator, PROCEDURE, where one has CREATE ROUTINE")
WAYS: Mapping[Flavour, Mapping[str, Way]] = {
    "mysql": {
        "CREATE USER": PASSWORD,
        ROLE_ADMIN: Way(1, "GRANT an administrator to oneself as a role, SET ROLE"),
        "SET_ANY_DEFINER": DEFINER,
        "SET_USER_ID": DEFINER,
    },
    "mariadb": {"CREATE USER": PASSWORD._replace(is_bounded=False), "SET USER": DEFINER._replace(is_bounded=False)},
}
FILES = Way(3, "LOAD_FILE and INTO OUTFILE on any file of the server's operating system user")
STORE = Way(2, "write a routine or an event of its own that runs as an administrator")
LOGINS = 5
"""The rank of what leads to another account only."""
WRITE = Way(1, "write rows of its own into the grant tables, which hold from FLUSH PRIVILEGES or the next start on")


def list_dangerous() -> Sequence[Wanted]:
    """Return the grants that are looked at."""
    databases = [Wanted("database", None, "", "", "", privilege) for privilege in sorted(WRITING)]
    return [Wanted(SERVER), Wanted(DYNAMIC), *databases, Wanted("table", SYSTEM, ""), Wanted("column", SYSTEM, "")]


def find_dangers(lookup: Lookup) -> Iterator[Danger]:
    """Yield the dangers of all accounts, those of superusers too."""
    now = lookup.population.now or datetime.now(UTC)
    items = lookup.find_held(lambda item: _is_dangerous(lookup, item))
    superusers = _find_superusers(lookup, now)
    bounded = UNPROTECTED if all(_is_protected(lookup, username) for username in superusers) else ""
    dangerous = _group_dangerous(lookup, items, superusers)
    for username, state in lookup.accounts.items():
        has_own = username in superusers or not state.held.isdisjoint(items)
        first = _find_first_step(lookup, username) if has_own else ""
        for reason in superusers.get(username, ()):
            yield Danger(username, "", 0, reason, first)
        lenders = dict(lookup.list_lenders(username, dangerous))
        for lender, step in lenders.items():
            for reason in superusers.get(lender, ()):
                yield Danger(username, "", 0, f"{reason}{BY}{lender}", step)
        held = _list_held(lookup, username, items, lookup.list_wider(username, dangerous), lenders)
        for given in _list_counting(lookup, username, held):
            yield from _to_dangers(lookup, username, given, bounded, first)
    yield from _find_taken_by_login(lookup, superusers)


def _is_on_server(item: Held) -> bool:
    return item.securable.scope in {SERVER, DYNAMIC}


def _find_first_step(lookup: Lookup, username: str) -> str:
    """Return what a login does to have its own privileges on the server, in whose place others are: see `Lookup`."""
    if lookup.find_active_role(username) is None:
        return ""
    return NO_ROLE if any(not step for _, step in lookup.list_lenders(username)) else ""


def _group_dangerous(lookup: Lookup, items: frozenset[Held], superusers: Collection[str]) -> HostsOfUsers:
    """Return the accounts that have by themselves what others of their user part may have by their rows."""
    return lookup.group_hosts(lambda name: name in superusers or not lookup.accounts[name].held.isdisjoint(items))


def _list_held(
    lookup: Lookup, username: str, items: frozenset[Held], wider: Iterable[str], lenders: Collection[str]
) -> Iterator[Given]:
    """Yield those of these grants that may hold for an account: its own, and on objects those of wider hosts."""
    state = lookup.accounts[username]
    yield from (Given(username, item) for item in state.held & items)
    if state.account.kind is Kind.USER:
        for giver in wider:
            for item in lookup.accounts[giver].held & items:
                if giver in lenders or not _is_on_server(item):
                    yield Given(giver, item)


def _list_counting(lookup: Lookup, username: str, found: Iterable[Given]) -> Iterator[Given]:
    """Yield what the server goes by, be it after SET ROLE: a row of mysql.db may stand behind another one."""
    chosen: dict[str, set[Given]] = {}
    for given in found:
        if given.held.securable.scope == "database":
            privilege = given.held.privilege
            if privilege not in chosen:
                chosen[privilege] = _choose(lookup, username, Asked(privilege, SYSTEM))
            if given not in chosen[privilege]:
                continue
        yield given


def _choose(lookup: Lookup, username: str, asked: Asked) -> set[Given]:
    chosen = lookup.choose_of_roles([username], asked)
    is_login = lookup.accounts[username].account.kind is Kind.USER
    return chosen | lookup.choose_of_login(username, asked) if is_login else chosen


def _find_superusers(lookup: Lookup, now: datetime) -> Mapping[str, Sequence[str]]:
    """Return who is a superuser by itself, with the reasons: of few, for who holds nothing on the server is none."""
    on_server = lookup.find_held(lambda item: item.securable.scope == SERVER)
    attributes = lookup.population.attributes
    found = {
        username: RULES.own_capabilities(state, now, attributes).get(SUPERUSER, [])
        for username, state in lookup.accounts.items()
        if not state.held.isdisjoint(on_server)
    }
    return {username: why for username, why in found.items() if why}


def _find_taken_by_login(lookup: Lookup, superusers: Collection[str]) -> Iterator[Danger]:
    """Yield who may log in as another account by PROXY; of a superuser the way to that tells."""
    proxies = lookup.find_held(lambda item: item.securable.scope == "proxy" and item.effect == "grant")
    for username, state in lookup.accounts.items():
        if not state.held.isdisjoint(proxies) and may_map(lookup, username):
            for link in find_proxies(lookup, username, sorted(state.held & proxies)):
                if link.target not in superusers:
                    words, step = link.words, link.step
                    yield Danger(username, link.target, LOGINS, words, step, link.held, link.since, own=True)


def _is_dangerous(lookup: Lookup, item: Held) -> bool:
    if item.effect != "grant":
        return False
    scope, database, _, name, column = item.securable
    if scope in {SERVER, DYNAMIC}:
        return item.privilege in {*WAYS[lookup.flavour], *WRITING, "FILE"}
    if item.privilege not in WRITING:
        return False
    if scope == "database":
        return lookup.naming.means(database, SYSTEM)
    return scope in {"table", "column"} and database == SYSTEM and _is_of_grants(lookup, name, column, item.privilege)


def _is_of_grants(lookup: Lookup, table: str, column: str, privilege: str) -> bool:
    """Whether to write a table of the database mysql, or a column of it, is to decide on what somebody may."""
    if table in STORED_TABLES[lookup.flavour]:
        return not column or column.lower() in STORED
    if table not in GRANT_TABLES:
        return False
    return not column or table not in PLAIN_TABLES or _decides(column.lower(), privilege)


def _decides(column: str, privilege: str) -> bool:
    """Whether to write a column of an account's row is to decide on what it may, or on who it is."""
    return column == "priv" or column.endswith("_priv") or (privilege == "UPDATE" and column in TAKING_COLUMNS)


def _to_dangers(lookup: Lookup, username: str, given: Given, bounded: str, first: str) -> Iterator[Danger]:
    giver, item = given
    on_server = _is_on_server(item)
    way = WAYS[lookup.flavour].get(item.privilege) if on_server else None
    if item.privilege in WRITING:
        is_kept_out = on_server and item.privilege in lookup.find_restricted(username, SYSTEM)
        kind = STORE if item.securable.object in STORED_TABLES[lookup.flavour] else WRITE
        way = None if is_kept_out else kind._replace(is_bounded=False)
    elif item.privilege == "FILE":
        way = FILES._replace(is_bounded=False) if lookup.population.attributes.get("secure_file_priv") == "" else None
    if way is None:
        return
    is_bounded = way.is_bounded and not _is_protected(lookup, username)
    words = f"{item.privilege} on {'*.*' if on_server else item.securable}{BY + giver if giver != username else ''}"
    since = lookup.population.find_since(giver, item)
    step = f"{first}, {way.step}" if first and on_server and giver == username else way.step
    yield Danger(username, bounded if is_bounded else "", way.rank, words, step, item, since)


def _is_protected(lookup: Lookup, username: str) -> bool:
    """Whether an account has SYSTEM_USER, by itself or by a role: only those that have it may change it."""
    return any(
        item.privilege == SYSTEM_USER
        for name in lookup.find_nested(username)
        if name in lookup.accounts
        for item in lookup.accounts[name].held
        if item.securable.scope == DYNAMIC
    )
