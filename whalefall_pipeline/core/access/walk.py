"""Ways over links from accounts to what stands at their end: the shortest to each end, or all without a detour."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import heappop, heappush
from itertools import count
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from whalefall_pipeline.core.access.graph import ADDED, Graph
from whalefall_pipeline.core.access.model import Link

MAX_WAYS = 100
"""How many ways are listed for one account."""
MAX_LOOKS = 20_000
"""How many beginnings of ways are looked at for one account when all are asked for."""
ANY_ROOT = ""
"""In place of the account that a state's identity begins with, where it does not matter."""


class End(Protocol):
    """What a way ends at: a source or a danger."""

    @property
    def holder(self) -> str:
        """The account that has it."""
        ...

    @property
    def step(self) -> str:
        """What its holder must do first."""
        ...

    @property
    def own(self) -> bool:
        """Whether it counts for the holder itself only."""
        ...


E = TypeVar("E", bound=End)


class Way(NamedTuple, Generic[E]):
    """A chain of links and the end that it leads to; `steps` are the number of both that have a step."""

    steps: int
    links: tuple[Link, ...]
    end: E


class State(NamedTuple):
    """Where a way is: at an account, in the identity of a root.

    At the root itself (`account == root`) that account acts, so what only it has counts. `database` is the one that the
    way holds in, empty: all.
    """

    account: str
    root: str
    database: str = ""


class _Item(NamedTuple, Generic[E]):
    """What waits in the queue: a state that is reached, or an end; the cheapest first.

    The cost is what it has taken so far, with what the rest will take at least where that is known. Of those that cost
    the same, `order` decides.
    """

    steps: int
    length: int
    order: int
    links: tuple[Link, ...]
    state: State
    end: E | None


Keep: TypeAlias = Callable[[str], Collection[int]]
"""From a root to the `id`s of the ends that its identity leaves."""


