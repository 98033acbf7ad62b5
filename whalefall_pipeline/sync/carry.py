"""Puts a reading's accounts together, with what the ledger holds where the reading could not look."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from whalefall_pipeline.core.exclusions import sees
from whalefall_pipeline.core.model import Account, AccountState, Reading
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.states import build_states
from whalefall_pipeline.core.unseen import carry_attributes, carry_unseen
from whalefall_pipeline.ledger.changes import read_states
from whalefall_pipeline.ledger.unseen import read_active, read_held_in, read_held_scopes, read_last_seen
from whalefall_pipeline.sync.read import Collected


def carry_states(
    connection: Connection, collected: Collected, reading: Reading, rules: Rules, *, any_unseen: bool
) -> tuple[Mapping[str, AccountState], int]:
    """Return the states of all accounts by username; second, how many grants have a grantee that is no account.

    What the reading was not shown of accounts is as it was last seen. With `any_unseen`, scopes that were not observed
    keep what is held in them, and accounts that may hide there are among the states.
    """
    instance_id = collected.target.instance.id
    accounts = _carry_accounts(connection, instance_id, collected.accounts)
    states, without_account = build_states(accounts, reading.held)
    if any_unseen:
        states = _add_hidden(connection, collected, states)
        states = _add_held(connection, instance_id, states, reading, rules)
    return states, without_account


def _carry_accounts(connection: Connection, instance_id: int, accounts: Sequence[Account]) -> Sequence[Account]:
    usernames = [account.username for account in accounts if account.unseen]
    if not usernames:
        return accounts
    known = read_last_seen(connection, instance_id, usernames)
    return [carry_attributes(account, known.get(account.username)) for account in accounts]


def _add_hidden(
    connection: Connection, collected: Collected, states: Mapping[str, AccountState]
) -> dict[str, AccountState]:
    """Add the accounts that the list lacks and that may exist all the same, as the ledger has them."""
    active = read_active(connection, collected.target.instance.id)
    hidden = [active[username] for username in active if username not in states and collected.may_hide(username)]
    return {**states, **{state.account.username: state for state in read_states(connection, hidden).values()}}


def _add_held(
    connection: Connection, instance_id: int, states: Mapping[str, AccountState], reading: Reading, rules: Rules
) -> dict[str, AccountState]:
    """Add what accounts hold in the ledger where the reading did not observe; of the rest nothing is fetched."""
    places = [
        place
        for place in read_held_scopes(connection, instance_id)
        if not sees(rules, place.scope, place.database, reading.coverage)
    ]
    before = read_held_in(connection, instance_id, places)
    return {
        username: carry_unseen(state, before.get(username, ()), reading.coverage, rules)
        for username, state in states.items()
    }
