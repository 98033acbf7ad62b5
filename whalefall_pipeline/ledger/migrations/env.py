"""Alembic's environment: migrations run on the connection that `upgrade_ledger` gives, in its transaction."""

from alembic import context

from whalefall_pipeline.ledger.schema import VERSION_TABLE
from whalefall_pipeline.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
