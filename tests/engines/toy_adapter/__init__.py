"""A toy engine, made by the five steps of CONTRIBUTING.md: its folder is what an engine's folder in `adapters` is."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from tests.engines.toy_adapter import script
from tests.engines.toy_adapter.access import ACCESS
from tests.engines.toy_adapter.collector import build_collector
from tests.engines.toy_adapter.findings import FINDINGS
from tests.engines.toy_adapter.options import check_options
from tests.engines.toy_adapter.rules import RULES
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Adapter, Limits, Opening, Product, SourceSession
from whalefall_pipeline.core.model import AccountState, Instance, Login


class ToyAdapter(Adapter):
    """The toy server of `tests.servers.toy`."""

    rules = RULES
    access = ACCESS
    findings = FINDINGS
    default_port = 7

    def check_options(self, options: Mapping[str, str]) -> None:
        """See `Adapter.check_options`."""
        check_options(options)

    def build_collector(self, login: str, product: Product) -> list[Opening]:
        """See `Adapter.build_collector`."""
        return build_collector(login)

    def open(
        self, instance: Instance, login: Login, limits: Limits, deadline: Deadline
    ) -> AbstractContextManager[SourceSession]:
        """See `Adapter.open`."""
        from tests.engines.toy_adapter.reader import open_session

        return open_session(instance, login, limits, deadline)

    def build_script(self, states: Mapping[str, AccountState]) -> list[str]:
        """See `Adapter.build_script`."""
        return script.build_script(states)

    def build_change(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        """See `Adapter.build_change`."""
        return script.build_change(before, after)
