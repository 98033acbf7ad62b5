"""The error taxonomy: one class per error code of the ledger's contract."""

from functools import partial
from typing import Any, ClassVar


class WhalefallError(Exception):
    """Anything else that stopped an instance's sync."""

    code: ClassVar[str] = "TASK_EXECUTION_FAILED"


class DatabaseConnectionError(WhalefallError):
    """The instance can't be reached, refuses the login, or misses its deadline.

    `transient` says whether trying again may help: never after a refused login, since that would lock the account.
    """

    code: ClassVar[str] = "DATABASE_CONNECTION_ERROR"

    def __init__(self, message: str, *, transient: bool) -> None:
        super().__init__(message)
        self.transient = transient

    def __reduce__(self) -> tuple[Any, ...]:
        """Go from process to process with all that it says."""
        return partial(type(self), transient=self.transient), self.args


class SyncDataError(WhalefallError):
    """What the catalog gave is not usable: a missing field, an unknown value, a collapse past the safety limit."""

    code: ClassVar[str] = "SYNC_DATA_ERROR"


class CollapseRefusedError(SyncDataError):
    """So many accounts would vanish that the reading is more likely wrong; nothing was changed."""


class SnapshotMissingError(WhalefallError):
    """A reader asks for the snapshot of an account that has none."""

    code: ClassVar[str] = "SNAPSHOT_MISSING"


class LedgerError(WhalefallError):
    """The ledger could not be written: the transaction was rolled back."""

    code: ClassVar[str] = "DATABASE_QUERY_ERROR"


class InvalidInstanceError(WhalefallError):
    """The instance's own definition is not usable: unknown db_type, no credential, no active instance."""

    code: ClassVar[str] = "VALIDATION_ERROR"


class InvalidInputError(WhalefallError):
    """What was typed or set is not usable: an argument, a moment, a name that nothing has, an environment variable."""

    code: ClassVar[str] = "VALIDATION_ERROR"


class SyncCancelledError(WhalefallError):
    """The session was cancelled before this instance was done."""
