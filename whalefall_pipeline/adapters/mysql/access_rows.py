"""Which rows of the grant tables a login goes by: hosts, patterns of database names, and which of several counts. Pure.

Tried on MariaDB 10.11 and 11.8 and on MySQL 9.7. A login without roles goes by one row of mysql.db alone: the one with
the most specific host, then database, then user; rows without a user, and rows of an account of the same user part
whose host covers its own, take part in it. A row without the privilege shadows a less specific one that has it.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address
from itertools import count, takewhile
from typing import NamedTuple

from whalefall_pipeline.adapters.mysql.names import Address, Flavour, means_database

Specificity = tuple[int, ...]
"""Sorts the most specific first."""

MANY, ONE, ESCAPE = "%", "_", "\\"
LONGEST = {"host": 255, "database": 64}
"""The longest name, which MariaDB reckons with; its own constants."""
_WILD = frozenset("%_/\\")
"""What a host part has that may mean another one."""
_PARTS = re.compile(r"\\.|%+|.", re.DOTALL)
_MASK = re.compile(r"([\d.]+)/([\d.]+)")
_OCTETS = re.compile(r"(?:\d+\.){1,3}%")
ALL_BITS = 0xFFFFFFFF


class DatabaseRow(NamedTuple):
    """A row of mysql.db: whose it is (an empty user: everybody's), and its database, a pattern."""

    address: Address
    database: str


class Network(NamedTuple):
    """Addresses of IPv4: one is among them when the bits of the mask are those of the base."""

    base: int
    mask: int

    def contains(self, other: "Network") -> bool:
        """Return whether all addresses of another one are among these; a base with more bits than its mask has none."""
        return self.mask & other.mask == self.mask and other.base & self.mask == self.base


@lru_cache(10_000)
def measure(pattern: str, flavour: Flavour, kind: str) -> Specificity:
    """Return how specific a host or a database pattern is; `kind` is one of `LONGEST`."""
    if flavour == "mariadb":
        return _measure_mariadb(pattern, LONGEST[kind])
    return (_measure_address(pattern) if kind == "host" else ()) or _measure_mysql(pattern)


def to_login_order(host: str, flavour: Flavour) -> Specificity:
    """Return what sorts the accounts of one user part as the server goes through them, the most specific host first.

    MariaDB goes through those that are equally specific, all without wildcards, from the last to the first by name.
    """
    specificity = measure(host.lower(), flavour, "host")
    return specificity if flavour == "mysql" else (*specificity, *(-byte for byte in host.lower().encode()), 0)


def _measure_address(host: str) -> Specificity:
    """Go by how an address is written: by itself, as `/24`, then as `/255.255.255.0`; of two masks the longer first."""
    network = to_network(host, "mysql")
    if network is None or MANY in host:
        return ()
    _, slash, mask = host.partition("/")
    return (0, 2 if "." in mask else 1 if slash else 0, -network.mask)


def _measure_mysql(pattern: str) -> Specificity:
    """Go by where the first wildcard stands, the later the more specific; `%` alone and nothing come last."""
    place = 0
    for part in _PARTS.findall(pattern):
        if part[0] in (MANY, ONE):
            alone = pattern == MANY
            return (3, 0) if alone else (2, -min(place + 2, 127))
        place += len(part)
    return (1, 0) if pattern else (4, 0)


def _measure_mariadb(pattern: str, longest: int) -> Specificity:
    """Go by how many names of the greatest length it can mean, then by the number of wildcards."""
    parts = _PARTS.findall(pattern)
    literal = sum(part[0] not in (MANY, ONE) for part in parts)
    one = min(parts.count(ONE), 31)
    many = min(sum(part[0] == MANY for part in parts), 31)
    wild = [place for place, part in enumerate(parts) if part[0] in (MANY, ONE)]
    free = longest - literal - one if many else 0
    first = wild[0] if wild else 0
    return (free, 1, many, one, first) if free > one else (one, 0, free, many, first)


def sort_rows(rows: Iterable[DatabaseRow], flavour: Flavour) -> list[DatabaseRow]:
    """Order rows of mysql.db as the server goes through them: by host, database and user, the most specific first."""
    return sorted(
        rows,
        key=lambda row: (
            measure(row.address.host.lower(), flavour, "host"),
            measure(row.database, flavour, "database"),
            not row.address.user,
        ),
    )


def sort_patterns(patterns: Iterable[str], flavour: Flavour) -> list[str]:
    """Order the patterns of active roles that mean one database; the first is what counts.

    On MySQL these are the login's own patterns and those of all its active roles: a name without `%` and `_` goes
    first, then they go in the order of their bytes. On MariaDB they are those of the role and of all roles in it.
    """
    if flavour == "mariadb":
        return sorted(patterns, key=lambda pattern: measure(pattern, flavour, "database"))
    return sorted(patterns, key=lambda pattern: (MANY in pattern or ONE in pattern, pattern.encode()))


def covers(wider: str, host: str, flavour: Flavour) -> bool:
    """Return whether every client that a host part lets in is let in by another one; names are not resolved."""
    wide, narrow = wider.lower(), host.lower()
    if wide in (narrow, MANY):
        return True
    if "/" in wide:
        network, inner = to_network(wide, flavour), to_network(narrow, flavour)
        return network is not None and inner is not None and network.contains(inner)
    return bool(_to_cover(wide).fullmatch(_to_octets(narrow, flavour)))


class Hosts:
    """Accounts of one user part, in an order, asked which of them have a host that covers another one.

    Of an account for each of thousands of clients hosts without wildcards are looked up; only the others are tried.
    """

    def __init__(self, flavour: Flavour, accounts: Iterable[tuple[str, str]] = ()) -> None:
        self._flavour: Flavour = flavour
        self._exact: dict[str, list[tuple[int, str]]] = {}
        self._wild: list[tuple[int, str, str]] = []
        self._places = count()
        for host, username in accounts:
            self.add(host, username)

    def add(self, host: str, username: str) -> None:
        """Add an account behind those that are there."""
        place = next(self._places)
        if host == MANY or _WILD.isdisjoint(host):
            self._exact.setdefault(host.lower(), []).append((place, username))
        else:
            self._wild.append((place, host, username))

    def list_covering(self, host: str) -> list[str]:
        """Return the accounts whose host covers this one."""
        found = self._look_up(host)
        found += [(place, username) for place, wider, username in self._wild if covers(wider, host, self._flavour)]
        return [username for _, username in sorted(found)]

    def cover(self, host: str) -> bool:
        """Return whether any of the hosts covers this one."""
        return bool(self._look_up(host)) or any(covers(wider, host, self._flavour) for _, wider, _ in self._wild)

    def _look_up(self, host: str) -> list[tuple[int, str]]:
        narrow = host.lower()
        return [item for key in {MANY, narrow, _to_octets(narrow, self._flavour)} for item in self._exact.get(key, ())]


HostsOfUsers = Mapping[str, Hosts]
"""Accounts by user part."""


@lru_cache(10_000)
def to_network(host: str, flavour: Flavour) -> Network | None:
    """Return the addresses that a host part means: one, those under a mask, or those with the same first octets.

    MariaDB takes a mask in the form of an address only; `/8` lets nobody in.
    """
    try:
        if mask := _MASK.fullmatch(host):
            base, bits = mask.groups()
            if flavour == "mariadb" and "." not in bits:
                return None
            length = ALL_BITS << (32 - int(bits)) & ALL_BITS if "." not in bits else int(IPv4Address(bits))
            return Network(int(IPv4Address(base)), length)
        if _OCTETS.fullmatch(host):
            octets = host.split(".")[:-1]
            mask_of = ALL_BITS << (32 - 8 * len(octets)) & ALL_BITS
            return Network(int(IPv4Address(".".join([*octets, *["0"] * (4 - len(octets))]))), mask_of)
        return Network(int(IPv4Address(host)), ALL_BITS)
    except (AddressValueError, ValueError):
        return None


def _to_octets(host: str, flavour: Flavour) -> str:
    """Return a host part with a mask as the pattern of the first octets of all its addresses; others as they are."""
    network = to_network(host, flavour) if "/" in host else None
    if network is None:
        return host
    octets = str(IPv4Address(network.base)).split(".")
    masks = str(IPv4Address(network.mask)).split(".")
    fixed = [octet for octet, _ in takewhile(lambda pair: pair[1] == "255", zip(octets, masks, strict=True))]
    return ".".join([*fixed, MANY] if len(fixed) < len(octets) else fixed)


@lru_cache(10_000)
def _to_cover(pattern: str) -> re.Pattern[str]:
    """Return what matches the host parts that a pattern covers: `_` does not cover `%`."""
    wild = {MANY: ".*", ONE: f"[^{MANY}]"}
    parts = (wild.get(part[0]) or re.escape(part[-1]) for part in _PARTS.findall(pattern))
    return re.compile("".join(parts), re.DOTALL)


class Naming(NamedTuple):
    """How a server compares names: whether databases of grants are patterns, and without case."""

    are_patterns: bool = True
    lower: bool = False

    def means(self, pattern: str, database: str) -> bool:
        """Return whether a database of mysql.db means a database."""
        if self.lower:
            return means_database(pattern.lower(), database.lower(), are_patterns=self.are_patterns)
        return means_database(pattern, database, are_patterns=self.are_patterns)

    def is_same(self, name: str, other: str) -> bool:
        """Return whether two names of databases or tables are the same."""
        return name.lower() == other.lower() if self.lower else name == other
