"""Opens the ledger: its connections, its schema's version, its migrations."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from whalefall_pipeline.core.errors import LedgerError

MIGRATIONS = Path(__file__).parent / "migrations"
CONNECT_SECONDS = 10


def open_ledger(url: str, *, pool_size: int = 5) -> Engine:
    """Give an engine for the ledger at `url` (any `postgresql://` form); nothing is connected yet.

    `pool_size` connections are kept: one for each instance that is worked on, and some for sessions and queries.
    """
    try:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
    except ArgumentError:
        raise LedgerError("the ledger's URL is not usable; expected postgresql://user:password@host/db") from None
    return create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "whalefall",
            "options": "-c timezone=UTC",
        },
    )


def check_ledger(engine: Engine) -> None:
    """Raise LedgerError, with what to do, unless the ledger answers and has the schema of this version."""
    try:
        with engine.connect() as connection:
            present = _read_revisions(connection)
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger at {_place(engine)} can't be reached: {to_reason(error)}") from None
    script = _scripts()
    head = script.get_current_head()
    if present == {head}:
        return
    if not present:
        raise LedgerError(f"the ledger at {_place(engine)} is empty; create its tables with: whalefall db upgrade")
    known = {revision.revision for revision in script.walk_revisions()}
    if present <= known:
        raise LedgerError(f"the ledger's schema is older than this version ({head}); run: whalefall db upgrade")
    raise LedgerError(
        f"the ledger's schema ({', '.join(sorted(present))}) is newer than this version; upgrade whalefall"
    )


def upgrade_ledger(engine: Engine) -> None:
    """Bring the ledger's schema to this version; does nothing when it is there already.

    Raises LedgerError when the ledger can't be reached or has a schema that this version does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            unknown = _read_revisions(connection) - {item.revision for item in _scripts().walk_revisions()}
            if unknown:
                raise LedgerError(f"the ledger's schema ({', '.join(sorted(unknown))}) is newer than this version")
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger at {_place(engine)} can't be upgraded: {to_reason(error)}") from None


def to_reason(error: SQLAlchemyError) -> str:
    """Give the driver's first line on one error, without SQL, parameters or secrets."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__


def _read_revisions(connection: Connection) -> set[str]:
    return set(MigrationContext.configure(connection).get_current_heads())


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))


def _place(engine: Engine) -> str:
    return f"{engine.url.host}:{engine.url.port or 5432}/{engine.url.database}"
