"""What the rules of one instance look at, with what several of them ask for worked out once."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from whalefall_pipeline.core.access.danger_summary import Takings
from whalefall_pipeline.core.facts import FactsBuilder
from whalefall_pipeline.core.findings.model import DEFAULT_OPTIONS, NO_FINDINGS, EngineFindings, Options
from whalefall_pipeline.core.model import ROLE_SCOPES, AccountState, Attributes, Coverage, Held, Kind
from whalefall_pipeline.core.roles import RolePath, reach_roles
from whalefall_pipeline.core.rules import NO_LOGIN, NOTHING_SET, SUPERUSER, Reasons, Rules
from whalefall_pipeline.core.states import find_held

FEW = 20
HOLDING_KINDS = frozenset({Kind.USER, Kind.GROUP})


@dataclass(frozen=True)
class World:
    """One instance as its newest reading has it.

    `states` have the roles that the instance implies. `attributes` are what it is set to, None: that was never seen.
    `strangers` are grantees that are no account, with what they hold. `takings` are those that could become more than
    they are, None: that is not known of the engine. With `only`, rules that find accounts one by one are asked about
    these; what others hold, and who they are, is known all the same. `facts` are those of the states, where they were
    built of this reading already.
    """

    rules: Rules
    states: Mapping[str, AccountState]
    now: datetime
    coverage: Coverage
    attributes: Attributes | None
    engine: EngineFindings = NO_FINDINGS
    strangers: Mapping[str, Sequence[Held]] = field(default_factory=dict[str, "Sequence[Held]"])
    options: Options = DEFAULT_OPTIONS
    takings: Takings | None = None
    only: frozenset[str] | None = None
    facts: FactsBuilder | None = None

    @cached_property
    def _paths(self) -> dict[str, list[RolePath]]:
        return {}

    @cached_property
    def _shared_paths(self) -> dict[tuple[frozenset[Held], str], list[RolePath]]:
        return {}

    @cached_property
    def _kept(self) -> dict[object, frozenset[Held]]:
        return {}

    @cached_property
    def _chosen(self) -> dict[object, Collection[AccountState]]:
        return {}

    def remember(self, key: object, build: Callable[[], frozenset[Held]]) -> frozenset[Held]:
        """Return what is built once for all accounts, under a key of whoever asks."""
        if key not in self._kept:
            self._kept[key] = build()
        return self._kept[key]

    def choose(self, who: Callable[["World"], Collection[AccountState]]) -> Collection[AccountState]:
        """Return the accounts that a function of several rules chooses; it is asked once."""
        chosen = self._chosen.get(who)
        if chosen is None:
            chosen = self._chosen[who] = who(self)
        return chosen

    def is_given(self, state: AccountState) -> bool:
        """Whether the server itself made the account, as it came."""
        return self.engine.is_given(state.account)

    @property
    def set_to(self) -> Attributes:
        """What the instance is set to; empty where that was never seen."""
        return NOTHING_SET if self.attributes is None else self.attributes

    @cached_property
    def accounts(self) -> list[AccountState]:
        """The accounts that are asked about."""
        if self.only is None:
            return list(self.states.values())
        return [self.states[name] for name in sorted(self.only & self.states.keys())]

    @cached_property
    def hidden_attributes(self) -> list[str]:
        """The attributes that the login was not shown of some account."""
        return sorted({name for state in self.states.values() for name in state.account.unseen})

    @cached_property
    def capabilities(self) -> Mapping[str, Reasons]:
        """What each account amounts to, by itself and through its roles, with the reasons; found when asked for."""
        return _Capabilities(self._facts, self.states)

    @cached_property
    def _facts(self) -> FactsBuilder:
        return self.facts or FactsBuilder(self.rules, self.states, self.now, instance=self.set_to)

    def amounts_to(self, state: AccountState, capability: str) -> list[str]:
        """Return why an account has a capability; empty where it has not."""
        return self.capabilities[state.account.username].get(capability, [])

    @cached_property
    def _by_capability(self) -> Mapping[str, Mapping[str, list[str]]]:
        """Who of the accounts that are asked about has a capability, with the reasons; most have none."""
        found: dict[str, dict[str, list[str]]] = {}
        find_capabilities = self._facts.find_capabilities
        for state in self.accounts:
            for capability, why in find_capabilities(state).items():
                if why:
                    found.setdefault(capability, {})[state.account.username] = why
        return found

    def find_able(self, capability: str) -> Mapping[str, list[str]]:
        """Return which of the accounts that are asked about have a capability, by username with the reasons."""
        return self._by_capability.get(capability, {})

    @cached_property
    def _own(self) -> list[AccountState]:
        """The users and groups that the server did not make."""
        return [state for state in self.accounts if state.account.kind in HOLDING_KINDS and not self.is_given(state)]

    @cached_property
    def logins(self) -> list[AccountState]:
        """The accounts that somebody logs in as, those that are locked among them; none that the server made.

        A group of a directory is one: its members log in by it.
        """
        without = self.find_able(NO_LOGIN)
        return [
            state for state in self._own if state.account.username not in without or state.account.kind is Kind.GROUP
        ]

    def list_logins(self, capability: str) -> list[AccountState]:
        """Return the accounts that somebody logs in as and that have a capability."""
        able = self.find_able(capability)
        return [state for state in self.logins if state.account.username in able] if able else []

    @cached_property
    def holders(self) -> list[AccountState]:
        """The users and groups that are no administrators and that the server did not make."""
        administrators = self.find_able(SUPERUSER)
        return [state for state in self._own if state.account.username not in administrators]

    def is_holder(self, state: AccountState) -> bool:
        """Whether an account is a user or group that is no administrator and that the server did not make."""
        return state.account.kind in HOLDING_KINDS and not self.is_given(state) and not self.is_administrator(state)

    @cached_property
    def everybody(self) -> list[AccountState]:
        """The accounts that stand for everybody."""
        return [state for state in self.accounts if state.account.kind is Kind.PUBLIC]

    def is_administrator(self, state: AccountState) -> bool:
        """Whether an account may do all anyway: then that it may do one thing is no news."""
        return SUPERUSER in self.capabilities[state.account.username]

    def list_roles(self, state: AccountState) -> list[RolePath]:
        """Return the roles that an account reaches, each by a shortest path; many accounts share the list."""
        username = state.account.username
        found = self._paths.get(username)
        if found is None:
            memberships = state.held & self._of_roles
            key = (memberships, username if self.only is not None or username in self._granted else "")
            found = self._shared_paths.get(key)
            if found is None:
                found = self._shared_paths[key] = reach_roles(state, self.states)
            self._paths[username] = found
        return found

    @cached_property
    def _of_roles(self) -> frozenset[Held]:
        return self.find(ROLE_SCOPES, lambda _item: True)

    @cached_property
    def _granted(self) -> set[str]:
        return {item.securable.object for item in self._of_roles}

    @cached_property
    def _roles_in(self) -> Mapping[str, set[str]]:
        """The roles that may be reached, each with those that it is a direct member of itself."""
        found: dict[str, set[str]] = {}
        frontier = self._granted
        while frontier:
            found |= {name: self._list_direct(name) for name in frontier}
            frontier = set[str]().union(*(found[name] for name in frontier)) - found.keys()
        return found

    def _list_direct(self, role: str) -> set[str]:
        state = self.states.get(role)
        return {membership.role for membership in state.memberships} if state else set()

    def find_leading(self, is_wanted: Callable[[str], bool]) -> frozenset[Held]:
        """Return the memberships, direct ones of accounts that are asked about, that may lead to one of some roles."""
        leading = {role for role in self._roles_in if is_wanted(role)}
        while more := {role for role, inner in self._roles_in.items() if not inner.isdisjoint(leading)} - leading:
            leading |= more
        return frozenset(item for item in self._of_roles if item.securable.object in leading)

    def find(self, scopes: Collection[str] | None, test: Callable[[Held], bool]) -> frozenset[Held]:
        """Return what passes a test, of all that who is asked about holds in these scopes (None: all), each once."""
        scopes = self._by_scope if scopes is None else scopes
        return frozenset(item for scope in scopes for item in self._by_scope.get(scope, ()) if test(item))

    def list_holding(
        self, states: Collection[AccountState], scopes: Collection[str] | None, test: Callable[[Held], bool]
    ) -> Iterator[tuple[AccountState, frozenset[Held]]]:
        """Yield those of these accounts that hold in these scopes (None: all) what passes a test, with that.

        Of many accounts what is tested is all that anybody holds, once; of a few, what they hold.
        """
        if len(states) <= FEW:
            for state in states:
                held = (item for item in state.held if scopes is None or item.securable.scope in scopes)
                if passing := frozenset(filter(test, held)):
                    yield state, passing
        elif wanted := self.find(scopes, test):
            for state in states:
                if not state.held.isdisjoint(wanted):
                    yield state, state.held & wanted

    @cached_property
    def _by_scope(self) -> Mapping[str, list[Held]]:
        asked = self.states if self.only is None else {state.account.username: state for state in self.accounts}
        found: dict[str, list[Held]] = {}
        for item in find_held(asked, lambda _item: True):
            found.setdefault(item.securable.scope, []).append(item)
        return found


class _Capabilities(dict[str, Reasons]):
    """What accounts amount to, by username; most questions are about few."""

    def __init__(self, facts: FactsBuilder, states: Mapping[str, AccountState]) -> None:
        super().__init__()
        self._facts = facts
        self._states = states

    def __missing__(self, username: str) -> Reasons:
        found = self[username] = self._facts.find_capabilities(self._states[username])
        return found
