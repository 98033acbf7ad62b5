"""Rows of mysql.db without a user, which hold for everybody who comes from their host: accounts of their own. Pure."""

from collections.abc import Collection, Iterable

from whalefall_pipeline.adapters.mysql.names import Flavour, to_address
from whalefall_pipeline.adapters.mysql.rows import Row
from whalefall_pipeline.core.model import Account, Kind

EVERYBODY = "(everybody)"


def find_everybody(rows: Iterable[Row], taken: Collection[str], flavour: Flavour) -> dict[str, Account]:
    """Return the accounts that stand for everybody, by host as the rows of mysql.db have it.

    An account that has such a name by itself (`taken`) keeps it; one more pair of brackets tells them apart.
    """
    return {host: _to_everybody(host, taken, flavour) for host in sorted({str(row[1]) for row in rows if not row[0]})}


def is_everybodys(username: str) -> bool:
    """Whether an account may be one that stands for everybody."""
    return to_address(username).user.strip("()") == EVERYBODY.strip("()")


def _to_everybody(host: str, taken: Collection[str], flavour: Flavour) -> Account:
    user = EVERYBODY
    while f"{user}@{host}" in taken:
        user = f"({user})"
    return Account(f"{user}@{host}", Kind.PUBLIC, {"flavour": flavour, "user": "", "host": host})
