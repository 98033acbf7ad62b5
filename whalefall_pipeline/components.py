"""The component that `dg` lists and scaffolds: the definitions, described in YAML. Nothing of ours imports it."""

from collections.abc import Sequence

import dagster as dg

from whalefall_pipeline.defs.building import build_defs
from whalefall_pipeline.defs.specs import GROUP


class DatabaseAccounts(dg.Component, dg.Model, dg.Resolvable):
    """Database accounts and their permissions as assets, kept in a PostgreSQL ledger.

    The ledger is what WHALEFALL_DATABASE_URL names. Instances are registered in it: whalefall instances import.
    """

    key_prefix: Sequence[str] = ()
    group_name: str = GROUP
    owners: Sequence[str] = ()
    tags: dict[str, str] | None = None
    docs_url: str | None = None
    schedule: str | None = None
    timezone: str = "UTC"

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the definitions as the YAML has them."""
        return build_defs(
            key_prefix=self.key_prefix,
            group_name=self.group_name,
            owners=self.owners,
            tags=self.tags,
            docs_url=self.docs_url,
            schedule=self.schedule,
            timezone=self.timezone,
        )
