"""What an adapter is: the protocol that every engine's reader fulfils, and the deadlines that hold for it.

Errors that leave an adapter are `DatabaseConnectionError` (unreachable, refused, out of time), `SyncDataError` (the
account list can't be read or understood) or, after `Deadline.cancel`, `SyncCancelledError`. No exception carries a
secret, and none a driver's object.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core.model import Account, AccountState, Instance, Login, Reading
from whalefall_pipeline.core.rules import Rules


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an adapter may wait, in seconds, and the options that instances have where they set none (TLS)."""

    connect_seconds: float = 10.0
    statement_seconds: float = 60.0
    default_options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Visibility:
    """What `instances check` shows of one part of a catalog; `note` says what is missing and which grant gives it."""

    scope: str
    readable: bool
    note: str = ""


class SourceSession(Protocol):
    """One reading of one instance, over connections that only read."""

    @property
    def version(self) -> str:
        """The server's product and version, for people: `PostgreSQL 15.18`, `MariaDB 10.11.19`."""
        ...

    @property
    def statements(self) -> int:
        """How many catalog statements this session has sent so far, over all its connections."""
        ...

    def read_accounts(self) -> list[Account]:
        """Read all accounts with one statement or a constant few, ordered by username.

        Raises SyncDataError when the list can't be read in full or a row can't be understood: a list is whole or
        it is no list.
        """
        ...

    def read_grants(self) -> Reading:
        """Read all grants and memberships in a constant number of statements (per database where the engine forces it).

        A scope that can't be read is in the coverage with its reason and has no grants; the others are complete.
        Raises DatabaseConnectionError when the server itself is lost or out of time.
        """
        ...

    def may_hide(self, username: str) -> bool:
        """Whether an account that the list lacks may exist all the same, where this reading could not look.

        So it is on an engine whose databases have accounts of their own, while one of them can't be read.
        """
        ...

    def check(self) -> list[Visibility]:
        """Say which parts of the catalog this login can see."""
        ...


class Adapter(Protocol):
    """One engine."""

    @property
    def rules(self) -> Rules:
        """The engine's pure rules."""
        ...

    @property
    def default_port(self) -> int:
        """The port that servers of this engine listen on."""
        ...

    def check_options(self, options: Mapping[str, str]) -> None:
        """Raise InvalidInstanceError for an option, or a value of one, that no connection can be made with.

        How they go together is seen when connecting: a deployment may set others for all instances.
        """
        ...

    def open(
        self, instance: Instance, login: Login, limits: Limits, deadline: Deadline
    ) -> AbstractContextManager[SourceSession]:
        """Connect to an instance, for reading only, and close all connections at the end.

        Raises DatabaseConnectionError, transient or not, with a one-line reason; InvalidInstanceError for an option
        that the engine does not know.
        """
        ...

    def build_script(self, states: Mapping[str, AccountState]) -> list[str]:
        """Build the SQL that gives an empty server the same roles, memberships and grants, in an order that runs.

        Passwords are left out; a comment says so where one is needed. What has no SQL form is a comment too.
        """
        ...

    def build_change(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        """Build the SQL that takes one account of a server from `before` to `after`; None: it is not there.

        Undoing a change of the log is `build_change(after, before)`. At least one of them is given.
        """
        ...
