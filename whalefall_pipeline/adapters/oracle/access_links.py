"""Who has, or may take, what another account has: roles, PUBLIC, proxies, accounts that one may alter. Pure.

Sources: Database Security Guide, "Managing User Roles" (default roles, roles with a password, SET ROLE) and
"Middle-Tier Server Use for Proxy Authentication"; SQL Language Reference, "ALTER USER", "SET ROLE".
"""

from collections.abc import Iterator

from whalefall_pipeline.adapters.oracle.rules import PUBLIC
from whalefall_pipeline.core.access.model import Link, Population
from whalefall_pipeline.core.model import MEMBER, SERVER, Held, Kind, is_of_role
from whalefall_pipeline.core.states import find_held

ANY_USER, ANY_ROLE = "\0any user", "\0any role"
_BY_PASSWORD, _BY_PACKAGE = "PASSWORD", "APPLICATION"
_ALL_ROLES = "PROXY MAY ACTIVATE ALL CLIENT ROLES"
_THESE_ROLES, _OTHER_ROLES = "PROXY MAY ACTIVATE ROLE", "PROXY MAY NOT ACTIVATE ROLE"
"""AUTHORIZATION_CONSTRAINT of DBA_PROXIES."""
_PROXIED = "\0proxied\0"


def to_proxied(proxy: str, client: str) -> str:
    """Return the place of a client, with some of its roles, for a proxy of it. `find_proxied` undoes it."""
    return f"{_PROXIED}{proxy}\0{client}"


def find_proxied(place: str) -> str:
    """Return whose grants count at a place: a proxy's client's; any other name as it is."""
    return place.rpartition("\0")[2] if place.startswith(_PROXIED) else place


def find_links(population: Population) -> Iterator[Link]:
    """Yield all links of a population."""
    accounts = population.accounts
    wanted = find_held(accounts, _has_links)
    has_public = PUBLIC in accounts and bool(accounts[PUBLIC].held)
    for username, state in accounts.items():
        if has_public and state.account.kind is Kind.USER:
            yield Link(username, PUBLIC, "everybody (PUBLIC)")
        own = state.held & wanted
        if own:
            yield from _list_own(population, username, own)
    yield from _list_any(population, wanted)


def _has_links(item: Held) -> bool:
    return (
        is_of_role(item)
        or item.securable.scope in ("proxy", "proxy_role")
        or item.privilege in ("ALTER USER", "GRANT ANY ROLE")
    )


def _list_own(population: Population, username: str, own: frozenset[Held]) -> Iterator[Link]:
    defaults = {item.securable for item in own if item.privilege == "DEFAULT"}
    guarded = {item.securable for item in own if item.privilege == "AUTHENTICATION REQUIRED"}
    is_user = population.accounts[username].account.kind is Kind.USER
    for item in sorted(own):
        securable, since = item.securable, population.find_since(username, item)
        target, database = securable.object, securable.database
        if item.privilege == MEMBER:
            step = _find_step(population, target, is_default=not is_user or securable in defaults)
            yield Link(username, target, f"granted {target}", step, database, item, since, own=bool(step) and is_user)
        elif item.privilege == "CONNECT THROUGH" and securable not in guarded:
            step = f"CONNECT {username}[{target}]"
            is_whole = Held(_ALL_ROLES, securable) in own
            place = target if is_whole else to_proxied(username, target)
            yield Link(username, place, f"proxy for {target}", step, database, item, since)
            if not is_whole:
                yield from _list_proxied(population, place, own, item)
        elif item.privilege in ("ALTER USER", "GRANT ANY ROLE") and securable.scope in (SERVER, "database"):
            hub = ANY_USER if item.privilege == "ALTER USER" else ANY_ROLE
            yield Link(username, hub, item.privilege, "", database, item, since)


def _list_proxied(population: Population, place: str, own: frozenset[Held], item: Held) -> Iterator[Link]:
    """Yield what a proxy has of a client whose roles it may turn on in part only: what everybody has, and these."""
    _, database, _, client, _ = item.securable
    yield Link(place, PUBLIC, "everybody (PUBLIC)", "", database)
    named = {
        (held.privilege, held.securable.object)
        for held in own
        if held.securable[:3] == ("proxy_role", database, client)
    }
    state = population.accounts.get(client)
    roles = {held.securable.object for held in (state.held if state else ()) if held.privilege == MEMBER}
    allowed = {role for role in roles if (_THESE_ROLES, role) in named}
    if any(privilege == _OTHER_ROLES for privilege, _ in named):
        allowed |= {role for role in roles if (_OTHER_ROLES, role) not in named}
    for role in sorted(allowed):
        yield Link(place, role, f"granted {role}", _find_step(population, role, is_default=False), database, own=True)


def _find_step(population: Population, role: str, *, is_default: bool) -> str:
    """Return what turns on a role; empty: nothing has to. One with a password is never on by itself."""
    state = population.accounts.get(role)
    how = state.account.attributes.get("authentication_type") if state else None
    if how == _BY_PASSWORD:
        return f"SET ROLE {role} IDENTIFIED BY ..."
    if how == _BY_PACKAGE:
        return f"a call of the package that turns on {role}"
    return "" if is_default else f"SET ROLE {role}"


def _list_any(population: Population, wanted: frozenset[Held]) -> Iterator[Link]:
    """Yield what ALTER USER and GRANT ANY ROLE lead to: each account but SYS, each role."""
    given = {item.privilege for item in wanted}
    for username, state in population.accounts.items():
        kind = state.account.kind
        if "ALTER USER" in given and kind is Kind.USER and username != "SYS":
            step = f"ALTER USER {username} IDENTIFIED BY ..."
            yield Link(ANY_USER, username, f"logs in as {username}", step)
        if "GRANT ANY ROLE" in given and kind is Kind.ROLE:
            yield Link(ANY_ROLE, username, f"may be granted {username}", f"GRANT {username} TO itself")
