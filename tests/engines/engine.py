"""What an engine brings to the shared body of tests: a running server, and how its grants are spelled."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from hypothesis.strategies import SearchStrategy

from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.model import AccountState, Grant, Instance, Login

ACCOUNT = "wf_probe"
"""The account (on MySQL `wf_probe@%`) that a scope case grants to."""


@dataclass(frozen=True, slots=True)
class ScopeCase:
    """A privilege in one scope: the statements that grant it and take it back, and the grants that then stand.

    The statements run as administrator in `database`; what they grant on is there already (`Server.prepare`).
    `expected` has `Server.probe_username` as grantee, or another one where the case is about that (PUBLIC).
    """

    name: str
    grant: tuple[str, ...]
    revoke: tuple[str, ...]
    expected: Collection[Grant]
    database: str = ""


class Server(Protocol):
    """A running server of one engine, with a collector's login that has no more rights than the README asks for."""

    adapter: Adapter
    instance: Instance
    login: Login

    @property
    def probe_username(self) -> str:
        """ACCOUNT as the inventory spells it."""
        ...

    @property
    def scope_cases(self) -> Sequence[ScopeCase]:
        """One case or more for each scope of the engine."""
        ...

    @property
    def awkward_names(self) -> Sequence[str]:
        """Account names that tools trip over: quotes, spaces, dots, `@`, capitals, the longest non-ASCII one."""
        ...

    def execute(self, *statements: str, database: str = "") -> None:
        """Run statements as administrator, in the engine's usual database when none is named."""
        ...

    def create_accounts(self, names: Iterable[str], *, role: bool = False) -> list[str]:
        """Make accounts (many in few statements) that can log in, or roles, and give their inventory usernames."""
        ...

    def drop_accounts(self, names: Iterable[str]) -> None:
        """Drop accounts and roles by the names that `create_accounts` took, with all that they hold."""
        ...

    def make_superuser(self, name: str) -> None:
        """Return an account what the contract calls SUPERUSER, directly."""
        ...

    def lock(self, name: str) -> None:
        """Make the server refuse the account's logins."""
        ...

    def grant_role(self, role: str, member: str) -> None:
        """Make one a member of the other."""
        ...

    def kill_collectors(self) -> None:
        """End all connections of the collector's login, from the server's side."""
        ...

    def drawn_statements(self) -> SearchStrategy[list[str]]:
        """Draw lists of statements that grant in all scopes to accounts which the statements make themselves."""
        ...

    def reset(self) -> None:
        """Take the server back to what it was after the start: no accounts, databases or objects of tests."""
        ...

    def prepare(self) -> None:
        """Make the databases and objects that scope cases and drawn statements grant on, without any grant."""
        ...

    def exclude_given(self, states: Iterable[AccountState]) -> dict[str, AccountState]:
        """Leave out accounts that a fresh server has by itself, and the collector's own; by username."""
        ...


StartServer = Callable[[], AbstractContextManager[Server]]
"""Starts a fresh server; skips (or, where engines are required, fails) through `tests.servers.required.missing`."""
