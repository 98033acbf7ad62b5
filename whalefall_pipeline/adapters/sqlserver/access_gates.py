"""Whether an account of SQL Server may log in. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from whalefall_pipeline.adapters.sqlserver.rules import RULES
from whalefall_pipeline.core.access.engine import FindGates
from whalefall_pipeline.core.access.model import Acting, Gate, GateState, Population
from whalefall_pipeline.core.model import AccountState
from whalefall_pipeline.core.rules import LOCKED, NO_LOGIN


def prepare_gates(population: Population) -> FindGates:
    """Return a function that finds the gate `login`."""

    def find_gates(acting: Acting) -> Sequence[Gate]:
        state = population.accounts[acting.username]
        others = [population.accounts[name] for name in acting.identity if name in population.accounts]
        return [_judge_login(state, [other for other in others if other is not state], population)]

    return find_gates


def _judge_login(state: AccountState, others: Sequence[AccountState], population: Population) -> Gate:
    moment = population.now or datetime.min.replace(tzinfo=UTC)
    reasons = RULES.own_capabilities(state, moment, population.attributes)
    why = [*reasons.get(NO_LOGIN, ()), *reasons.get(LOCKED, ()), *RULES.refuse_login(state, others)]
    return Gate("login", GateState.CLOSED, "; ".join(why)) if why else Gate("login", GateState.OPEN)
