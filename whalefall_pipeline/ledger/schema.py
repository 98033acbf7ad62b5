"""The ledger's schema: which version is there, and how it is brought to this one."""

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from whalefall_pipeline.core.errors import LedgerError
from whalefall_pipeline.ledger.database import reading, to_place, to_reason
from whalefall_pipeline.ledger.version import MIGRATIONS, REVISIONS, VERSION_TABLE, check_not_newer, check_revision


def check_ledger(engine: Engine) -> None:
    """Raise LedgerError, with what to do, unless the ledger answers and has the schema of this version."""
    check_revision(_read_revision(engine), to_place(engine))


def upgrade_ledger(engine: Engine) -> None:
    """Bring the ledger's schema to this version; does nothing when it is there already.

    Raises LedgerError when the ledger can't be reached or has a schema that this version does not know.
    """
    revision = _read_revision(engine)
    if revision == REVISIONS[-1]:
        return
    check_not_newer(revision)
    try:
        with engine.begin() as connection:
            _migrate(connection)
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger at {to_place(engine)} can't be upgraded: {to_reason(error)}") from None


def _migrate(connection: Connection) -> None:
    # Alembic takes half a second to import, and only an upgrade needs it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _read_revision(engine: Engine) -> str | None:
    with reading(engine) as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        return connection.execute(text(f"select version_num from {VERSION_TABLE}")).scalar_one_or_none()
