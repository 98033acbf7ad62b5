"""Who views, routines, triggers and events run as: their definers, and what a login must have to be shown all. Pure.

Objects that run as whoever uses them (SQL SECURITY INVOKER) are left out, as are those of the server's own databases.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import cast

from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC, parse_roles
from whalefall_pipeline.adapters.mysql.names import PUBLIC, Flavour, to_address, to_username
from whalefall_pipeline.adapters.mysql.rows import Holding, NameOf, Row
from whalefall_pipeline.core.model import MEMBER, SERVER, Held, Securable

DEFINERS = "definers"
DEFINER = "DEFINER"
SCOPES = ("view", "routine", "trigger", "event")
NEEDED: Mapping[Flavour, Sequence[Collection[str]]] = {
    "mysql": ({"SHOW VIEW"}, {"TRIGGER"}, {"EVENT"}, {"SHOW_ROUTINE", "SELECT"}),
    "mariadb": ({"SHOW VIEW"}, {"TRIGGER"}),
}
"""Privileges on the whole server, one of each; MariaDB's routines and events are tables of the database mysql."""


def list_active(user: str, roles: str | None, flavour: Flavour) -> list[str]:
    """Return the accounts whose privileges a session has; `roles` are its active ones as the server names them."""
    if flavour == "mariadb":
        return [user, PUBLIC, *([to_username(roles, "", flavour)] if roles else [])]
    active = [] if roles in {None, "NONE"} else parse_roles(roles or "")
    return [user, *(to_username(*role, flavour) for role in active)]


def find_missing(active: Iterable[str], held: Mapping[str, Sequence[Held]], flavour: Flavour) -> str:
    """Return what a session lacks to be shown all definers, for people; empty: nothing.

    `held` is what the reading found so far: on the server, and of roles and partial revokes.
    """
    items = [item for name in _add_inner(active, held) for item in held.get(name, ())]
    if any(item.effect == "revoke" for item in items):
        return "partial revokes of the login keep it from some databases"
    own = {item.privilege for item in items if item.securable.scope in {SERVER, DYNAMIC}}
    missing = [" or ".join(sorted(words)) for words in NEEDED[flavour] if own.isdisjoint(words)]
    return f"no {', '.join(missing)} on *.*" if missing else ""


def _add_inner(active: Iterable[str], held: Mapping[str, Sequence[Held]]) -> set[str]:
    found = set(active)
    frontier = list(found)
    while frontier:
        inner = {item.securable.object for name in frontier for item in held.get(name, ()) if item.privilege == MEMBER}
        frontier = list(inner - found)
        found |= inner
    return found


def to_definers(rows: Iterable[Row], name: NameOf) -> Iterator[Holding]:
    """Yield who the definer of each object is: scope, kind of routine, database, name, definer.

    A routine's kind stands as its schema, for a function and a procedure may have one name.
    """

    @cache
    def name_of(definer: str) -> str:
        return name(*to_address(definer)) if "@" in definer else name(definer, "")

    for scope, kind, database, item, definer in cast("Iterable[tuple[str, str, str, str, str]]", rows):
        yield name_of(definer), (Held(DEFINER, Securable(scope, database, kind.lower(), item)),)
