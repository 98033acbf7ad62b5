"""Which of its roles the collector's login turns on where a session has one at a time, as on MariaDB."""

from typing import cast

from whalefall_pipeline.adapters.mysql.connection import Connection
from whalefall_pipeline.adapters.mysql.errors import StatementError
from whalefall_pipeline.adapters.mysql.flavour import Product
from whalefall_pipeline.adapters.mysql.names import quote

TABLES = frozenset({"global_priv", "db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv", "roles_mapping"})
"""The tables of MariaDB's catalog that are read."""
ACCOUNTS = "global_priv"
"""Without it nothing else is read."""
MOST_TRIED = 16
"""Roles at most: each takes two statements."""
ONE_ROLE = (
    "; MariaDB turns on one role of a login at a time: {role} is on, which shows most of the catalog; give all of it to"
    " one role, or to the login itself"
)


def turn_on_best(source: Connection, product: Product) -> str:
    """Turn on the role that shows most of the catalog, the one that is on already where no other shows more.

    Returns what to add to the reason of a part that is denied all the same; empty where the login has no choice.
    """
    if "own_roles" not in product.catalog:
        return ""
    shown = _find_shown(source, product)
    if shown == TABLES:
        return ""
    found = cast("tuple[tuple[str, str | None], ...]", source.query(product.catalog["own_roles"]))
    if not found:
        return ""
    usual = found[0][1]
    best = now = usual
    for role, _ in found[:MOST_TRIED]:
        if role == usual or not _turn_on(source, role):
            continue
        now = role
        other = _find_shown(source, product)
        if _rank(other) > _rank(shown):
            best, shown = role, other
    if best != now:
        _turn_on(source, best)
    return "" if shown == TABLES else ONE_ROLE.format(role=quote(best) if best else "none")


def _find_shown(source: Connection, product: Product) -> frozenset[str]:
    return frozenset(cast("str", row[0]) for row in source.query(product.catalog["visible"]))


def _rank(shown: frozenset[str]) -> tuple[bool, int]:
    return ACCOUNTS in shown, len(shown)


def _turn_on(source: Connection, role: str | None) -> bool:
    """Return whether the server takes the role; one that was just revoked it does not."""
    try:
        source.query(f"set role {quote(role) if role else 'none'}")
    except StatementError:
        return False
    return True
