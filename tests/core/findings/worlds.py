"""Worlds of findings on an engine of the tests' own: what an account amounts to stands in its attributes."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.core.strategies import EngineRules
from whalefall_pipeline.core.findings.model import EngineFindings, Find
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import (
    MEMBER,
    Account,
    AccountState,
    Attributes,
    Held,
    Kind,
    Observation,
    Securable,
    Seen,
)
from whalefall_pipeline.core.rules import GRANT_ADMIN, LOCKED, NO_LOGIN, NOTHING_SET, SUPERUSER, Reasons

NOW = datetime(2026, 11, 26, tzinfo=UTC)
OBSERVED, DENIED = Observation(Seen.OBSERVED), Observation(Seen.DENIED, "no CONNECT")
EXCLUDED = Observation(Seen.EXCLUDED, "nobody may")
GIVEN = "came with the server"
SERVER = Securable("server")
ORDERS = Securable("table", "shop", "public", "orders")
ITEMS = Securable("table", "shop", "public", "items")
STAFF = Securable("table", "hr", "public", "staff")


class WorldRules(EngineRules):
    """Takes capabilities from attributes of their names, whose value is the reason."""

    def own_capabilities(self, state: AccountState, now: datetime, instance: Attributes = NOTHING_SET) -> Reasons:
        attributes = state.account.attributes
        return {
            name: str(attributes[name]).split(";")
            for name in (SUPERUSER, GRANT_ADMIN, LOCKED, NO_LOGIN)
            if name in attributes
        }


class FinerRules(WorldRules):
    """Knows roles in a database by one part of it, and all else there by another."""

    def observed_by(self, scope: str, database: str) -> str:
        if not database or scope == "database":
            return "server"
        return f"database:{database}/{'roles' if scope == 'database_role' else 'object_privileges'}"


def account(name: str, *held: Held, kind: Kind = Kind.USER, **attributes: str) -> AccountState:
    return AccountState(Account(name, kind, attributes), frozenset(held))


def given(name: str, *held: Held, **attributes: str) -> AccountState:
    """Make an account that the server itself made."""
    return AccountState(Account(name, Kind.USER, {**attributes, GIVEN: True}), frozenset(held))


def member_of(*roles: str, database: str = "", admin: bool = False) -> Iterable[Held]:
    scope = "database_role" if database else "role"
    return (Held(MEMBER, Securable(scope, database, object=role), grant_option=admin) for role in roles)


def to_world(*states: AccountState, **given: Any) -> World:
    """Make a world; an account with an attribute `given` was made by the server itself."""
    known: Mapping[str, Any] = {
        "rules": WorldRules(),
        "now": NOW,
        "coverage": {"server": OBSERVED},
        "attributes": {},
        "engine": EngineFindings(is_given=lambda known: GIVEN in known.attributes, administration=frozenset({"role"})),
    }
    return World(states={state.account.username: state for state in states}, **{**known, **given})


def find(rule: Find, world: World) -> list[tuple[str, str, str]]:
    """Return what a rule hits: the account, what of it, and the message."""
    return [(hit.account, hit.object, hit.message) for hit in rule(world)]
