"""The environment as typed settings: one variable `WHALEFALL_<NAME>` each, all optional; an empty one is not set.

Written with the standard library alone: every command reads it, and pydantic takes longer to import than to answer.
"""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from whalefall_pipeline.core import limits
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.findings.model import Severity
from whalefall_pipeline.core.text import make_visible

PREFIX = "WHALEFALL_"
HOME = Path(".whalefall")
DAY = 86_400
_CRON = re.compile(r"(@(hourly|daily|midnight|weekly|monthly|annually|yearly))|[\d*][^\s]*(\s+[\w*?][^\s]*){4}")


class Secret:
    """A value that shows itself only when it is asked to."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret('**********')"

    def get_secret_value(self) -> str:
        """Return the value itself."""
        return self._value


def _plain(description: str, parse: Callable[[str], object]) -> Mapping[str, Any]:
    return {"description": description, "parse": parse}


def _whole(description: str, *, least: int, most: int) -> Mapping[str, Any]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", text.strip(), re.ASCII) or not least <= int(text) <= most:
            raise ValueError(f"it must be a whole number from {least} to {most}")
        return int(text)

    return _plain(description, parse)


def _seconds(description: str, *, zero: bool = False) -> Mapping[str, Any]:
    def parse(text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not (0 < seconds <= DAY or (zero and seconds == 0)):
            raise ValueError(f"it must be a number of seconds, {'at least' if zero else 'more than'} 0, at most {DAY}")
        return seconds

    return _plain(description, parse)


def _to_database_url(text: str) -> Secret:
    try:
        parts = urlsplit(text)
        fine = parts.scheme.partition("+")[0] in ("postgresql", "postgres") and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine:
        raise ValueError("it must be postgresql://user:password@host:port/database")
    return Secret(text)


def _to_web_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine:
        raise ValueError("it must be http://host:port or https://host:port")
    return text


def _to_cron(text: str) -> str:
    if not _CRON.fullmatch(text.strip()):
        raise ValueError("it must be a cron expression of five fields, such as 0 3 * * *")
    return text


def _to_severity(text: str) -> Severity:
    try:
        return Severity(text.strip().lower())
    except ValueError:
        raise ValueError(f"it must be one of {', '.join(Severity)}") from None


def _to_home(text: str) -> Path:
    if "\0" in text or "\n" in text:
        raise ValueError("it must be a path")
    return Path(text).expanduser()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a deployment sets; the defaults suit a laptop."""

    home: Path = field(
        default=HOME, metadata=_plain("folder of the embedded server, Dagster's files and the key", _to_home)
    )
    database_url: Secret | None = field(
        default=None, metadata=_plain("the ledger; unset: the embedded PostgreSQL", _to_database_url)
    )
    dagster_url: Secret | None = field(
        default=None, metadata=_plain("Dagster's storage; unset: beside the ledger", _to_database_url)
    )
    secret_key: Secret | None = field(
        default=None,
        metadata=_plain(
            "Fernet key of the credentials; two with a comma between while it is rotated; unset: <home>/secret.key",
            Secret,
        ),
    )

    schedule: str = field(
        default="0 3 * * *",
        metadata=_plain("cron, in UTC, of the schedule that syncs all active instances", _to_cron),
    )
    parallelism: int = field(
        default=limits.PARALLELISM,
        metadata=_whole(
            "instances worked on at once in a run: drivers wait on the network most of the time", least=1, most=256
        ),
    )
    processes: int | None = field(
        default=None,
        metadata=_whole(
            "processes that a run's instances go over, where they are many; unset: as many as cores, at most 4",
            least=1,
            most=64,
        ),
    )
    partitions_per_run: int = field(
        default=500,
        metadata=_whole(
            "instances in one run at most: what one crash or cancel costs, and one event log holds",
            least=1,
            most=100_000,
        ),
    )
    connect_seconds: float = field(
        default=limits.CONNECT_SECONDS, metadata=_seconds("until a connection stands, handshake and login included")
    )
    statement_seconds: float = field(default=limits.STATEMENT_SECONDS, metadata=_seconds("for one catalog statement"))
    instance_seconds: float = field(
        default=limits.INSTANCE_SECONDS, metadata=_seconds("for one instance from connecting to the last row")
    )
    answer_bytes: int = field(
        default=limits.ANSWER_BYTES,
        metadata=_whole(
            "what one answer of a server may hold, to all that is asked at once, so that none fills the memory",
            least=1_000_000,
            most=2**40,
        ),
    )
    attempts: int = field(
        default=limits.ATTEMPTS,
        metadata=_whole("tries per instance when it can't be reached; a refused login has one", least=1, most=100),
    )
    backoff_seconds: float = field(
        default=limits.BACKOFF_SECONDS, metadata=_seconds("before the second try; doubles, with jitter", zero=True)
    )
    lock_wait_seconds: float = field(
        default=limits.LOCK_WAIT_SECONDS,
        metadata=_seconds("for another session that works on the same instance", zero=True),
    )
    heartbeat_seconds: float = field(
        default=limits.HEARTBEAT_SECONDS, metadata=_seconds("between two signs of life of a running session")
    )
    keep_records_days: int = field(
        default=400,
        metadata=_whole(
            "how long finished sessions and their records are kept; accounts' history always is",
            least=1,
            most=100_000,
        ),
    )
    keep_runs_days: int = field(
        default=90,
        metadata=_whole(
            "how long Dagster's finished runs and events are kept; those that partitions show always are",
            least=1,
            most=100_000,
        ),
    )
    fresh_hours: int = field(
        default=25,
        metadata=_whole(
            "hours after which the UI warns that no instance was synced; after twice as many it is stale",
            least=1,
            most=10_000,
        ),
    )
    rules: Path | None = field(
        default=None,
        metadata=_plain("YAML file with rules of your own, and options of those that there are", _to_home),
    )
    alert_urls: Secret | None = field(
        default=None,
        metadata=_plain("whom to tell: Apprise URLs, parted by spaces; unset: nobody, and no alert is written", Secret),
    )
    alert_urls_file: Path | None = field(
        default=None, metadata=_plain("a file of such URLs, one a line, instead or as well", _to_home)
    )
    alert_severity: Severity = field(
        default=Severity.HIGH, metadata=_plain("from which severity on a new finding is an alert", _to_severity)
    )
    webserver_hosts: str | None = field(
        default=None,
        metadata=_plain(
            "names of the UI besides loopback and its own address, such as `ui.example, ui.test:8443`", str
        ),
    )
    webserver_url: str | None = field(
        default=None, metadata=_plain("where `whalefall sync` launches; unset: as `whalefall up` runs", _to_web_url)
    )


