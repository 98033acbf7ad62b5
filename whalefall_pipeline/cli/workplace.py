"""Where a command works: the ledger and Dagster's storage, embedded or the user's own."""

import getpass
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from whalefall_pipeline.embedded import embedded_server
from whalefall_pipeline.ledger.database import open_ledger
from whalefall_pipeline.ledger.schema import check_ledger, upgrade_ledger
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.services import dagster_environment
from whalefall_pipeline.settings import Settings, get_settings

LEDGER, DAGSTER = "whalefall", "dagster"


@dataclass(frozen=True, slots=True)
class Workplace:
    """The ledger, opened, and where Dagster keeps its own."""

    settings: Settings
    engine: Engine
    store: SecretStore
    ledger_url: str = field(repr=False)
    dagster_url: str = field(repr=False)

    @property
    def home(self) -> Path:
        """The folder of all that is kept beside the databases."""
        return self.settings.home.absolute()

    def build_environment(self) -> dict[str, str]:
        """Give the environment for Dagster's processes."""
        return dagster_environment(self.home, dagster_url=self.dagster_url, ledger_url=self.ledger_url)


@contextmanager
def open_workplace(*, check: bool = True) -> Generator[Workplace]:
    """Open the ledger for a command; without WHALEFALL_DATABASE_URL, on the embedded server, started for it if need be.

    The embedded ledger is brought to this version; a ledger of the user's own is only checked (`check`). Raises
    LedgerError when it can't be used.
    """
    settings = get_settings()
    if settings.database_url:
        ledger_url = settings.database_url.get_secret_value()
        dagster_url = settings.dagster_url.get_secret_value() if settings.dagster_url else ledger_url
        yield _build(settings, ledger_url, dagster_url, check=check)
        return
    with embedded_server(settings.home.absolute() / "postgres") as server:
        server.ensure_database(LEDGER)
        server.ensure_database(DAGSTER)
        dagster_url = settings.dagster_url.get_secret_value() if settings.dagster_url else None
        workplace = _build(settings, server.url(LEDGER), dagster_url or server.url(DAGSTER), check=False)
        upgrade_ledger(workplace.engine)
        yield workplace


def _build(settings: Settings, ledger_url: str, dagster_url: str, *, check: bool) -> Workplace:
    engine = open_ledger(ledger_url)
    if check:
        check_ledger(engine)
    key = settings.secret_key.get_secret_value() if settings.secret_key else None
    return Workplace(settings, engine, SecretStore(settings.home.absolute(), key), ledger_url, dagster_url)


def find_user() -> str:
    """Name who runs this command, as the operating system tells."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
