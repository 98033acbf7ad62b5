"""SQL Server 2016 and later, read with `mssql-python`."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Adapter, Limits, Opening, Product, SourceSession
from whalefall_pipeline.adapters.sqlserver.access import ACCESS
from whalefall_pipeline.adapters.sqlserver.collector import build_collector
from whalefall_pipeline.adapters.sqlserver.findings import FINDINGS
from whalefall_pipeline.adapters.sqlserver.options import translate_options
from whalefall_pipeline.adapters.sqlserver.rules import RULES
from whalefall_pipeline.adapters.sqlserver.script import build_change, build_script
from whalefall_pipeline.core.model import AccountState, Instance, Login


class SqlserverAdapter(Adapter):
    """SQL Server 2016 and later."""

    rules = RULES
    findings = FINDINGS
    access = ACCESS
    oldest = (13,)
    default_port = 1433
    home = "master"

    def check_options(self, options: Mapping[str, str]) -> None:
        """See `Adapter.check_options`."""
        translate_options(options)

    def build_collector(self, login: str, product: Product) -> list[Opening]:
        """See `Adapter.build_collector`."""
        return build_collector(login)

    def open(
        self, instance: Instance, login: Login, limits: Limits, deadline: Deadline
    ) -> AbstractContextManager[SourceSession]:
        """Connect, with TLS unless an option says otherwise. See `Adapter.open`."""
        from whalefall_pipeline.adapters.sqlserver.reader import open_session  # noqa: PLC0415 - loads the driver

        return open_session(instance, login, limits, deadline)

    def build_script(self, states: Mapping[str, AccountState]) -> list[str]:
        """See `Adapter.build_script`."""
        return build_script(states)

    def build_change(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        """See `Adapter.build_change`."""
        return build_change(before, after)
