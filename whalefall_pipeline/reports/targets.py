"""Whom to tell: the targets that a deployment names, each an Apprise URL, which is a secret."""
# Apprise's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from whalefall_pipeline.core.alerts import Message
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.scrub import build_scrubber
from whalefall_pipeline.core.text import make_visible
from whalefall_pipeline.settings import Settings
from whalefall_pipeline.system import read_plain

if TYPE_CHECKING:
    from apprise import Apprise

SEND_SECONDS = 15
"""For one target to take one message."""
LARGEST_FILE = 1_000_000
"""Bytes of a file of URLs."""
LONGEST_REASON = 200
DIGEST_BYTES = 12
SHORTEST_SECRET = 4
"""Characters of a part of a URL that is taken out of reasons; shorter ones are ports, flags and the like."""


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """One target; `number` is its place in the settings, from 1, and `kind` its URL's scheme, as `mailto`."""

    number: int
    kind: str
    url: str = field(repr=False)

    @property
    def label(self) -> str:
        """What it is called in texts, without what is secret of it."""
        return f"target {self.number} ({self.kind})"

    def to_digest(self, key: bytes) -> str:
        """Return a digest that tells it from others, and from which nobody without the key can guess the URL."""
        return blake2b(self.url.encode(), key=key[:64], digest_size=DIGEST_BYTES).hexdigest()

    def send(self, message: Message) -> str:
        """Send a message, and return why it was not taken; empty: it was. The reason is a line without a secret."""
        import apprise  # noqa: PLC0415 - takes long to import, and only sending needs it

        try:
            opened = self._open()
        except InvalidInputError as error:
            return str(error)
        said: list[str] = []
        kind = apprise.NotifyType.FAILURE if message.is_urgent else apprise.NotifyType.WARNING
        with _listening(said):
            taken = opened.notify(
                body=message.body,
                title=message.title,
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
                timeout=SEND_SECONDS,
            )
        if taken:
            return ""
        return self._clean(said[0] if said else f"it was not taken within {SEND_SECONDS} s, or refused")

    def _open(self) -> "Apprise":
        """Raise InvalidInputError, without the URL, unless Apprise can use it."""
        import apprise  # noqa: PLC0415 - takes long to import, and only sending needs it

        opened = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, storage_mode="memory"))
        with _listening([]):
            usable = opened.add(self.url)
        if not usable:
            raise InvalidInputError("it is no URL that Apprise knows how to use")
        return opened

    def _clean(self, reason: str) -> str:
        lines = reason.strip().splitlines()
        text = lines[0] if lines else ""
        for scrub in self._build_scrubbers():
            text = scrub(text)
        return make_visible(text)[:LONGEST_REASON]

    def _build_scrubbers(self) -> Iterator[Callable[[str], str]]:
        for secret in sorted(set(_list_secrets(self.url)), key=len, reverse=True):
            yield build_scrubber(secret)


def _list_secrets(url: str) -> Iterator[str]:
    """Yield what of a URL may be one: all of it but its scheme."""
    yield url
    parts = urlsplit(url)
    names = [*parts.netloc.replace("@", ":").split(":"), *parts.path.split("/"), *parts.fragment.split("/")]
    values = [value for _, value in parse_qsl(parts.query)]
    for name in (*names, *values):
        for spelling in (name, unquote(name)):
            if len(spelling) >= SHORTEST_SECRET:
                yield spelling


def read_targets(settings: Settings) -> list[AlertTarget]:
    """Return the targets that a deployment names. Raises InvalidInputError for a file that can't be read."""
    urls = settings.alert_urls.get_secret_value().split() if settings.alert_urls else []
    if settings.alert_urls_file:
        try:
            text = read_plain(settings.alert_urls_file, LARGEST_FILE)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise InvalidInputError(f"{settings.alert_urls_file} of the alert URLs can't be read: {reason}") from None
        lines = [line.strip() for line in text.splitlines()]
        urls += [line for line in lines if line and not line.startswith("#")]
    return _to_targets(urls)


def _to_targets(urls: Sequence[str]) -> list[AlertTarget]:
    once = dict.fromkeys(urls)
    return [AlertTarget(number, _to_kind(url), url) for number, url in enumerate(once, 1)]


def _to_kind(url: str) -> str:
    scheme, found, _ = url.partition("://")
    return scheme.lower() if found and scheme.isalnum() and len(scheme) < 20 else "unknown"


@contextmanager
def _listening(said: list[str]) -> Generator[None]:
    """Keep what Apprise logs to itself, but for its warnings: at other levels URLs are written whole."""
    logger, client = logging.getLogger("apprise"), logging.getLogger("urllib3")
    before = (logger.handlers[:], logger.propagate, logger.level, client.level)
    logger.handlers, logger.propagate = [_Listener(said)], False
    for used in (logger, client):
        used.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.handlers, logger.propagate, level, client_level = before
        logger.setLevel(level)
        client.setLevel(client_level)


class _Listener(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())
