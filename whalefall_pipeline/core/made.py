"""What is made of values once, and looked up from then on."""

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Made(dict[K, V]):
    """What is made of each value when it is first looked up: as `functools.cache`, in half of its time for tuples."""

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make

    def __missing__(self, value: K) -> V:
        made = self[value] = self._make(value)
        return made
