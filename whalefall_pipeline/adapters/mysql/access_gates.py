"""Whether an account of MySQL or MariaDB can log in at all, and as whom it is let in. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from whalefall_pipeline.adapters.mysql.access_lookup import Lookup
from whalefall_pipeline.adapters.mysql.access_rows import covers, measure
from whalefall_pipeline.adapters.mysql.names import to_address
from whalefall_pipeline.adapters.mysql.rules import RULES
from whalefall_pipeline.core.access.engine import FindGates
from whalefall_pipeline.core.access.model import Acting, Gate, GateState
from whalefall_pipeline.core.model import Kind
from whalefall_pipeline.core.rules import LOCKED, PASSWORD_EXPIRED

LOGIN = "login"
NEVER = datetime.min.replace(tzinfo=UTC)
"""In place of a moment that is not known: no password is too old then."""


def prepare_login(lookup: Lookup) -> FindGates:
    """Return a function that finds the gate `login`."""

    def find(acting: Acting) -> Sequence[Gate]:
        return [_find_login(lookup, acting.username)] if acting.username in lookup.accounts else []

    return find


def _find_login(lookup: Lookup, username: str) -> Gate:
    account = lookup.accounts[username].account
    if account.kind is not Kind.USER:
        return Gate(LOGIN, GateState.CLOSED, f"a {account.kind.value}")
    moment = lookup.population.now or NEVER
    reasons = RULES.own_capabilities(lookup.accounts[username], moment, lookup.population.attributes)
    closed = [*reasons.get(LOCKED, []), *reasons.get(PASSWORD_EXPIRED, [])]
    hidden, partly = _find_shadows(lookup, username)
    if closed or hidden:
        return Gate(LOGIN, GateState.CLOSED, "; ".join([*closed, *(f"{name} is taken for it" for name in hidden)]))
    if account.unseen & {"account_locked", "password_expired", "account_kind"}:
        return Gate(LOGIN, GateState.UNKNOWN, "whether it is locked was not seen")
    return Gate(LOGIN, GateState.OPEN, "; ".join(f"from {to_address(name).host} it is {name}" for name in partly))


def _find_shadows(lookup: Lookup, username: str) -> tuple[list[str], list[str]]:
    """Return the accounts that are let in in its place from everywhere, and those that are from some hosts.

    The most specific host goes first, and of one host a named account before the anonymous one.
    """
    address = to_address(username)
    own = measure(address.host.lower(), lookup.flavour, "host")
    hidden: list[str] = []
    partly: list[str] = []
    for user in dict.fromkeys((address.user, "")):
        for other, name in lookup.by_user.get(user, ()):
            if name == username or measure(other.host.lower(), lookup.flavour, "host") >= own:
                continue
            if covers(other.host, address.host):
                hidden.append(name)
            elif covers(address.host, other.host):
                partly.append(name)
    return hidden, partly
