"""PostgreSQL 14 and later."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Adapter, Limits, Opening, Product, SourceSession
from whalefall_pipeline.adapters.postgresql import script
from whalefall_pipeline.adapters.postgresql.access import ACCESS
from whalefall_pipeline.adapters.postgresql.collector import build_collector
from whalefall_pipeline.adapters.postgresql.findings import FINDINGS
from whalefall_pipeline.adapters.postgresql.options import check_options
from whalefall_pipeline.adapters.postgresql.rules import RULES
from whalefall_pipeline.core.model import AccountState, Instance, Login


class PostgresqlAdapter(Adapter):
    """PostgreSQL 14 and later; 13 works as far as its catalogs go."""

    rules = RULES
    access = ACCESS
    findings = FINDINGS
    oldest = (14,)
    default_port = 5432
    home = "postgres"

    def check_options(self, options: Mapping[str, str]) -> None:
        """See `Adapter.check_options`."""
        check_options(options)

    def build_collector(self, login: str, product: Product) -> list[Opening]:
        """See `Adapter.build_collector`."""
        return build_collector(login)

    def open(
        self, instance: Instance, login: Login, limits: Limits, deadline: Deadline
    ) -> AbstractContextManager[SourceSession]:
        """Connect to the instance's database, `postgres` where it names none. See `Adapter.open`."""
        from whalefall_pipeline.adapters.postgresql.reader import open_session  # noqa: PLC0415 - loads the driver

        return open_session(instance, login, limits, deadline)

    def build_script(self, states: Mapping[str, AccountState]) -> list[str]:
        """See `Adapter.build_script`."""
        return script.build_script(states)

    def build_change(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        """See `Adapter.build_change`."""
        return script.build_change(before, after)

    def find_gaps(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        """See `Adapter.find_gaps`."""
        return script.find_gaps(before, after)
