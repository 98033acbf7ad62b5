"""Every kind of source server that is measured, by the engine's name."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from tests.bench import mysql_source, postgresql_source
from tests.bench.contents import Held
from whalefall_pipeline.core.model import Instance, Login


class Source(Protocol):
    """A running server, and an administrator's login to it."""

    @property
    def instance(self) -> Instance: ...

    @property
    def login(self) -> Login: ...

    @property
    def pid(self) -> int:
        """The server's process."""
        ...

    def looking(self) -> AbstractContextManager[Callable[[], Mapping[str, int]]]:
        """Yield what shows how many `connections` of a collector there are now, and locks of theirs, by kind."""
        ...

    def fill(self, contents: Sequence[Held]) -> None:
        """Make the roles, these users, and all that they hold."""
        ...

    def change(self, usernames: Sequence[str]) -> None:
        """Grant each of these one privilege more."""
        ...


SOURCES: Mapping[str, Callable[[], AbstractContextManager[Source]]] = {
    "postgresql": postgresql_source.start_source,
    "mariadb": partial(mysql_source.start_source, "mariadb"),
    "mysql": partial(mysql_source.start_source, "mysql"),
}
WATCHED: Mapping[str, Callable[[], AbstractContextManager[Source]]] = {
    "postgresql": postgresql_source.start_source,
    "mariadb": partial(mysql_source.start_watched, "mariadb"),
    "mysql": partial(mysql_source.start_watched, "mysql"),
}
"""The same, where others can see which locks a reading has."""
