"""MySQL (8.0 and later) and MariaDB (10.4 and later): one adapter, which asks the server which of the two it is."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Adapter, Limits, Opening, Product, SourceSession
from whalefall_pipeline.adapters.mysql import script
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.adapters.mysql.collector import build_collector
from whalefall_pipeline.adapters.mysql.findings import FINDINGS
from whalefall_pipeline.adapters.mysql.options import check_options
from whalefall_pipeline.adapters.mysql.rules import RULES
from whalefall_pipeline.core.model import AccountState, Instance, Login


class MysqlAdapter(Adapter):
    """MySQL and MariaDB. `options.OPTIONS` lists the options of an instance."""

    rules = RULES
    access = ACCESS
    findings = FINDINGS
    default_port = 3306

    def check_options(self, options: Mapping[str, str]) -> None:
        """See `Adapter.check_options`."""
        check_options(options)

    def build_collector(self, login: str, product: Product) -> list[Opening]:
        """See `Adapter.build_collector`."""
        return build_collector(login, product)

    def open(
        self, instance: Instance, login: Login, limits: Limits, deadline: Deadline
    ) -> AbstractContextManager[SourceSession]:
        """Connect and begin a read-only transaction. See `Adapter.open`."""
        from whalefall_pipeline.adapters.mysql.reader import open_session  # noqa: PLC0415 - loads the driver

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