@cache
def get_settings() -> Settings:
    """Read the environment, once per process. Raises InvalidInputError with the variable and what it must be."""
    return read_settings(os.environ)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings of an environment. Raises InvalidInputError with the variable and what it must be.

    A home that is not named is the nearest `.whalefall`, here or in a folder above, as Git finds its own.
    """
    values: dict[str, Any] = {}
    for item in fields(Settings):
        name = f"{PREFIX}{item.name.upper()}"
        text = environment.get(name, "")
        if not text:
            continue
        try:
            values[item.name] = item.metadata["parse"](text)
        except ValueError as error:
            # URLs and keys hold secrets, so only what is plain is repeated.
            said = f"is {make_visible(text[:80])!r}" if item.metadata["parse"] not in _SECRETS else "is not usable"
            raise InvalidInputError(f"{name} {said}: {error}") from None
    values.setdefault("home", find_home(Path.cwd()))
    return Settings(**values)


_SECRETS = (_to_database_url, Secret)


def find_home(here: Path) -> Path:
    """Return the nearest folder `.whalefall` of ours, here or above; else the one that would be here."""
    for folder in (here, *here.parents):
        home = folder / HOME
        try:
            if home.is_dir() and home.stat().st_uid == os.geteuid():
                return home
        except OSError:
            continue
    return here / HOME
