"""A plain engine of access, and accounts that are drawn for it: for tests of what the ledger loads."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tests.engines.scripted import FLAGS, role, select_on, user
from whalefall_pipeline.adapters.postgresql.rules import RULES
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.engine import Access
from whalefall_pipeline.core.access.model import (
    Answer,
    Danger,
    Link,
    Population,
    Question,
    Seeds,
    Sought,
    Source,
    Wanted,
)
from whalefall_pipeline.core.model import MEMBER, Account, Grant, Kind, Securable
from whalefall_pipeline.ledger.access import Asked, read_populations
from whalefall_pipeline.ledger.reader import Reader

ORDERS = Securable("table", "shop", "public", "orders")
QUESTION = Question("SELECT", ORDERS)
USERS, ROLES = [f"u{n}" for n in range(5)], [f"r{n}" for n in range(4)]
EVERYBODY = "PUBLIC"


class PlainAccess(Access):
    """Grants, those of roles and of everybody, and superusers."""

    rules = RULES

    def find_targets(self, kind: str | None, path: Sequence[str], known: Iterable[Securable]) -> Sequence[Securable]:
        return [item for item in known if kind in (None, item.scope)]

    def list_privileges(self, securable: Securable, version: str = "") -> Sequence[str]:
        return ["SELECT"]

    def find_wanted(self, question: Question) -> Sequence[Wanted]:
        return [Wanted(*question.securable)]

    def find_seeds(self, question: Question) -> Seeds | None:
        return Seeds((Sought(question.privilege, *question.securable[:4]),), ("rolsuper",), ("r3",))

    def find_links(self, population: Population) -> Iterable[Link]:
        for name, state in population.accounts.items():
            if EVERYBODY in population.accounts and name != EVERYBODY:
                yield Link(name, EVERYBODY, "everybody")
            for item in state.memberships:
                yield Link(name, item.role, f"member of {item.role}", "" if "INHERIT" in item.options else "SET ROLE")

    def find_sources(self, population: Population, question: Question, usernames: Collection[str]) -> Iterable[Source]:
        for name in usernames:
            state = population.accounts.get(name)
            if state and (state.account.attributes["rolsuper"] or name == "r3"):
                yield Source(name, "all")
            for item in state.held if state else ():
                if item[:2] == question:
                    yield Source(name, str(item), held=item, since=population.find_since(name, item))

    def find_unseen(self, population: Population, question: Question | None) -> Sequence[str]:
        return list(population.unseen)

    def find_dangerous(self) -> Sequence[Wanted]:
        return []

    def find_dangers(self, population: Population) -> Iterable[Danger]:
        return []


PLAIN = PlainAccess()


@st.composite
def contents(draw: st.DrawFn) -> tuple[list[Account], list[Grant]]:
    """Draw accounts and what they hold; roles are members of later ones only, as every engine demands."""
    supers = draw(st.sets(st.sampled_from([*USERS, *ROLES]), max_size=1))
    accounts = [user(name, rolsuper=name in supers) for name in USERS]
    accounts += [replace(role(name), attributes={**FLAGS, "rolsuper": name in supers}) for name in ROLES]
    accounts.append(Account(EVERYBODY, Kind.PUBLIC, FLAGS))
    pairs = [(member, role_name) for member in [*USERS, *ROLES] for role_name in ROLES if member < role_name]
    pairs += [(member, role_name) for member in USERS for role_name in ROLES]
    grants: list[Grant] = []
    for member, role_name in draw(st.sets(st.sampled_from(pairs), max_size=8)):
        options = [MEMBER, *(["INHERIT"] if draw(st.booleans()) else [])]
        grants += [Grant(member, option, Securable("role", object=role_name)) for option in options]
    holders = draw(st.sets(st.sampled_from([*USERS, *ROLES, EVERYBODY]), max_size=2))
    grants += [select_on(name, "orders") for name in sorted(holders)]
    others = draw(st.sets(st.sampled_from([*USERS, *ROLES]), max_size=3))
    return accounts, [*grants, *(select_on(name, "other") for name in sorted(others))]


def read_whole(reader: Reader, asked: Sequence[Asked], **values: Any) -> dict[int, Population]:
    wanted = [Wanted("table", None, None, None), Wanted("database")]
    return read_populations(reader, asked, {item.id: wanted for item in asked}, **values)


def to_answers(population: Population) -> list[Answer]:
    return Decider(PLAIN, population).find_who_can(QUESTION)
