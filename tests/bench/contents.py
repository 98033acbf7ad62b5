"""What a benchmark's source server holds: names and who holds what, the same for every engine."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

ROLES = 50
DATABASES = ("bench_a", "bench_b", "bench_c")
TABLES = 200
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


def build_contents(accounts: int) -> list[Held]:
    """Give the users of a server that has so many accounts, its roles among them."""
    roles, tables = list_roles(), list_tables()
    return [
        Held(
            username=f"user_{number:05}",
            roles=(roles[number % ROLES], roles[(number + 7) % ROLES]),
            tables=tuple(tables[(number * TABLES_EACH + step) % TABLES] for step in range(TABLES_EACH)),
        )
        for number in range(accounts - ROLES)
    ]


def choose_one_percent(contents: Sequence[Held], turn: int) -> list[str]:
    """Give the users that change at a turn, others at each, so that no change takes an earlier one back."""
    many = max(1, (len(contents) + ROLES) // PERCENT)
    start = turn * many % (len(contents) - many)
    return [held.username for held in contents[start : start + many]]


def in_parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
