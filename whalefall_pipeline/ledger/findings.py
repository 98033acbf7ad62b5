"""Reads and writes findings in intervals of time, and of which reading they are."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from whalefall_pipeline.core.findings.evaluate import put_in_order
from whalefall_pipeline.core.findings.model import Finding, FindingChanges, FindingKey, Outcome, Severity
from whalefall_pipeline.ledger.copying import Copier
from whalefall_pipeline.ledger.database import NULL, load_statements, to_fields
from whalefall_pipeline.ledger.target import Target

SQL = load_statements("findings.sql")
COLUMNS = (
    *("instance_id", "opened_at", "opened_in", "rule_id", "outcome", "severity", "title", "instance_account_id"),
    *("username", "object", "message", "detail"),
)
AT_ONCE = 200
"""Findings whose texts are escaped together."""
NAMED = 1000
"""Accounts that a statement names one by one; where there are more, it asks about all of the instance."""


class Evaluated(NamedTuple):
    """Of what an instance's findings are: digests of the rules and of what they were asked about, when, until when."""

    rules: bytes
    basis: bytes
    due_at: datetime | None
    evaluated_at: datetime


def read_evaluation(connection: Connection, instance_id: int) -> Evaluated | None:
    """Return of what the findings of an instance are; None: no rule was ever asked."""
    row = connection.execute(SQL["read_evaluation"], {"instance_id": instance_id}).one_or_none()
    return Evaluated(bytes(row.rules), bytes(row.basis), row.due_at, row.evaluated_at) if row else None


def read_findings(connection: Connection, instance_id: int) -> dict[FindingKey, Finding]:
    """Return the findings of an instance that are open, by what they are known by."""
    rows = connection.execute(SQL["read_findings"], {"instance_id": instance_id})
    return {finding.key: finding for finding in map(_to_finding, rows)}


def read_some_findings(
    connection: Connection, instance_id: int, usernames: Collection[str], rule_ids: Collection[str]
) -> dict[FindingKey, Finding]:
    """Return the findings that are open of these accounts, of these rules, and those that say what is unknown."""
    values = {"instance_id": instance_id, "usernames": list(usernames), "rule_ids": list(rule_ids)}
    rows = connection.execute(SQL["read_some_findings"], values)
    return {finding.key: finding for finding in map(_to_finding, rows)}


class Written(NamedTuple):
    """What is to be written of an instance's findings: `other` are those that stay and say something else now."""

    changes: FindingChanges
    other: Sequence[Finding]
    evaluated: Evaluated


def open_findings(
    connection: Connection, copier: Copier, target: Target, opened: Sequence[Finding], ids: Mapping[str, int]
) -> None:
    """Append findings that are open since the reading's moment.

    `ids` are those of accounts by username, as far as they are known.
    """
    unknown = {finding.account for finding in opened} - ids.keys() - {""}
    if unknown:
        copier.wait()
        ids = {**ids, **_read_ids(connection, target, unknown)}
    if opened:
        _append_findings(copier, target, opened, ids)


def write_findings(connection: Connection, target: Target, written: Written) -> None:
    """Close findings at the reading's moment, bring those that stay up to date, and write of what all of them are."""
    owner = {"instance_id": target.instance.id, "read_at": target.read_at, "session_id": target.session_id}
    if written.changes.closed:
        connection.execute(SQL["close_findings"], {**owner, **_to_keys(written.changes.closed)})
    if written.other:
        connection.execute(SQL["change_findings"], {**owner, **_to_columns(written.other)})
    connection.execute(SQL["write_evaluation"], {**owner, **written.evaluated._asdict()})


def _read_ids(connection: Connection, target: Target, usernames: Collection[str]) -> dict[str, int]:
    """Return the ids of accounts by username, those that are gone too."""
    asked = list(usernames) if len(usernames) <= NAMED else None
    rows = connection.execute(SQL["read_account_ids"], {"instance_id": target.instance.id, "usernames": asked})
    return dict(rows.tuples().all())


def _append_findings(copier: Copier, target: Target, opened: Sequence[Finding], ids: Mapping[str, int]) -> None:
    """Append findings; tens of thousands of them at a first sync, most of them by a few rules, on alike privileges."""
    common = to_fields([str(target.instance.id), target.read_at.isoformat(), target.session_id])
    to_rule_fields = cache(to_fields)
    texts: dict[int, str] = {}  # by the detail itself, which many findings share

    def to_lines(findings: Sequence[Finding]) -> Iterator[str]:
        own = [text for finding in findings for text in (finding.account, finding.object, finding.message)]
        fields = iter(to_fields(own).split("\t"))  # escaped together, which takes a third
        for finding, username, name, message in zip(findings, fields, fields, fields, strict=True):
            rule_id, account, _, outcome, severity, title, _, detail = finding
            of_rule = to_rule_fields((rule_id, outcome, severity, title))
            text = texts.get(id(detail))
            if text is None:
                text = texts[id(detail)] = to_fields([orjson.dumps(detail).decode()])
            account_id = ids.get(account, NULL)
            yield f"{common}\t{of_rule}\t{account_id}\t{username}\t{name}\t{message}\t{text}\n"

    parts = (opened[start : start + AT_ONCE] for start in range(0, len(opened), AT_ONCE))
    copier.append("finding", COLUMNS, chain.from_iterable(map(to_lines, parts)))


def close_findings_of(connection: Connection, target: Target, account_ids: Collection[int]) -> FindingChanges:
    """Close the findings of accounts that are gone; the next reading of permissions is evaluated whatever it gives."""
    owner = {"instance_id": target.instance.id, "read_at": target.read_at, "session_id": target.session_id}
    rows = connection.execute(SQL["close_findings_of"], {**owner, "ids": list(account_ids)}).all()
    connection.execute(SQL["forget_evaluation"], {"instance_id": target.instance.id})
    return FindingChanges(closed=tuple(put_in_order(map(_to_finding, rows))))


def _to_finding(row: Iterable[Any]) -> Finding:
    rule_id, username, name, outcome, severity, title, message, detail = row
    return Finding(
        rule_id=rule_id,
        account=username,
        object=name,
        outcome=Outcome(outcome),
        severity=Severity(severity),
        title=title,
        message=message,
        detail=detail,
    )


def _to_keys(findings: Sequence[Finding]) -> Mapping[str, object]:
    return {
        "rule_ids": [finding.rule_id for finding in findings],
        "usernames": [finding.account for finding in findings],
        "objects": [finding.object for finding in findings],
        "outcomes": [finding.outcome for finding in findings],
    }


def _to_columns(findings: Sequence[Finding]) -> Mapping[str, object]:
    return {
        **_to_keys(findings),
        "severities": [finding.severity for finding in findings],
        "titles": [finding.title for finding in findings],
        "messages": [finding.message for finding in findings],
        "details": [orjson.dumps(finding.detail).decode() for finding in findings],
    }
