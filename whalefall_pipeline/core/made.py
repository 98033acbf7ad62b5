"""What is worked out when it is first needed, once."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class Made(dict[K, V]):
    """What is made of each value when it is first looked up: as `functools.cache`, in half of its time for tuples."""

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make

    def __missing__(self, value: K) -> V:
        made = self[value] = self._make(value)
        return made


class Found(Sequence[T]):
    """The items of an iterator, each taken from it when it is first gone through: the first is there at once.

    Where the iterator raises, that is the end: going through it again would end there without a word.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._found: list[T] = []

    def __iter__(self) -> Iterator[T]:
        for position in count():
            if position == len(self._found):
                try:
                    self._found.append(next(self._items))
                except StopIteration:
                    return
            yield self._found[position]

    def __len__(self) -> int:
        return len(self._find_all())

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self._find_all()[index]

    def _find_all(self) -> list[T]:
        self._found += self._items
        return self._found
