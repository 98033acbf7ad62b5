"""What stands before a privilege on MySQL and MariaDB: the login, and as whom a view or routine runs. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from whalefall_pipeline.adapters.mysql.access_lookup import Lookup
from whalefall_pipeline.adapters.mysql.access_rows import covers, to_login_order
from whalefall_pipeline.adapters.mysql.definers import DEFINER
from whalefall_pipeline.adapters.mysql.names import to_address
from whalefall_pipeline.adapters.mysql.rows import EXTERNAL_PLUGINS, NO_LOGIN_PLUGIN, ROUTINE_SCOPES
from whalefall_pipeline.adapters.mysql.rules import ACCOUNT_ATTRIBUTES, RULES, list_plugins
from whalefall_pipeline.core.access.engine import FindGates
from whalefall_pipeline.core.access.model import Acting, Gate, GateState, Population, Question
from whalefall_pipeline.core.diff import KIND_FIELD
from whalefall_pipeline.core.model import Account, Held, Kind, Securable
from whalefall_pipeline.core.rules import LOCKED, PASSWORD_EXPIRED

LOGIN = "login"
FLAGS = frozenset({"account_locked", "password_expired"})
PLUGIN = frozenset({"plugin"})
LOGGING_IN = {"account_locked": False, "password_expired": False, "has_password": True}
"""What no role that CREATE ROLE made is: see `mysql.to_account`."""
NEVER = datetime.min.replace(tzinfo=UTC)
"""In place of a moment that is not known: no password is too old then."""


def prepare_gates(lookup: Lookup, question: Question) -> FindGates:
    """Return a function that finds the gates `login` and, of a view or routine, `definer`: as whom it runs."""
    definers = _find_definers(lookup, question.securable)

    def find(acting: Acting) -> Sequence[Gate]:
        login = [_find_login(lookup, acting.username)] if acting.username in lookup.accounts else []
        return [*login, *definers]

    return find


def list_defined(securable: Securable) -> Sequence[Securable]:
    """Return what a table or routine is as an object that has a definer: a view, a stored routine."""
    scope, database, _, name, _ = securable
    if scope in {"table", "column"}:
        return [Securable("view", database, "", name)]
    return [Securable("routine", database, scope.replace("_", " "), name)] if scope in ROUTINE_SCOPES.values() else []


def _find_definers(lookup: Lookup, securable: Securable) -> Sequence[Gate]:
    wanted = {Held(DEFINER, defined) for defined in list_defined(securable)}
    return [
        Gate(DEFINER.lower(), GateState.OPEN, f"it runs as {username}, whose privileges count inside of it")
        for username, state in lookup.accounts.items()
        if not state.held.isdisjoint(wanted)
    ]


def _find_login(lookup: Lookup, username: str) -> Gate:
    account = lookup.accounts[username].account
    if account.kind is not Kind.USER:
        return Gate(LOGIN, GateState.CLOSED, f"a {account.kind.value}")
    moment = lookup.population.now or NEVER
    reasons = RULES.own_capabilities(lookup.accounts[username], moment, lookup.population.attributes)
    expired, others = reasons.get(PASSWORD_EXPIRED, []), EXTERNAL_PLUGINS.intersection(list_plugins(account.attributes))
    closed = [*reasons.get(LOCKED, []), *([] if others else expired), *_find_bars(account)]
    hidden, partly = _find_shadows(lookup, username)
    if closed or hidden:
        return Gate(LOGIN, GateState.CLOSED, "; ".join([*closed, *(f"{name} is taken for it" for name in hidden)]))
    not_seen = _list_unseen(lookup.population, account, FLAGS)
    not_seen = [*([KIND_FIELD] if _is_kind_unseen(lookup.population, account) else []), *not_seen]
    if not_seen:
        return Gate(LOGIN, GateState.UNKNOWN, f"not seen: {', '.join(not_seen)}")
    only = [f"only by {', '.join(sorted(others))}: {reason}" for reason in expired]
    return Gate(
        LOGIN, GateState.OPEN, "; ".join([*only, *(f"from {to_address(name).host} it is {name}" for name in partly)])
    )


def _find_bars(account: Account) -> list[str]:
    """Return what of its settings lets nobody in, though it says something else."""
    most = account.attributes.get("max_user_connections")
    none = [f"max_user_connections is {most}"] if isinstance(most, int) and most < 0 else []
    return [*none, *(["its plugin lets nobody in"] if list_plugins(account.attributes) == [NO_LOGIN_PLUGIN] else [])]


def _list_unseen(population: Population, account: Account, names: frozenset[str]) -> list[str]:
    """Return which of these attributes, which all logins have, were not seen; of the past, which never were till then.

    Of a moment in the past the ledger has what was last seen, and no word which account it is that was not shown.
    """
    never = names - account.attributes.keys() if ACCOUNT_ATTRIBUTES in population.unseen else frozenset[str]()
    return sorted(never | account.unseen.intersection(names))


def are_links_unseen(lookup: Lookup) -> bool:
    """Whether what decides on links was not seen: that an account is a role, or that a plugin lets it be a proxy."""
    proxies = lookup.find_held(lambda item: item.securable.scope == "proxy")
    return any(
        _is_kind_unseen(lookup.population, state.account)
        or (not state.held.isdisjoint(proxies) and _list_unseen(lookup.population, state.account, PLUGIN))
        for state in lookup.accounts.values()
        if state.account.kind is Kind.USER
    )


def _is_kind_unseen(population: Population, account: Account) -> bool:
    if KIND_FIELD in account.unseen:
        return True
    return ACCOUNT_ATTRIBUTES in population.unseen and not any(
        account.attributes.get(name) is value for name, value in LOGGING_IN.items()
    )


def _find_shadows(lookup: Lookup, username: str) -> tuple[list[str], list[str]]:
    """Return the accounts that are let in in its place from everywhere, and those that are from some hosts.

    The most specific host goes first, and of one host a named account before the anonymous one.
    """
    address = to_address(username)
    own = to_login_order(address.host, lookup.flavour)
    hidden: list[str] = []
    partly: list[str] = []
    for user in dict.fromkeys((address.user, "")):
        for other, name in lookup.by_user.get(user, ()):
            if name == username or to_login_order(other.host, lookup.flavour) >= own:
                continue
            if covers(other.host, address.host, lookup.flavour):
                hidden.append(name)
            elif covers(address.host, other.host, lookup.flavour):
                partly.append(name)
    return hidden, partly
