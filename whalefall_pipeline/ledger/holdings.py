"""Puts together what accounts hold from rows that say each thing once for all that hold it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson

from whalefall_pipeline.core.model import Account, AccountState, Attributes, Held, Kind, Securable

Row: TypeAlias = tuple[Any, ...]
NOTHING_UNSEEN: frozenset[str] = frozenset()
"""What of most accounts was not seen: nothing."""


class Holdings:
    """What accounts hold, from rows that say it once for all that hold it; of an account it is kept by number."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.all: list[Held] = []
        self.of: defaultdict[int, list[int]] = defaultdict(list)
        self._since: dict[Held, tuple[list[int], list[float]]] = {}
        self._by_holder: dict[Held, dict[int, float]] = {}
        self._moments = _Moments()
        for number, (privilege, scope, database, schema, name, column, option, effect, holders, since) in enumerate(
            rows
        ):
            held = Held(privilege, Securable(scope, database, schema, name, column), option, effect)
            self.all.append(held)
            self._since[held] = (holders, since)
            for holder in holders:
                self.of[holder].append(number)

    def find_since(self, holder: int, held: Held) -> datetime:
        """Return since when. Raises KeyError where the holder does not hold it."""
        by_holder = self._by_holder.get(held)
        if by_holder is None:  # few of all that was loaded are ever asked for
            by_holder = self._by_holder[held] = dict(zip(*self._since[held], strict=True))
        return self._moments[by_holder[holder]]


class _Moments(dict[float, datetime]):
    """Moments by seconds: an instance's are few, those of its readings."""

    def __missing__(self, seconds: float) -> datetime:
        moment = self[seconds] = datetime.fromtimestamp(seconds, UTC)
        return moment


class StateMaker:
    """Makes accounts with what they hold; what is the same of several, on one instance or many, is one value."""

    def __init__(self, held: Holdings) -> None:
        self._held = held
        self._kinds = {kind.value: kind for kind in Kind}
        self._attributes: dict[str, Attributes] = {}
        self._sets: dict[tuple[int, ...], frozenset[Held]] = {}
        self._states: dict[tuple[object, ...], AccountState] = {}

    def build(self, account_id: int, username: str, kind: str, text: str, unseen: frozenset[str]) -> AccountState:
        """Return an account's state."""
        own = tuple(self._held.of.get(account_id, ()))
        key = (username, kind, text, own, unseen)
        state = self._states.get(key)
        if state is None:
            if text not in self._attributes:
                self._attributes[text] = orjson.loads(text)
            if own not in self._sets:
                self._sets[own] = frozenset(map(self._held.all.__getitem__, own))
            account = Account(username, self._kinds[kind], self._attributes[text], unseen)
            state = self._states[key] = AccountState(account, self._sets[own])
        return state


class Moments(Mapping[tuple[str, Held], datetime]):
    """Since when accounts hold what they hold, found when it is asked for: most of it never is."""

    def __init__(self, ids: Mapping[str, int], held: Holdings) -> None:
        self._ids = ids
        self._held = held

    def __getitem__(self, key: tuple[str, Held]) -> datetime:
        username, held = key
        return self._held.find_since(self._ids[username], held)

    def get(self, key: tuple[str, Held], default: Any = None) -> Any:
        """See `Mapping.get`; it is asked for each link, so without a call in between."""
        try:
            return self._held.find_since(self._ids[key[0]], key[1])
        except KeyError:
            return default

    def __iter__(self) -> Iterator[tuple[str, Held]]:
        for username, account_id in self._ids.items():
            for number in self._held.of.get(account_id, ()):
                yield username, self._held.all[number]

    def __len__(self) -> int:
        return sum(1 for _ in self)
