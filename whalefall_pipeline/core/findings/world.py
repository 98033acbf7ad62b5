"""What the rules of one instance look at, with what several of them ask for worked out once."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from whalefall_pipeline.core.facts import FactsBuilder
from whalefall_pipeline.core.findings.model import DEFAULT_OPTIONS, Options
from whalefall_pipeline.core.model import Account, AccountState, Attributes, Coverage, Held, Kind
from whalefall_pipeline.core.rules import GRANT_ADMIN, LOCKED, NO_LOGIN, NOTHING_SET, SUPERUSER, Reasons, Rules

ADMINISTRATION = (SUPERUSER, GRANT_ADMIN)
HOLDING_KINDS = frozenset({Kind.USER, Kind.GROUP})


@dataclass(frozen=True)
class World:
    """One instance as its newest reading has it.

    `states` have the roles that the instance implies. `attributes` are what it is set to, None: that was never seen.
    `strangers` are grantees that are no account, with what they hold. `is_given` says which accounts the server made.
    """

    rules: Rules
    states: Mapping[str, AccountState]
    now: datetime
    coverage: Coverage
    attributes: Attributes | None
    is_given: Callable[[Account], bool]
    strangers: Mapping[str, Sequence[Held]]
    options: Options = DEFAULT_OPTIONS

    @property
    def set_to(self) -> Attributes:
        """What the instance is set to; empty where that was never seen."""
        return NOTHING_SET if self.attributes is None else self.attributes

    @cached_property
    def capabilities(self) -> Mapping[str, Reasons]:
        """What each account amounts to, by itself and through its roles, with the reasons."""
        facts = FactsBuilder(self.rules, self.states, self.now, instance=self.set_to)
        return {username: facts.find_capabilities(state) for username, state in self.states.items()}

    def amounts_to(self, state: AccountState, capability: str) -> list[str]:
        """Return why an account has a capability; empty where it has not."""
        return self.capabilities[state.account.username].get(capability, [])

    @cached_property
    def logins(self) -> list[AccountState]:
        """The accounts that somebody logs in as, those that are locked among them; none that the server made."""
        return [
            state
            for state in self.states.values()
            if state.account.kind is Kind.USER
            and not self.is_given(state.account)
            and not self.amounts_to(state, NO_LOGIN)
        ]

    @cached_property
    def holders(self) -> list[AccountState]:
        """The users and groups that are no administrators and that the server did not make."""
        return [
            state
            for state in self.states.values()
            if state.account.kind in HOLDING_KINDS
            and not self.is_given(state.account)
            and not self.is_administrator(state)
        ]

    @cached_property
    def everybody(self) -> list[AccountState]:
        """The accounts that stand for everybody."""
        return [state for state in self.states.values() if state.account.kind is Kind.PUBLIC]

    def is_administrator(self, state: AccountState) -> bool:
        """Whether an account may do all anyway: then that it may do one thing is no news."""
        return bool(self.amounts_to(state, SUPERUSER))

    def can_log_in(self, state: AccountState) -> bool:
        """Whether the server would let it in now."""
        return not self.amounts_to(state, LOCKED) and not self.amounts_to(state, NO_LOGIN)

    def find(self, scopes: Collection[str], test: Callable[[Held], bool]) -> frozenset[Held]:
        """Return what passes a test, of all that anybody holds in these scopes; each is tested once."""
        return frozenset(item for scope in scopes for item in self._by_scope.get(scope, ()) if test(item))

    def list_holding(
        self, states: Collection[AccountState], wanted: frozenset[Held]
    ) -> Iterator[tuple[AccountState, list[Held]]]:
        """Yield those of these accounts that hold something wanted, with that in order."""
        if wanted:
            for state in states:
                if not state.held.isdisjoint(wanted):
                    yield state, sorted(state.held & wanted)

    @cached_property
    def _by_scope(self) -> Mapping[str, list[Held]]:
        sets = {id(state.held): state.held for state in self.states.values()}
        found: dict[str, list[Held]] = {}
        for item in frozenset[Held]().union(*sets.values()):
            found.setdefault(item.securable.scope, []).append(item)
        return found
