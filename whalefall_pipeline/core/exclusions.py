"""What is not to be read of an instance: databases and accounts, by their scope, each with the reason.

What a database or account held when it was last read stays as it was: nobody revoked it. Names are those of the
server's catalog, as it spells them. An excluded database is never connected to; where an engine keeps the grants of all
databases in one place, what is held in it, or on it, is left out of what was read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Account, Coverage, Observation, Reading, Seen, is_observed
from whalefall_pipeline.core.parts import to_whole
from whalefall_pipeline.core.rules import Rules
from whalefall_pipeline.core.text import is_visible

OF_DATABASE, OF_ACCOUNT = "database:", "account:"
"""Begin the scopes that can be excluded."""
NOTHING_EXCLUDED: Mapping[str, str] = {}


def find_names(excluded: Iterable[str], kind: str) -> frozenset[str]:
    """Return the names of the databases (OF_DATABASE), or accounts (OF_ACCOUNT), among scopes."""
    return frozenset(scope.removeprefix(kind) for scope in excluded if scope.startswith(kind))


def find_databases(excluded: Mapping[str, str]) -> dict[str, Observation]:
    """Return the excluded databases by name, each with what a reading says of it."""
    return {
        name: Observation(Seen.EXCLUDED, excluded[OF_DATABASE + name]) for name in find_names(excluded, OF_DATABASE)
    }


def check_exclusions(excluded: Mapping[str, str], home: str) -> None:
    """Raise InvalidInstanceError for what can't be excluded; `home` is the database that a connection begins in."""
    for scope, reason in excluded.items():
        kind, _, name = scope.partition(":")
        if f"{kind}:" not in (OF_DATABASE, OF_ACCOUNT) or not name or not is_visible(name):
            raise InvalidInstanceError(f"{scope!r} can't be excluded; write {OF_DATABASE}NAME or {OF_ACCOUNT}NAME")
        if not reason.strip() or not is_visible(reason):
            raise InvalidInstanceError(f"{scope}: say why it is excluded, in one line")
        if home and scope.casefold() == f"{OF_DATABASE}{home}".casefold():
            raise InvalidInstanceError(
                f"{scope} can't be excluded: every reading begins in it; connect to another one with --database"
            )


def to_observations(excluded: Mapping[str, str]) -> dict[str, Observation]:
    """Return what a reading says of that which it was not to read."""
    return {scope: Observation(Seen.EXCLUDED, reason) for scope, reason in excluded.items()}


def leave_out_accounts(accounts: Sequence[Account], excluded: Mapping[str, str]) -> list[Account]:
    """Return the accounts that are not excluded."""
    names = find_names(excluded, OF_ACCOUNT)
    return [account for account in accounts if account.username not in names]


def leave_out(reading: Reading, excluded: Mapping[str, str]) -> Reading:
    """Return a reading without what excluded accounts hold, and what anybody holds in or on excluded databases."""
    if not excluded:
        return reading
    databases, accounts = find_names(excluded, OF_DATABASE), find_names(excluded, OF_ACCOUNT)
    held = {
        grantee: [item for item in items if item.securable.database not in databases] if databases else items
        for grantee, items in reading.held.items()
        if grantee not in accounts
    }
    coverage = {scope: seen for scope, seen in reading.coverage.items() if not _is_part(scope, excluded)}
    return replace(reading, held=held, coverage={**coverage, **to_observations(excluded)})


def _is_part(scope: str, excluded: Mapping[str, str]) -> bool:
    return scope in excluded or to_whole(scope) in excluded


def sees(rules: Rules, scope: str, database: str, coverage: Coverage) -> bool:
    """Whether the absence of a grant of `scope` in `database` means that it is gone."""
    return not is_excluded(database, coverage) and is_observed(rules.observed_by(scope, database), coverage)


def is_excluded(database: str, coverage: Coverage) -> bool:
    """Whether a database is one that the reading was not to read."""
    seen = coverage.get(f"{OF_DATABASE}{database}") if database else None
    return seen is not None and seen.status is Seen.EXCLUDED
