"""Reads a stand-in of Oracle's for tests: from one of its pluggable databases, or from the root."""

from collections.abc import Mapping

from tests.engines.oracle import STAND_IN_PORT, to_connect
from tests.servers.oracle import COLLECTOR, PASSWORD, StandIn
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.adapters.oracle import OracleAdapter, rules
from whalefall_pipeline.adapters.oracle.reader import OracleSession
from whalefall_pipeline.core.model import AccountState, Coverage, Instance, Login
from whalefall_pipeline.core.states import build_states

ROOT = "FREE"
PDB = "SALESPDB"
PART_VIEWS = {
    rules.ROLES: "DBA_ROLE_PRIVS",
    rules.SYSTEM_PRIVILEGES: "DBA_SYS_PRIVS",
    rules.OBJECT_PRIVILEGES: "DBA_TAB_PRIVS",
    rules.COLUMN_PRIVILEGES: "DBA_COL_PRIVS",
    rules.PROXIES: "DBA_PROXIES",
    rules.QUOTAS: "DBA_TS_QUOTAS",
    rules.DEFINERS: "DBA_PROCEDURES",
}


class Seen:
    """What one reading gave."""

    def __init__(self, session: OracleSession) -> None:
        self.accounts = session.read_accounts()
        reading = session.read_grants()
        self.grants = reading.grants
        self.coverage: Coverage = reading.coverage
        self.states: Mapping[str, AccountState]
        self.states, self.strangers = build_states(self.accounts, reading.held)
        self.statements = session.statements
        self.version = session.version
        self.identity = session.identity
        self.attributes = reading.attributes
        self._may_hide = session.may_hide
        self.may_hide = {name: session.may_hide(name) for name in ("OLDPDB.SCOTT", "SALESPDB.SCOTT", "SCOTT")}

    def may_hide_any(self, username: str) -> bool:
        """Return what the session says of an account that the list lacks."""
        return self._may_hide(username)

    def tokens(self, username: str) -> set[tuple[str, str]]:
        """Return what an account holds, each as privilege and securable in words."""
        return {(grant.privilege, str(grant.securable)) for grant in self.states[username].grants}

    @property
    def unseen(self) -> dict[str, str]:
        """Scopes that were not observed, with the reason."""
        return {scope: item.reason for scope, item in self.coverage.items() if item.reason}


def to_adapter(server: StandIn) -> OracleAdapter:
    return OracleAdapter(connect=to_connect(server))


def to_instance(service: str = PDB) -> Instance:
    return Instance(1, "oracle", "oracle", "db.example", STAND_IN_PORT, service)


def read(server: StandIn, service: str = PDB, deadline: Deadline | None = None) -> Seen:
    login = Login(COLLECTOR, PASSWORD)
    with to_adapter(server).open(to_instance(service), login, Limits(), deadline or Deadline(60)) as session:
        assert isinstance(session, OracleSession)
        return Seen(session)
