"""Where a command works: the ledger and Dagster's storage, embedded or the user's own, and the home beside them."""

import getpass
import os
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from whalefall_pipeline.cli.output import warn
from whalefall_pipeline.core.errors import InvalidInputError, LedgerError
from whalefall_pipeline.embedded import EmbeddedServer, embedded_server, is_running
from whalefall_pipeline.ledger.reader import Reader, read_revision, reading
from whalefall_pipeline.ledger.version import REVISIONS, check_revision
from whalefall_pipeline.settings import HOME, Secret, Settings, get_settings
from whalefall_pipeline.system import close_folder, make_private

if TYPE_CHECKING:  # both take longer to import than a question to answer
    from sqlalchemy import Engine

    from whalefall_pipeline.ledger.secrets import SecretStore

LEDGER, DAGSTER = "whalefall", "dagster"
SERVER = "postgres"
DEMO = "demo"
"""Folders of a home: of the embedded server, and of the demo, which has a home of its own."""


@dataclass(frozen=True)
class Workplace:
    """The ledger, and where Dagster keeps its own."""

    settings: Settings
    ledger_url: str = field(repr=False)
    dagster_url: str = field(repr=False)

    @property
    def home(self) -> Path:
        """The folder of all that is kept beside the databases."""
        return self.settings.home.absolute()

    @cached_property
    def engine(self) -> "Engine":
        """The ledger, for those that write to it or know it by its tables."""
        from whalefall_pipeline.ledger.database import open_ledger  # noqa: PLC0415 - only where it is needed

        return open_ledger(self.ledger_url)

    @cached_property
    def store(self) -> "SecretStore":
        """The credentials' secrets."""
        from whalefall_pipeline.ledger.secrets import SecretStore  # noqa: PLC0415 - only where it is needed

        make_private(self.home)
        return SecretStore(self.home, to_text(self.settings.secret_key))

    def reading(self) -> AbstractContextManager[Reader]:
        """Open the ledger for questions."""
        return reading(self.ledger_url)

    def build_environment(self) -> dict[str, str]:
        """Return the environment for Dagster's processes."""
        from whalefall_pipeline.services import dagster_environment  # noqa: PLC0415 - only where it is needed

        make_private(self.home)
        return dagster_environment(self.home, dagster_url=self.dagster_url, ledger_url=self.ledger_url)


@contextmanager
def open_workplace(*, check: bool = True, make: bool = False) -> Generator[Workplace]:
    """Open the ledger for a command; without WHALEFALL_DATABASE_URL, on the embedded server, started for it if need be.

    The embedded ledger is brought to this version; a ledger of the user's own is only checked (`check`). Only `make`
    makes a home where there is none: else a command in the wrong folder would answer from an empty ledger. Raises
    LedgerError or InvalidInputError, with what to do.
    """
    settings = get_settings()
    _close_home(settings.home.absolute())
    ledger_url = to_text(settings.database_url)
    if ledger_url:
        workplace = Workplace(settings, ledger_url, to_text(settings.dagster_url) or ledger_url)
        if check:
            with workplace.reading() as reader:
                check_revision(read_revision(reader), reader.info.host + "/" + reader.info.dbname)
        yield workplace
        return
    if not make:
        check_home(settings.home.absolute())
    with _embedded(settings) as workplace:
        yield workplace


@contextmanager
def open_reader() -> Generator[Reader]:
    """Open the ledger for a command that only asks."""
    with open_workplace() as workplace, workplace.reading() as reader:
        yield reader


@contextmanager
def open_demo() -> Generator[Workplace]:
    """Open the demo's own home, on an embedded server; whatever ledger the environment names is not touched."""
    settings = get_settings()
    home = settings.home.absolute() / DEMO
    make_private(home)
    with _embedded(replace(settings, home=home, database_url=None, dagster_url=None)) as workplace:
        yield workplace


def make_home(folder: Path | None) -> Path:
    """Make a home with an embedded ledger in a folder, else where the environment names one, else here."""
    settings = get_settings()
    home = (folder or (settings.home if os.environ.get("WHALEFALL_HOME") else HOME)).absolute()
    with _embedded(replace(settings, home=home, dagster_url=None)):
        return home


def runs_already() -> bool:
    """Return whether the ledger can be asked without starting a server for it."""
    settings = get_settings()
    return settings.database_url is not None or is_running(settings.home.absolute() / SERVER)


def check_home(home: Path) -> None:
    """Raise InvalidInputError unless an embedded ledger was made in a home, or is being made."""
    if not (home / SERVER).is_dir():
        named = os.environ.get("WHALEFALL_HOME")
        where = f"{home} has no ledger" if named else f"there is no {HOME} here or above ({home.parent})"
        raise InvalidInputError(f"{where}: name one with WHALEFALL_HOME, or make one with: whalefall init")


def find_servers(home: Path) -> list[Path]:
    """Return the folders of the embedded servers that may run for a home, the demo's included."""
    return [home / SERVER, home / DEMO / SERVER, home / DEMO / "shop"]


@contextmanager
def _embedded(settings: Settings) -> Generator[Workplace]:
    make_private(settings.home.absolute())
    with embedded_server(settings.home.absolute() / SERVER) as server:
        dagster_url = to_text(settings.dagster_url) or server.url(DAGSTER)
        workplace = Workplace(settings, server.url(LEDGER), dagster_url)
        if not _is_current(workplace):
            _upgrade(server, workplace)
        yield workplace


def _is_current(workplace: Workplace) -> bool:
    try:
        with workplace.reading() as reader:
            return read_revision(reader) == REVISIONS[-1]
    except LedgerError:  # the database is not there yet; what else is wrong is said by the upgrade
        return False


def _upgrade(server: EmbeddedServer, workplace: Workplace) -> None:
    from whalefall_pipeline.ledger.schema import upgrade_ledger  # noqa: PLC0415 - only where it is needed

    server.ensure_database(LEDGER)
    server.ensure_database(DAGSTER)
    upgrade_ledger(workplace.engine)


def _close_home(home: Path) -> None:
    """Take a home that is ours from all others: it has the key of the credentials, and the server's password."""
    ours = (home / SERVER).is_dir() or (home / "secret.key").is_file()
    mode = close_folder(home, change=ours)
    if mode is not None:
        done = "it is closed to them now" if ours else f"close it with: chmod 700 {home}"
        warn(f"{home} was open to other users (mode {mode:04o}); {done}")


def to_text(secret: Secret | None) -> str | None:
    """Return a secret's value, if there is one."""
    return secret.get_secret_value() if secret else None


def find_user() -> str:
    """Return who runs this command, by the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
