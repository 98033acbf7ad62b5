"""Oracle 12.2 and later, read with `oracledb` in thin mode: no client library is needed.

So far this adapter has been run against stand-ins only (`tests/servers/oracle.py` says which, and how far they go),
never against an Oracle server: none can be installed from a package registry.

What the collector's login needs is CREATE SESSION and either SELECT_CATALOG_ROLE or SELECT on the views that
`catalog.sql` names. From the root of a container database it is a common user, granted with CONTAINER=ALL, that sees
all containers: `ALTER USER C##WHALEFALL SET CONTAINER_DATA=ALL CONTAINER=CURRENT`. There it needs the views of
`catalog_root.sql`, DBA_CONTAINER_DATA among them: as long as that does not say ALL, a pluggable database that is not
listed may be hidden, and nothing of it counts as gone.

Facts are from Oracle's Database Reference, SQL Language Reference and Database Error Messages, and where those say less
from the scripts that make the dictionary's views (`cdcore_privs.sql`, `cdcore_pdbs.sql`, `cdenv.sql`, of 18c).
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Adapter, Limits, Opening, Product, SourceSession
from whalefall_pipeline.adapters.oracle import script
from whalefall_pipeline.adapters.oracle.access import ACCESS
from whalefall_pipeline.adapters.oracle.catalog import Connect, Connection
from whalefall_pipeline.adapters.oracle.collector import build_collector
from whalefall_pipeline.adapters.oracle.findings import FINDINGS
from whalefall_pipeline.adapters.oracle.options import Endpoint, check_options
from whalefall_pipeline.adapters.oracle.rules import RULES
from whalefall_pipeline.core.model import AccountState, Instance, Login


def _connect(target: Endpoint, limits: Limits, deadline: Deadline) -> Connection:
    from whalefall_pipeline.adapters.oracle import connection  # noqa: PLC0415 - most processes need no Oracle driver

    return connection.connect(target, limits, deadline)


class OracleAdapter(Adapter):
    """Oracle 12.2 and later; `connect` opens a connection, by default with the real driver."""

    rules = RULES
    findings = FINDINGS
    access = ACCESS
    oldest = (12, 2)
    default_port = 1521

    def __init__(self, connect: Connect = _connect) -> None:
        self._connect = connect

    def check_options(self, options: Mapping[str, str]) -> None:
        """See `Adapter.check_options`."""
        check_options(options)

    def build_collector(self, login: str, product: Product) -> list[Opening]:
        """See `Adapter.build_collector`."""
        return build_collector(login, product)

    def open(
        self, instance: Instance, login: Login, limits: Limits, deadline: Deadline
    ) -> AbstractContextManager[SourceSession]:
        """Connect and start to read. See `Adapter.open`."""
        from whalefall_pipeline.adapters.oracle.reader import open_session  # noqa: PLC0415 - as the others do

        return open_session(self._connect, instance, login, limits, deadline)

    def build_script(self, states: Mapping[str, AccountState]) -> list[str]:
        """See `Adapter.build_script`."""
        return script.build_script(states)

    def build_change(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        """See `Adapter.build_change`."""
        return script.build_change(before, after)

    def find_gaps(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        """See `Adapter.find_gaps`."""
        return script.find_gaps(before, after)
