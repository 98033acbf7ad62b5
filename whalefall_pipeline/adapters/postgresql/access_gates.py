"""What stands before a privilege on PostgreSQL: the login, CONNECT, USAGE on the schema, row-level security."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from whalefall_pipeline.adapters.postgresql.access_links import is_superuser
from whalefall_pipeline.adapters.postgresql.access_sources import SYSTEM_SCHEMAS
from whalefall_pipeline.adapters.postgresql.rows import PUBLIC
from whalefall_pipeline.adapters.postgresql.rules import DATABASE, RULES
from whalefall_pipeline.core.access.engine import FindGates
from whalefall_pipeline.core.access.model import Acting, Gate, GateQuestion, GateState, Population, Question, Wanted
from whalefall_pipeline.core.model import Held, Securable
from whalefall_pipeline.core.rules import LOCKED
from whalefall_pipeline.core.states import find_held

LOGIN, CONNECT, SCHEMA, ROW_SECURITY = "login", "connect", "schema", "row security"
ENABLED, FORCED = "ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY"
FILTERED = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
"""What policies filter; TRUNCATE and REFERENCES they do not (documentation, Row Security Policies)."""


def build_gate_questions(question: Question) -> list[GateQuestion]:
    """Return CONNECT on the database, which who logs in must have, and USAGE on the schema, which who acts must have.

    A schema of PostgreSQL's own is left out: what it gives on that by itself is not collected.
    """
    privilege, securable = question
    gates: list[GateQuestion] = []
    if securable.database and privilege != CONNECT.upper():
        database = Securable(DATABASE, securable.database)
        gates.append(GateQuestion(CONNECT, Question("CONNECT", database), by_login=True))
    if securable.schema and securable.scope != SCHEMA and securable.schema not in SYSTEM_SCHEMAS:
        schema = Securable(SCHEMA, securable.database, securable.schema)
        gates.append(GateQuestion(SCHEMA, Question("USAGE", schema)))
    return gates


def is_filtered(question: Question) -> bool:
    """Whether row-level security may stand before the privilege."""
    return question.securable.scope in ("table", "column") and question.privilege in FILTERED


def list_gate_grants(question: Question) -> list[Wanted]:
    """Return the policies that bear on a question."""
    if not is_filtered(question):
        return []
    _, database, schema, name, _ = question.securable
    return [Wanted("policy", database, schema, name)]


def build_gates(population: Population, question: Question) -> FindGates:
    """Return a function that finds the gates of an account that are no privilege."""
    rows = _RowSecurity.of(population, question) if is_filtered(question) else None
    logins = _Logins(population)

    def find(acting: Acting) -> Sequence[Gate]:
        gates = [logins.judge(acting.username)]
        return [*gates, rows.judge(acting)] if rows else gates

    return find


class _Logins(NamedTuple):
    """Whether accounts may log in, at the moment that the population is of."""

    population: Population

    def judge(self, username: str) -> Gate:
        state = self.population.accounts[username]
        now = self.population.now or datetime.now(UTC)
        reasons = list(RULES.own_capabilities(state, now).get(LOCKED, ()))
        if username == PUBLIC:
            reasons.append("PUBLIC stands for every role")
        elif state.account.attributes.get("rolconnlimit") == 0 and not is_superuser(state):
            reasons.append("rolconnlimit is 0")
        return Gate(LOGIN, GateState.CLOSED, "; ".join(reasons)) if reasons else Gate(LOGIN, GateState.OPEN)


class _RowSecurity(NamedTuple):
    """One table's row-level security: its owner, and the policies for one command, with the roles that each is for.

    It holds for who acts. A superuser, a role with BYPASSRLS, and the owner unless it is forced, pass it by.
    """

    population: Population
    owners: Collection[str]
    is_forced: bool
    permissive: Mapping[str, Collection[str]]
    restrictive: Mapping[str, Collection[str]]
    unseen: str

    @classmethod
    def of(cls, population: Population, question: Question) -> "_RowSecurity | None":
        """Read it off what accounts hold; None where the table has none."""
        privilege, securable = question
        table = securable._replace(scope="table", column="")
        enabled = Held(ENABLED, table)
        if not any(enabled in state.held for state in population.accounts.values()):
            return None
        marks = _find_holders(population, {Held(FORCED, table), Held("OWNER", table)})
        policies = find_held(population.accounts, lambda item: _is_policy_of(item.securable, table))
        holders = _find_holders(population, policies)
        part = RULES.observed_by("policy", table.database)
        return cls(
            population,
            [name for item, names in marks.items() if item.privilege == "OWNER" for name in names],
            any(item.privilege == FORCED for item in marks),
            {item.securable.column: names for item, names in holders.items() if _is_for(item, "PERMISSIVE", privilege)},
            {
                item.securable.column: names
                for item, names in holders.items()
                if _is_for(item, "RESTRICTIVE", privilege)
            },
            part if part in population.unseen else "",
        )

    def judge(self, acting: Acting) -> Gate:
        """Return whether all rows, some, or none are let through."""
        passed = self._find_bypass(acting)
        if passed:
            return Gate(ROW_SECURITY, GateState.OPEN, passed)
        if self.unseen:
            return Gate(ROW_SECURITY, GateState.UNKNOWN, f"the policies were not seen: {self.unseen}")
        permissive = _list_for(self.permissive, acting.identity)
        if not permissive:
            return Gate(ROW_SECURITY, GateState.CLOSED, "no policy lets it see or change any row")
        listed = ", ".join([*permissive, *_list_for(self.restrictive, acting.identity)])
        return Gate(ROW_SECURITY, GateState.FILTERS, f"policy {listed}")

    def _find_bypass(self, acting: Acting) -> str:
        state = self.population.accounts.get(acting.actor)
        if state and is_superuser(state):
            return "superuser"
        if state and state.account.attributes.get("rolbypassrls"):
            return "BYPASSRLS"
        is_owner = not self.is_forced and any(owner in acting.identity for owner in self.owners)
        return "owner" if is_owner else ""


def _find_holders(population: Population, wanted: Iterable[Held]) -> dict[Held, list[str]]:
    sought = frozenset(wanted)
    found: dict[Held, list[str]] = {}
    for name, state in population.accounts.items():
        if not state.held.isdisjoint(sought):
            for item in state.held & sought:
                found.setdefault(item, []).append(name)
    return found


def _is_policy_of(policy: Securable, table: Securable) -> bool:
    return policy.scope == "policy" and policy[1:4] == table[1:4]


def _is_for(item: Held, kind: str, privilege: str) -> bool:
    return item.privilege in (f"{kind} ALL", f"{kind} {privilege}")


def _list_for(policies: Mapping[str, Collection[str]], identity: Collection[str]) -> list[str]:
    return sorted(name for name, roles in policies.items() if any(role in identity or role == PUBLIC for role in roles))
