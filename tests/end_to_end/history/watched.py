"""A real server as an instance of a ledger, synced with its real adapter."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from tests.engines.engine import Server
from tests.engines.reading import LIMITS
from tests.ledger.rows import read
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Adapter, Limits, SourceSession, Visibility
from whalefall_pipeline.core.model import Account, AccountState, Instance, Login, Reading
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.snapshot import to_state
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.ledger.sessions import SessionStart, open_session
from whalefall_pipeline.sync.plan import Collector, Plan
from whalefall_pipeline.sync.session import run_session
from whalefall_pipeline.sync.tell import Outcome

Snapshots = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Interrupted(Adapter):
    """A server's adapter; `between` happens when a reading has the accounts, and not yet the grants."""

    inner: Adapter
    between: Callable[[], object]
    rules: Rules = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", self.inner.rules)

    @contextmanager
    def open(
        self, instance: Instance, login: Login, limits: Limits, deadline: Deadline
    ) -> Generator["InterruptedSession"]:
        with self.inner.open(instance, login, limits, deadline) as session:
            yield InterruptedSession(session, self.between)

    def check_options(self, options: Mapping[str, str]) -> None:
        self.inner.check_options(options)

    def build_script(self, states: Mapping[str, AccountState]) -> list[str]:
        return self.inner.build_script(states)

    def build_change(self, before: AccountState | None, after: AccountState | None) -> list[str]:
        return self.inner.build_change(before, after)


@dataclass(frozen=True)
class InterruptedSession(SourceSession):
    """One reading of it."""

    inner: SourceSession
    between: Callable[[], object]

    @property
    def version(self) -> str:
        return self.inner.version

    @property
    def statements(self) -> int:
        return self.inner.statements

    def read_accounts(self) -> list[Account]:
        return self.inner.read_accounts()

    def read_grants(self) -> Reading:
        self.between()
        return self.inner.read_grants()

    def may_hide(self, username: str) -> bool:
        return self.inner.may_hide(username)

    def check(self) -> list[Visibility]:
        return self.inner.check()


@dataclass
class Watched:
    """One server in one ledger; each sync is a session of its own, `sessions` holds their ids."""

    ledger: Engine
    server: Server
    home: Path
    name: str = "watched"
    instance: Instance = field(init=False)
    sessions: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        login = self.server.login
        with self.ledger.connect() as connection, transaction(connection):
            self.instance = write_instance(
                connection,
                replace(self.server.instance, name=self.name),
                username=login.username,
                secret=SecretStore(self.home).encrypt(login.password),
            )

    def sync(self, *, limits: Limits = LIMITS, between: Callable[[], object] | None = None, **settings: Any) -> Outcome:
        adapter = Interrupted(self.server.adapter, between) if between else self.server.adapter
        session_id = f"{self.name}-{len(self.sessions) + 1}"
        plan = Plan(
            session_id=session_id,
            engine=self.ledger,
            collectors={self.instance.db_type: Collector(adapter, limits)},
            store=SecretStore(self.home),
            backoff_seconds=0,
        )
        with self.ledger.connect() as connection, transaction(connection):
            open_session(connection, SessionStart(session_id, "manual_single"), [self.instance])
        self.sessions.append(session_id)
        (outcome,) = run_session(replace(plan, **settings), [self.instance], lambda _outcome: None)
        return outcome

    def sync_well(self, **settings: Any) -> Outcome:
        """Sync, and expect that to complete."""
        outcome = self.sync(**settings)
        assert outcome.error is None
        return outcome

    def read_log(self, username: str) -> list[dict[str, Any]]:
        rows = read(
            self.ledger,
            "select * from account_change_log where instance_id = :id and username = :username order by id",
            id=self.instance.id,
            username=username,
        )
        return [dict(row) for row in rows]

    def read_changes(self, session_id: str) -> list[dict[str, Any]]:
        rows = read(self.ledger, "select * from account_change_log where session_id = :id order by id", id=session_id)
        return [dict(row) for row in rows]

    def read_snapshots(self) -> Snapshots:
        rows = read(
            self.ledger,
            "select username, permission_snapshot s from account_permission where is_active and instance_id = :id",
            id=self.instance.id,
        )
        return {row["username"]: row["s"] for row in rows}

    def read_comparable(self) -> Snapshots:
        """Return the snapshots of the accounts that tests made, without what depends on when that was."""
        rules = self.server.adapter.rules
        snapshots = self.read_snapshots()
        states = {username: to_state(username, snapshot, rules) for username, snapshot in snapshots.items()}
        kept = self.server.exclude_given(states.values())
        for username, state in kept.items():
            for name in states[username].account.attributes.keys() - state.account.attributes.keys():
                for place in _list_attribute_places(snapshots[username], rules):
                    place.pop(name, None)
        return {username: snapshots[username] for username in kept}

    def read_record(self) -> dict[str, Any]:
        """Return the newest session's record."""
        rows = read(
            self.ledger, "select * from sync_instance_records where sync_session_id = :id", id=self.sessions[-1]
        )
        return dict(rows[0])


def _list_attribute_places(snapshot: dict[str, Any], rules: Rules) -> Sequence[dict[str, Any]]:
    categories, type_specific = snapshot["categories"], snapshot["type_specific"]
    return [type_specific[rules.db_type], *(categories.get(name, {}) for name in rules.attribute_categories)]
