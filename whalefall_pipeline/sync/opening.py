"""Connects to an instance, for a sync and for a check alike: no text comes from it with the login's secret in it.

Error texts, reasons, notes, version, identity and settings are scrubbed, and control characters in them made visible.
Names of accounts and of what they hold are data, and come as they are.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import SourceSession, Visibility
from whalefall_pipeline.core.errors import InvalidInstanceError, SyncDataError, WhalefallError
from whalefall_pipeline.core.exclusions import OF_ACCOUNT, leave_out, leave_out_accounts
from whalefall_pipeline.core.model import Account, Instance, Json, Login, Reading, Security
from whalefall_pipeline.core.parts import to_whole
from whalefall_pipeline.core.scrub import build_scrubber
from whalefall_pipeline.core.text import is_unicode, make_visible
from whalefall_pipeline.sync.plan import Collector

NOT_UNDERSTOOD = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What comes of rows that are not as they were asked for: no row, other columns, another type."""


@contextmanager
def open_source(collector: Collector, instance: Instance, login: Login, deadline: Deadline) -> Generator[SourceSession]:
    """Connect to an instance within the collector's limits; whatever is raised inside has no secret in its text.

    Raises what `Adapter.open` does, InvalidInstanceError for a login that no driver can send, and SyncDataError for an
    answer that can't be understood; anything else unexpected leaves as WhalefallError with its first line.
    """
    _check_login(instance, login)
    scrub = build_scrubber(login.password)
    with _cleaning_errors(scrub), collector.adapter.open(instance, login, collector.limits, deadline) as session:
        yield _CleanSession(session, scrub, instance.excluded)


def _check_login(instance: Instance, login: Login) -> None:
    """Raise InvalidInstanceError for bytes that are no text, as an environment may hold, and for a zero character.

    A driver that is written in C ends a text there, and all that follows in its connection string: the address, too.
    """
    text = login.username + login.password
    if "\0" in text or not is_unicode(text):
        what = "a zero character" if "\0" in text else "bytes that are no UTF-8"
        remedy = f"set another with: whalefall credentials set {instance.name}"
        raise InvalidInstanceError(f"the login's name or secret holds {what}; {remedy}")


@contextmanager
def _cleaning_errors(scrub: Callable[[str], str]) -> Generator[None]:
    try:
        yield
    except WhalefallError as error:
        error.args = tuple(_clean(scrub, arg) if isinstance(arg, str) else arg for arg in error.args)
        raise error from None
    except Exception as error:  # noqa: BLE001 - a driver's text may hold the secret, whatever its class
        line = _clean(scrub, str(error)).strip().partition("\n")[0]
        what = f"{type(error).__name__}: {line}" if line else type(error).__name__
        if isinstance(error, NOT_UNDERSTOOD):
            raise SyncDataError(f"what the server answered can't be understood: {what}") from None
        raise WhalefallError(what) from None


def to_first_line(error: BaseException) -> str:
    """Return the first line of an error's text, for one-line messages."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _clean(scrub: Callable[[str], str], text: str) -> str:
    """Scrub a text before its lines are parted: a secret may have line breaks."""
    return "\n".join(map(make_visible, scrub(text).splitlines()))


def _clean_line(scrub: Callable[[str], str], text: str) -> str:
    return make_visible(scrub(text))


@dataclass(frozen=True)
class _CleanSession(SourceSession):
    """Another session, with its texts cleaned, and without what is excluded."""

    inner: SourceSession
    scrub: Callable[[str], str]
    excluded: Mapping[str, str]

    @property
    def version(self) -> str:
        """See SourceSession."""
        return _clean_line(self.scrub, self.inner.version)

    @property
    def statements(self) -> int:
        """See SourceSession."""
        return self.inner.statements

    @property
    def security(self) -> Security:
        """See SourceSession."""
        return self.inner.security

    @property
    def identity(self) -> str:
        """See SourceSession."""
        return _clean_line(self.scrub, self.inner.identity)

    def read_accounts(self) -> list[Account]:
        """See SourceSession."""
        return leave_out_accounts(self.inner.read_accounts(), self.excluded)

    def read_grants(self) -> Reading:
        """See SourceSession."""
        with _cleaning_errors(self.scrub):
            reading = leave_out(self.inner.read_grants(), self.excluded)
        coverage = {
            scope: seen._replace(reason=_clean_line(self.scrub, seen.reason))
            for scope, seen in reading.coverage.items()
        }
        attributes = reading.attributes
        if attributes is not None:
            attributes = {name: self._scrub_value(value) for name, value in attributes.items()}
        return replace(reading, coverage=coverage, attributes=attributes)

    def _scrub_value(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.scrub(value)
        if isinstance(value, list):
            return [self._scrub_value(item) for item in value]
        if isinstance(value, dict):
            return {name: self._scrub_value(item) for name, item in value.items()}
        return value

    def is_same(self, source: bytes) -> bool:
        """See SourceSession."""
        return self.inner.is_same(source)

    def may_hide(self, username: str) -> bool:
        """See SourceSession."""
        return f"{OF_ACCOUNT}{username}" in self.excluded or self.inner.may_hide(username)

    def check(self) -> list[Visibility]:
        """See SourceSession."""
        parts = [replace(part, note=_clean_line(self.scrub, part.note)) for part in self.inner.check()]
        read = [part for part in parts if part.scope not in self.excluded and to_whole(part.scope) not in self.excluded]
        return [*read, *(Visibility(scope, False, reason, True) for scope, reason in sorted(self.excluded.items()))]
