"""What a benchmark's source server holds: names and who holds what, the same for every engine."""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

ROLES = 50
DATABASES = ("bench_a", "bench_b", "bench_c")
TABLES = 200
ROLES_EACH = 2
TABLES_EACH = 5
PERCENT = 100

T = TypeVar("T")


class Held(NamedTuple):
    """One user and what it holds: CONNECT or SELECT on every database, two roles, SELECT on five tables."""

    username: str
    roles: tuple[str, ...]
    tables: tuple[str, ...]


def list_roles() -> list[str]:
    return [f"role_{number:02}" for number in range(ROLES)]


def list_tables() -> list[str]:
    return [f"orders_{number:03}" for number in range(TABLES)]


def build_contents(accounts: int, kinds: int = 0) -> list[Held]:
    """Return the users of a server that has so many accounts, its roles among them.

    What each holds is drawn by itself, the same in each run; with `kinds`, from so many draws, as where people are
    granted what others of their trade have.
    """
    draw = random.Random(1)  # noqa: S311 - no secret
    drawn = [_draw(draw) for _ in range(kinds or accounts)]
    return [Held(f"user_{number:05}", *drawn[number % len(drawn)]) for number in range(accounts - ROLES)]


def _draw(draw: random.Random) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(draw.sample(list_roles(), ROLES_EACH)), tuple(draw.sample(list_tables(), TABLES_EACH))


def choose_one_percent(contents: Sequence[Held], turn: int) -> list[str]:
    """Return the users that change at a turn, others at each, so that no change takes an earlier one back."""
    many = max(1, (len(contents) + ROLES) // PERCENT)
    start = turn * many % (len(contents) - many)
    return [held.username for held in contents[start : start + many]]


def in_parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
