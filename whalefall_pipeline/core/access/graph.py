"""Links as a graph: which there are from an account, and who may come to one."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol

from whalefall_pipeline.core.access.model import Link

ADDED = "\0+\0"
"""Stands in a root between an account and what a step adds to it."""


class Links(Protocol):
    """The links of a population, made when they are asked for: of ten thousand accounts few bear on a question."""

    @property
    def others(self) -> Collection[str]:
        """What links lead to and is no account, such as a role that is built in."""
        ...

    def list_links(self, username: str) -> Sequence[Link]:
        """Return the links from an account, in any order."""
        ...

    def find_members(self, targets: Collection[str]) -> Collection[str]:
        """Return who may have a link to one of these; some may be named that have none."""
        ...


class ListedLinks:
    """Links that were all made already."""

    def __init__(self, links: Iterable[Link], accounts: Collection[str]) -> None:
        self._from: dict[str, list[Link]] = {}
        self._to: dict[str, list[str]] = {}
        for link in links:
            self._from.setdefault(link.member, []).append(link)
            self._to.setdefault(link.target, []).append(link.member)
        self.others: Collection[str] = self._to.keys() - set(accounts)

    def list_links(self, username: str) -> Sequence[Link]:
        """See `Links.list_links`."""
        return self._from.get(username, ())

    def find_members(self, targets: Collection[str]) -> Collection[str]:
        """See `Links.find_members`."""
        return {member for target in targets for member in self._to.get(target, ())}


class Graph:
    """The links that hold in one database, with those that hold in all; None: those of every database."""

    def __init__(self, links: Links, database: str | None = None) -> None:
        self.is_of_one = database is not None
        self._links = links
        self._database = database
        self._listed: dict[str, Sequence[Link]] = {}
        self._inner: dict[str, frozenset[str]] = {}

    def list_links(self, username: str) -> Sequence[Link]:
        """Return the links from an account, in the same order whatever order they came in."""
        links = self._listed.get(username)
        if links is None:
            links = [link for link in self._links.list_links(username) if self._holds(link)]
            links.sort(key=_to_order)
            self._listed[username] = links
        return links

    def _holds(self, link: Link) -> bool:
        return self._database is None or link.database in ("", self._database)

    def find_reached(self, username: str) -> set[str]:
        """Return all accounts that an account may come to, by steps too, itself among them."""
        return _spread(username, lambda name: (link.target for link in self.list_links(name)))

    def find_reaching(self, usernames: Iterable[str]) -> set[str]:
        """Return all accounts that may come to one of these, by steps too, these among them, and maybe some more."""
        found = set(usernames)
        frontier: Collection[str] = set(found)
        while frontier:
            frontier = set(self._links.find_members(frontier)) - found
            found |= frontier
        return found

    def find_identity(self, root: str) -> frozenset[str]:
        """Return an account and all that it has without a step; of a root with an added account, these two alone."""
        member, added, target = root.partition(ADDED)
        if added:
            return self._find_inner(target) | {member}
        return frozenset({root}).union(
            *(self._find_inner(link.target) for link in self.list_links(root) if not link.step)
        )

    def has_any(self, root: str, usernames: frozenset[str]) -> bool:
        """Return whether an identity has one of these in it; mostly the root's own links say so."""
        if ADDED not in root and any(link.target in usernames and not link.step for link in self.list_links(root)):
            return True
        return not usernames.isdisjoint(self.find_identity(root))

    def _find_inner(self, username: str) -> frozenset[str]:
        """Return what belongs to the identity of who has an account without a step; roles are shared, so it is kept."""
        inner = self._inner.get(username)
        if inner is None:
            inner = self._inner[username] = frozenset(_spread(username, self._list_inner))
        return inner

    def _list_inner(self, username: str) -> Iterator[str]:
        return (link.target for link in self.list_links(username) if not link.step and not link.own)


def _to_order(link: Link) -> tuple[bool, str, str, str, str]:
    return bool(link.step), link.target, link.database, link.words, link.step


def _spread(name: str, follow: Callable[[str], Iterator[str]]) -> set[str]:
    found = {name}
    frontier = [name]
    while frontier:
        new = {other for each in frontier for other in follow(each)} - found
        found |= new
        frontier = list(new)
    return found
