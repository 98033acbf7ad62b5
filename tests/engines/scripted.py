"""An engine of the tests' own: its accounts and grants are said by the test, its rules are PostgreSQL's.

For what the ledger makes of readings, whatever engine they come from; what engines give is tested on real servers.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Adapter, Limits, SourceSession, Visibility
from whalefall_pipeline.adapters.postgresql.rules import RULES
from whalefall_pipeline.adapters.tally import Tally
from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.core.model import (
    Account,
    AccountState,
    Grant,
    Instance,
    Json,
    Kind,
    Login,
    Observation,
    Reading,
    Securable,
    Security,
    Seen,
)
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.ledger.sessions import SessionStart, open_session
from whalefall_pipeline.sync.plan import Collector, Plan
from whalefall_pipeline.sync.session import run_session
from whalefall_pipeline.sync.tell import Outcome

OBSERVED = Observation(Seen.OBSERVED)


def _nothing(_name: str) -> None:
    return None


@dataclass
class ScriptedAdapter(Adapter):
    """What every instance of it holds; `hook` is called with the name of each step of a reading, and may raise.

    With `tells_rows` a reading has a digest of what it was made of, as those of most engines have; with `tells_source`
    a session knows whether it would give the same.
    """

    accounts: list[Account] = field(default_factory=list[Account])
    grants: list[Grant] = field(default_factory=list[Grant])
    coverage: dict[str, Observation] = field(default_factory=lambda: {"server": OBSERVED})
    hidden: set[str] = field(default_factory=set[str])
    tells_rows: bool = False
    tells_source: bool = False
    attributes: Mapping[str, Json] | None = None
    version: str = "Scripted 1.0"
    identity: str = ""
    security: Security = field(default_factory=Security)
    grants_error: WhalefallError | None = None
    hook: Callable[[str], None] = _nothing
    default_port: int = 1
    rules: Rules = RULES
    opened: int = 0

    def read(self) -> Reading:
        tally = Tally()
        tally.add([[repr(account) for account in self.accounts], [repr(grant) for grant in self.grants]])
        rows = tally.digest if self.tells_rows else b""
        source = self.build_source() if self.tells_source else b""
        return replace(Reading.of(self.grants, self.coverage, rows), attributes=self.attributes, source=source)

    def build_source(self) -> bytes:
        return repr((self.accounts, self.grants, self.coverage, self.hidden, self.attributes)).encode()

    def check_options(self, options: Mapping[str, str]) -> None:
        """Any will do."""

    @contextmanager
    def open(
        self, instance: Instance, login: Login, limits: Limits, deadline: Deadline
    ) -> Generator["ScriptedSession"]:
        self.opened += 1
        self.hook("open")
        yield ScriptedSession(self)

    def build_script(self, states: Mapping[str, AccountState]) -> list[str]:
        return sorted(states)

    def build_change(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        return []


@dataclass
class ScriptedSession(SourceSession):
    """One reading of it."""

    adapter: ScriptedAdapter

    @property
    def version(self) -> str:
        return self.adapter.version

    @property
    def statements(self) -> int:
        return 2

    @property
    def security(self) -> Security:
        return self.adapter.security

    @property
    def identity(self) -> str:
        return self.adapter.identity

    def is_same(self, source: bytes) -> bool:
        self.adapter.hook("is_same")
        return self.adapter.tells_source and self.adapter.build_source() == source

    def read_accounts(self) -> list[Account]:
        self.adapter.hook("accounts")
        return list(self.adapter.accounts)

    def read_grants(self) -> Reading:
        self.adapter.hook("grants")
        if self.adapter.grants_error:
            raise self.adapter.grants_error
        return self.adapter.read()

    def may_hide(self, username: str) -> bool:
        return username in self.adapter.hidden

    def check(self) -> list[Visibility]:
        return []


@dataclass
class Fleet:
    """Instances that one scripted adapter serves, in a ledger, and a way to sync them."""

    engine: Engine
    home: Path
    adapter: ScriptedAdapter = field(default_factory=ScriptedAdapter)
    instances: list[Instance] = field(default_factory=list[Instance])

    def register(self, *names: str, vanish_limit: int = 50) -> None:
        store = SecretStore(self.home)
        for name in names:
            instance = Instance(0, name, "postgresql", "127.0.0.1", 1, vanish_limit_percent=vanish_limit)
            with self.engine.connect() as connection, transaction(connection):
                self.instances.append(
                    write_instance(connection, instance, username="collector", secret=store.encrypt("hush"))
                )

    def plan(self, **settings: Any) -> Plan:
        plan = Plan(
            session_id=str(uuid4()),
            engine=self.engine,
            collectors={"postgresql": Collector(self.adapter)},
            store=SecretStore(self.home),
            backoff_seconds=0,
            heartbeat_seconds=0.05,
        )
        return replace(plan, **settings)

    def sync(self, instances: Sequence[Instance] | None = None, **settings: Any) -> list[Outcome]:
        """Sync instances (all) in a session of their own, and give the outcomes."""
        return self.run(self.plan(**settings), instances)

    def run(
        self,
        plan: Plan,
        instances: Sequence[Instance] | None = None,
        tell: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> list[Outcome]:
        chosen = self.instances if instances is None else instances
        with self.engine.connect() as connection, transaction(connection):
            open_session(connection, SessionStart(plan.session_id, "manual_batch"), chosen)
        return run_session(plan, chosen, tell)


FLAGS = {"rolsuper": False, "rolcreaterole": False, "rolcanlogin": True}


def user(name: str, **attributes: bool | str | int) -> Account:
    return Account(name, Kind.USER, {**FLAGS, **attributes})


def role(name: str) -> Account:
    return Account(name, Kind.ROLE, {**FLAGS, "rolcanlogin": False})


def select_on(grantee: str, table: str, *, database: str = "shop", option: bool = False) -> Grant:
    return Grant(grantee, "SELECT", Securable("table", database, "public", table), option)
