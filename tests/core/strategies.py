"""Hypothesis strategies for the values of `core.model`, and the rules of an engine that has all that any has."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from whalefall_pipeline.core.model import (
    MEMBER,
    Account,
    AccountState,
    Attributes,
    Coverage,
    Grant,
    HeldRole,
    Json,
    Kind,
    Membership,
    Observation,
    Securable,
    Seen,
)
from whalefall_pipeline.core.rules import NOTHING_SET, Category, Reasons, Rules

USERNAME = "ada"
LEVELS: Mapping[str, tuple[str, ...]] = {
    "server": (),
    "database": ("database",),
    "schema": ("database", "schema"),
    "table": ("database", "schema", "object"),
    "column": ("database", "schema", "object", "column"),
    "role": ("object",),
    "database_role": ("database", "object"),
}

# few values, so that drawn values meet; among them what a path or a token could trip over
NAMES: SearchStrategy[str] = st.sampled_from(("a", "b", "A", "a.b", "é", " ", "DENY x", "x WITH GRANT OPTION"))
PRIVILEGES = st.sampled_from(("SELECT", "INSERT", "ALTER SYSTEM", "XA_RECOVER_ADMIN"))
ATTRIBUTE_NAMES = ("flag", "limit", "settings", "valid_until")
plain: SearchStrategy[Json] = st.one_of(st.booleans(), st.integers(-2, 2), NAMES)
values = cast("SearchStrategy[Json]", plain | st.lists(plain, max_size=2) | st.dictionaries(NAMES, plain, max_size=2))


def securables(scopes: Collection[str] = tuple(LEVELS)) -> SearchStrategy[Securable]:
    return st.one_of([_securables_of(scope, LEVELS[scope]) for scope in scopes])


def _securables_of(scope: str, levels: tuple[str, ...]) -> SearchStrategy[Securable]:
    paths = st.tuples(*(NAMES for _ in levels))
    return paths.map(lambda path: Securable(scope, **dict(zip(levels, path, strict=True))))


def grants(username: str = USERNAME) -> SearchStrategy[Grant]:
    privileges = st.builds(
        Grant,
        st.just(username),
        PRIVILEGES,
        securables([scope for scope in LEVELS if not scope.endswith("role")]),
        st.booleans(),
        st.sampled_from(("grant", "deny", "revoke")),
    )
    roles = securables(["role", "database_role"])
    memberships = st.builds(Grant, st.just(username), st.just(MEMBER), roles, st.booleans(), st.just("grant"))
    return privileges | memberships


def states(username: str = USERNAME) -> SearchStrategy[AccountState]:
    attributes = st.dictionaries(st.sampled_from(ATTRIBUTE_NAMES), values)
    accounts = st.builds(Account, st.just(username), st.sampled_from(Kind), attributes)
    return st.builds(AccountState.of, accounts, st.frozensets(grants(username), max_size=8))


def coverages() -> SearchStrategy[Coverage]:
    scopes = st.one_of(st.just("server"), NAMES.map("database:{}".format))
    return st.dictionaries(scopes, st.builds(Observation, st.sampled_from(Seen), st.just("why")))


class EngineRules(Rules):
    """The rules of an engine of the tests' own."""

    db_type = "engine"
    categories: ClassVar[Mapping[str, Category]] = {
        scope: Category(f"engine_{scope}", levels) for scope, levels in LEVELS.items()
    }
    attribute_categories: ClassVar[Mapping[str, frozenset[str]]] = {"engine_attributes": frozenset({"flag", "limit"})}

    def observed_by(self, scope: str, database: str) -> str:
        return f"database:{database}" if database and scope != "database" else "server"

    def derived_categories(self, roles: Sequence[HeldRole], members: Collection[Membership]) -> dict[str, Json]:
        return {"engine_derived": [member.member for member in members]}

    def own_capabilities(self, state: AccountState, now: datetime, instance: Attributes = NOTHING_SET) -> Reasons:
        return {}


RULES = EngineRules()
