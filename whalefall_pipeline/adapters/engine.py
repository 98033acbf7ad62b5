"""What an engine is to us: base classes that each engine's folder fills in, and the limits that hold for it.

Errors that leave an adapter are `DatabaseConnectionError` (unreachable, refused, out of time), `SyncDataError` (the
account list can't be read or understood), `InvalidInstanceError` (an option that no connection can be made with) or,
after `Deadline.cancel`, `SyncCancelledError`. No exception carries a secret, and none a driver's object.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.core import limits
from whalefall_pipeline.core.access.engine import Access
from whalefall_pipeline.core.errors import InvalidInstanceError, SyncDataError
from whalefall_pipeline.core.findings.model import NO_FINDINGS, EngineFindings
from whalefall_pipeline.core.model import Account, AccountState, Instance, Login, Reading, Security, Seen
from whalefall_pipeline.core.rules import Rules


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an adapter may wait (seconds), how much one answer may hold, and options that instances lack (TLS).

    `answer_bytes` bounds what one statement's answer, or one login, may bring over the wire. `digest_key` is of digests
    that stand for values which may be secrets; empty: these values are left out without one.
    """

    connect_seconds: float = limits.CONNECT_SECONDS
    statement_seconds: float = limits.STATEMENT_SECONDS
    default_options: Mapping[str, str] = field(default_factory=dict[str, str])
    answer_bytes: int = limits.ANSWER_BYTES
    digest_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Visibility:
    """What `instances check` shows of one part of a catalog; `note` says what is missing and which grant opens it.

    One that is `excluded` is not to be read, and was not tried; the note has the reason.
    """

    scope: str
    readable: bool
    note: str = ""
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """A statement of the script for a collector's login, and which part of the catalog it opens.

    One that is optional opens what no check asks for, or lets the login do more than read.
    """

    statement: str
    opens: str
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """Which server a script is for, as its user names it: `mariadb`, and (10, 11), empty where any will do."""

    name: str
    version: tuple[int, ...] = ()

    def is_before(self, *version: int) -> bool:
        """Whether it is known to be older than a version."""
        return bool(self.version) and self.version < version


class SourceSession(ABC):
    """One reading of one instance, over connections that only read."""

    @property
    @abstractmethod
    def version(self) -> str:
        """The server's product and version, for people: `PostgreSQL 15.18`, `MariaDB 10.11.19`."""

    @property
    @abstractmethod
    def statements(self) -> int:
        """How many catalog statements this session has sent so far, over all its connections."""

    @property
    def security(self) -> Security:
        """Whether the connection is encrypted and the server's certificate verified; the weakest, where several are."""
        return Security()

    @property
    def identity(self) -> str:
        """What the server says that it is, the same over restarts (`server_uuid`); empty where it says nothing."""
        return ""

    @abstractmethod
    def read_accounts(self) -> list[Account]:
        """Read all accounts with one statement or a constant few, ordered by username.

        Raises SyncDataError when the list can't be read in full or a row can't be understood: a list is whole or
        it is no list.
        """

    @abstractmethod
    def read_grants(self) -> Reading:
        """Read all grants and memberships in a constant number of statements (per database where the engine forces it).

        A scope that can't be read is in the coverage with its reason and has no grants; the others are complete.
        Raises DatabaseConnectionError when the server itself is lost or out of time.
        """

    def is_same(self, source: bytes) -> bool:
        """Whether `read_accounts` and `read_grants` would give what they gave when this was the reading's `source`.

        It is asked before both, at most once, and costs the server no more than they do; what is fetched for it is not
        fetched again. Raises what they raise.
        """
        return False

    def may_hide(self, username: str) -> bool:
        """Whether an account that the list lacks may exist all the same, where this reading could not look.

        So it is on an engine whose databases have accounts of their own, while one of them can't be read.
        """
        return False

    def check(self) -> list[Visibility]:
        """Return which parts of the catalog this login can see; by default by reading it."""
        try:
            self.read_accounts()
            coverage = self.read_grants().coverage
        except SyncDataError as error:
            return [Visibility("accounts", readable=False, note=str(error))]
        seen = [Visibility(scope, item.status is Seen.OBSERVED, item.reason) for scope, item in coverage.items()]
        return [Visibility("accounts", readable=True), *seen]


class Adapter(ABC):
    """One engine."""

    rules: Rules
    """The engine's pure rules."""
    access: Access | None = None
    """Its rules of who can do what; None: it has none here."""
    findings: EngineFindings = NO_FINDINGS
    """The engine's own rules of what is wrong, and what those of all engines need to know."""
    oldest: tuple[int, ...] = ()
    """The oldest version that is read in full; empty: the engine itself refuses others."""
    default_port: int
    """The port that servers of this engine listen on."""
    home: str = ""
    """The database that a connection begins in where the instance names none; empty: the engine has no such thing."""

    @abstractmethod
    def check_options(self, options: Mapping[str, str]) -> None:
        """Raise InvalidInstanceError for an option, or a value of one, that no connection can be made with.

        How they go together is seen when connecting: a deployment may set others for all instances.
        """

    def build_collector(self, login: str, product: Product) -> list[Opening]:
        """Build the smallest script that makes a login to collect with, for an administrator to run.

        Nobody knows the login's password, or it has none and can't log in, until somebody sets one. Raises
        InvalidInstanceError for a name that no login can have.
        """
        raise InvalidInstanceError(f"no script for a collector's login can be built for {product.name}")

    @abstractmethod
    def open(
        self, instance: Instance, login: Login, limits: Limits, deadline: Deadline
    ) -> AbstractContextManager[SourceSession]:
        """Connect to an instance, for reading only, and close all connections at the end.

        Raises DatabaseConnectionError, transient or not, with a one-line reason; InvalidInstanceError for an option
        that the engine does not know.
        """

    def build_script(self, states: Mapping[str, AccountState]) -> list[str]:
        """Build the SQL that gives an empty server the same roles, memberships and grants, in an order that runs.

        Passwords are left out; a comment says so where one is needed. What has no SQL form is a comment too.
        """
        raise InvalidInstanceError(f"no SQL can be built for {self.rules.db_type}")

    def build_change(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        """Build the SQL that takes one account of a server from `before` to `after`; None: it is not there.

        Undoing a change of the log is `build_change(after, before)`. At least one of them is given.
        """
        raise InvalidInstanceError(f"no SQL can be built for {self.rules.db_type}")

    def find_gaps(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        """Return in one line each what of a change the statements of `build_change` leave out, since none can bring it.

        A password, for one: no statement gives back one that nobody kept. Empty: the statements lead to `after`.
        """
        return []
