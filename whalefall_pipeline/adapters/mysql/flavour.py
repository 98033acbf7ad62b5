"""Which of the two servers answers, and what differs between them in statements and tables."""

import re
from typing import NamedTuple, cast

from whalefall_pipeline.adapters.mysql.connection import Connection
from whalefall_pipeline.adapters.mysql.errors import NO_MYSQL
from whalefall_pipeline.adapters.mysql.names import Flavour
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError
from whalefall_pipeline.sql import load_sql

PACKAGE = "whalefall_pipeline.adapters.mysql"
CATALOGS: dict[Flavour, dict[str, str]] = {
    "mysql": load_sql(PACKAGE, "catalog.sql"),
    "mariadb": load_sql(PACKAGE, "catalog_mariadb.sql"),
}
PRODUCTS: dict[Flavour, str] = {"mysql": "MySQL", "mariadb": "MariaDB"}
OLDEST: dict[Flavour, int] = {"mysql": 80000, "mariadb": 100400}
LATER: dict[Flavour, tuple[int, str]] = {
    "mysql": (80013, ", use_secondary_engine = 'OFF'"),
    "mariadb": (110500, ", max_tmp_session_space_usage = 0"),
}
"""What more a session is set to on servers from a version on: an engine might lack what is asked; zero is no limit."""
ROLES: dict[Flavour, tuple[str, ...]] = {"mysql": ("session_roles",), "mariadb": ()}
"""Statements that turn all roles of the login on; MariaDB has one at a time, see `own_roles`."""

_NUMBER = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class Product(NamedTuple):
    """A server's flavour, its version as a number (101119 for 10.11.19), and its name for people."""

    flavour: Flavour
    number: int
    name: str

    @property
    def catalog(self) -> dict[str, str]:
        """The statements for this server, by name."""
        return CATALOGS[self.flavour]

    @property
    def session_statements(self) -> list[str]:
        """The statements that set up a session, for `str.format_map`."""
        since, later = LATER[self.flavour]
        session = self.catalog["session"].replace("{later}", later if self.number >= since else "")
        return [session, *(self.catalog[name] for name in ROLES[self.flavour])]


def identify(source: Connection) -> Product:
    """Ask a server what it is.

    Raises InvalidInstanceError for one that is too old or can't be understood, DatabaseConnectionError for what does
    not answer like one.
    """
    found = source.query(CATALOGS["mysql"]["identify"])
    try:
        ((version, comment),) = cast("tuple[tuple[str, str]]", found)
    except (TypeError, ValueError):
        raise DatabaseConnectionError(NO_MYSQL, transient=False) from None
    flavour: Flavour = "mariadb" if "mariadb" in f"{version} {comment}".lower() else "mysql"
    numbers = _NUMBER.search(version)
    if not numbers:
        raise InvalidInstanceError(f"the server's version can't be understood: {version}")
    major, minor, patch = (int(part) for part in numbers.groups())
    product = Product(flavour, major * 10000 + minor * 100 + patch, f"{PRODUCTS[flavour]} {numbers.group()}")
    if product.number < OLDEST[flavour]:
        raise InvalidInstanceError(f"{product.name} is too old: MySQL from 8.0 and MariaDB from 10.4 can be read")
    return product