class Walk(Generic[E]):
    """Finds the ways to ends over a graph; what is found from an account that many have links to is found once.

    `keep` says which ends the identity of a root leaves; None: all, whoever comes.
    """

    def __init__(self, graph: Graph, ends: Iterable[E], keep: Keep | None = None) -> None:
        self._graph = graph
        self._keep = keep
        self._ends = group_ends(ends)
        self._tails: dict[State, list[Way[E]]] = {}

    @cached_property
    def relevant(self) -> set[str]:
        """The accounts that an end may be reached from."""
        return self._graph.find_reaching(self._ends)

    def find_ways(self, username: str) -> list[Way[E]]:
        """Return the shortest way to each end: those with the fewest steps first, then the shortest.

        There are no more than `MAX_WAYS`: where there are so many, some may be left out.
        """
        start = State(username, username)
        if self._keep is not None or start in self._tails:
            return self._find_tails(start)
        best: dict[int, Way[E]] = {}
        for way in self._list_first(start):
            known = best.get(id(way.end))
            if known is None or _to_cost(way) < _to_cost(known):
                best[id(way.end)] = way
        return sorted(best.values(), key=_to_cost)[:MAX_WAYS]

    def find_first(self, username: str) -> list[Way[E]]:
        """Return the first of `find_ways`, or nothing; what the account has itself without a step is never beaten."""
        own = next((end for end in self._list_ends(State(username, username)) if not end.step), None)
        return self.find_ways(username)[:1] if own is None else [Way(0, (), own)]

    def find_all_ways(self, username: str) -> tuple[list[Way[E]], bool]:
        """Return all ways without a detour in the order of `find_ways`, and whether none had to be left out.

        An account comes twice only where it acts for itself the second time, and the end needs that.
        """
        start = State(username, username)
        ways, complete = self._search_all(start)
        if complete:
            return ways, True
        shortest = self._find_tails(start)
        known = {(way.links, id(way.end)) for way in shortest}
        further = [way for way in ways if (way.links, id(way.end)) not in known]
        return sorted([*shortest, *further[: max(0, MAX_WAYS - len(shortest))]], key=_to_cost), False

    def _list_first(self, start: State) -> Iterator[Way[E]]:
        """Yield the ends of an account itself, then the best of each of its links.

        A way that comes back to the account is longer than the same without the detour, so it is never the best.
        """
        for end in self._ends.get(start.account, ()):
            yield Way(bool(end.step), (), end)
        for link in self._graph.list_links(start.account):
            if link.target in self.relevant:
                own_steps = bool(link.step)
                for steps, links, end in self._find_tails(self._go(start, link)):
                    yield Way(own_steps + steps, (link, *links), end)

    def _find_tails(self, start: State) -> list[Way[E]]:
        ways = self._tails.get(start)
        if ways is None:
            ways = self._tails[start] = self._search(start)
        return ways

    def _search(self, start: State) -> list[Way[E]]:
        """Return the shortest way from a state to each end, not too many."""
        order = count()
        heap = self._begin(start)
        done: set[object] = set()
        ways: list[Way[E]] = []
        while heap and len(ways) < MAX_WAYS:
            item = heappop(heap)
            key = item.state if item.end is None else id(item.end)
            if key in done:
                continue
            done.add(key)
            if item.end is None:
                for further in self._go_on(item):
                    heappush(heap, further._replace(order=next(order)))
            else:
                ways.append(Way(item.steps, item.links, item.end))
        return ways

    def _begin(self, start: State) -> list[_Item[E]]:
        return [_Item(0, 0, 0, (), start, None)]

    def _search_all(self, start: State) -> tuple[list[Way[E]], bool]:
        """Return all ways without a detour from a state, the cheapest first, and whether no bound was hit.

        What the rest of a way takes at least is known, so no beginning is followed before a cheaper whole; of those
        that cost the same, the one that came last is followed to its end.
        """
        order = count(step=-1)
        heap = self._begin(start)
        ways: list[Way[E]] = []
        for _ in range(MAX_LOOKS):
            if not heap:
                return ways, True
            item = heappop(heap)
            if item.end is None:
                for further in reversed(list(self._go_on_simply(item))):
                    heappush(heap, further._replace(order=next(order)))
            elif len(ways) == MAX_WAYS:
                return ways, False
            else:
                ways.append(Way(item.steps, item.links, item.end))
        return ways, False

    def _go_on(self, item: _Item[E]) -> Iterator[_Item[E]]:
        """Yield the ends at a state, and the states that its links lead to."""
        steps, length, order, links, state, _ = item
        for end in self._list_ends(state):
            yield _Item(steps + bool(end.step), length, order, links, state, end)
        for link in self._graph.list_links(state.account):
            if link.target in self.relevant and _may_take(state, link):
                further = self._go(state, link)
                yield _Item(steps + bool(link.step), length + 1, order, (*links, link), further, None)

    def _go_on_simply(self, item: _Item[E]) -> Iterator[_Item[E]]:
        """Yield what comes next without a detour, at the cost of the cheapest whole that begins so."""
        states = self._list_states(item)
        steps = sum(bool(link.step) for link in item.links)
        for further in self._go_on(item._replace(steps=steps, length=len(item.links))):
            if further.end is not None:
                if not self._is_detour(states, item.links, further.end):
                    yield further
            elif self._may_come(further.state, states) and (rest := self._find_tails(further.state)):
                least = rest[0]
                yield further._replace(steps=further.steps + least.steps, length=further.length + len(least.links))

    def _list_states(self, item: _Item[E]) -> list[State]:
        """Return where a way has been, where it begins first."""
        if not item.links:
            return [item.state]
        states = [State(item.links[0].member, item.links[0].member)]
        for link in item.links:
            states.append(self._go(states[-1], link))
        return states

    def _may_come(self, state: State, states: Sequence[State]) -> bool:
        """Whether a way may come to an account: again only in another identity, where that may matter."""
        roots = {passed.root for passed in states if passed.account == state.account}
        return not roots or (state.root not in roots and (self._keep is not None or state.root == state.account))

    def _is_detour(self, states: Sequence[State], links: Sequence[Link], end: E) -> bool:
        """Whether a way leads to its end without what lies between two visits of an account, too."""
        return any(
            states[first].account == states[again].account and self._leads(states[first], links[again:], end)
            for again in range(1, len(states))
            for first in range(again)
        )

    def _leads(self, state: State, links: Sequence[Link], end: E) -> bool:
        for link in links:
            if not _may_take(state, link):
                return False
            state = self._go(state, link)
        return any(each is end for each in self._list_ends(state))

    def _list_ends(self, state: State) -> Iterator[E]:
        kept = self._keep(state.root) if self._keep else None
        for end in self._ends.get(state.account, ()):
            if end.own and state.account != state.root:
                continue
            if state.database and getattr(end, "database", "") not in ("", state.database):
                continue
            if kept is None or id(end) in kept:
                yield end

    def _go(self, state: State, link: Link) -> State:
        database = "" if self._graph.is_of_one else link.database or state.database
        if link.step:
            root = f"{link.member}{ADDED}{link.target}" if link.adds and self._keep else link.target
            return State(link.target, root, database)
        return State(link.target, state.root if self._keep else ANY_ROOT, database)


def _may_take(state: State, link: Link) -> bool:
    if link.own and state.account != state.root:
        return False
    return not (state.database and link.database) or state.database == link.database


def group_ends(ends: Iterable[E]) -> Mapping[str, Sequence[E]]:
    """Return the ends by holder, in the same order whatever order they came in."""
    grouped: dict[str, list[E]] = {}
    for end in ends:
        grouped.setdefault(end.holder, []).append(end)
    for of_one in grouped.values():
        of_one.sort(key=_to_sort_key)
    return grouped


def _to_sort_key(end: End) -> tuple[bool, str, str]:
    return bool(end.step), getattr(end, "words", ""), end.step


def _to_cost(way: Way[E]) -> tuple[int, int]:
    return way.steps, len(way.links)
