"""The SQL that ends findings, for people to read and run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.adapters.remedies import build_remedy
from whalefall_pipeline.cli.workplace import Workplace
from whalefall_pipeline.core.findings.model import Finding, Outcome, Rule, Severity
from whalefall_pipeline.core.model import AccountState
from whalefall_pipeline.core.text import make_visible
from whalefall_pipeline.ledger.changes import read_states
from whalefall_pipeline.ledger.database import connecting, transaction
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.unseen import read_active
from whalefall_pipeline.sync.rulebook import load_rulebook


def build_sql(workplace: Workplace, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield lines: of each finding a comment that says what it is, and its statements, else what to do."""
    rulebook = load_rulebook(workplace.settings, ADAPTERS)
    with connecting(workplace.engine) as connection, transaction(connection):
        for instance in read_instances(connection):
            own = [row for row in rows if row["instance"] == instance.name]
            adapter = ADAPTERS.get(instance.db_type)
            if not own or adapter is None:
                continue
            rules = {rule.id: rule for rule in rulebook.list_rules(instance.db_type, adapter.findings)}
            ids = read_active(connection, instance.id)
            named = {ids[row["account"]] for row in own if row["account"] in ids}
            states = {state.account.username: state for state in read_states(connection, named).values()}
            for row in own:
                yield f"-- {make_visible(instance.name)}: {row['rule']} {make_visible(row['message'])}"
                rule, state = rules.get(row["rule"]), states.get(row["account"])
                yield from _list_statements(adapter, row, rule, state)


def _list_statements(
    adapter: Adapter, row: Mapping[str, Any], rule: Rule | None, state: AccountState | None
) -> Iterator[str]:
    if rule is None:
        yield "-- there is no such rule any more"
        return
    statements = build_remedy(adapter, rule, _to_finding(row), state) if state else []
    yield from statements or [f"-- {rule.remedy}"]


def _to_finding(row: Mapping[str, Any]) -> Finding:
    return Finding(
        rule_id=row["rule"],
        account=row["account"],
        object=row["object"],
        outcome=Outcome(row["outcome"]),
        severity=Severity(row["severity"]),
        title=row["title"],
        message=row["message"],
        detail=row["detail"],
    )
