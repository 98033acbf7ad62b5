"""Names under which a webserver is reached, and which of them are its own. Pure."""

import re
from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from whalefall_pipeline.services.errors import ServicesError

HOSTS_VARIABLE = "WHALEFALL_WEBSERVER_HOSTS"
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")
_PORTS = {"http": 80, "https": 443}


class Authority(NamedTuple):
    """A host's name or address, in one spelling, and its port where one is named."""

    name: str
    port: int | None


def parse_authority(text: str) -> Authority | None:
    """Return what a `Host` header names; None for what is no host."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    address, name, port = match.groups()
    return Authority(to_name(address or name), int(port) if port else None)


def parse_origin(text: str) -> Authority | None:
    """Return what an `Origin` header names, always with its port; None for what is no origin, such as `null`."""
    scheme, _, rest = text.partition("://")
    authority = parse_authority(rest) if scheme in _PORTS else None
    return authority and Authority(authority.name, authority.port or _PORTS[scheme])


def parse_names(text: str) -> frozenset[Authority]:
    """Return the names of a setting, `ui.example, other.example:8443`. Raises ServicesError for what is none."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    parsed = {name: parse_authority(name) for name in names}
    wrong = [name for name, authority in parsed.items() if authority is None]
    if wrong:
        raise ServicesError(f"{HOSTS_VARIABLE}: {wrong[0]!r} is no host name; write ui.example, or ui.example:8443")
    return frozenset(authority for authority in parsed.values() if authority)


def to_name(host: str) -> str:
    """Return a host's name in lower case, or its address in the usual spelling; one of IPv4 never as one of IPv6."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower()
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def is_own(host: Authority, own: Collection[str], given: Collection[Authority]) -> bool:
    """Return whether a name leads here whatever a name server says: loopback, an `own` address, or a given one."""
    if is_loopback(host.name) or host.name in own:
        return True
    return any(name.name == host.name and name.port in (None, host.port) for name in given)


def is_same_origin(origin: Authority, scheme: str, host: Authority, given: Collection[Authority]) -> bool:
    """Return whether a page of this origin is ours; `scheme` is the origin's, whose port a name leaves out."""
    usual = _PORTS[scheme]
    return any(origin == Authority(name.name, name.port or usual) for name in (host, *given))


def is_loopback(name: str) -> bool:
    """Return whether a host's name or address is this machine's own, to itself only."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
