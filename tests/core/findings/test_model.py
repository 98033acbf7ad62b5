"""The values of findings: what is worse than what, what changed, and what is allowed unless it is said."""

import pytest

from whalefall_pipeline.core.findings.model import (
    DEFAULT_OPTIONS,
    Finding,
    FindingChanges,
    Options,
    Outcome,
    Severity,
)


@pytest.mark.parametrize(
    ("severity", "worse"),
    [("critical", ["critical"]), ("high", ["critical", "high"]), ("low", ["critical", "high", "medium", "low"])],
)
def test_a_severity_comes_with_those_that_are_worse(severity: str, worse: list[str]) -> None:
    assert Severity(severity).and_worse() == worse


def to_finding(account: str) -> Finding:
    return Finding("T-1", account, "", Outcome.FOUND, Severity.LOW, "a title", "a message", {})


def test_changes_of_two_steps_are_joined_in_their_order() -> None:
    a, b, c, d, e, f = map(to_finding, "abcdef")
    joined = FindingChanges((a,), (b,), (c,)).join(FindingChanges((d,), (e,), (f,)))
    assert joined == FindingChanges((a, d), (b, e), (c, f))


def test_what_opened_or_closed_is_a_change_and_news_alone_is_none() -> None:
    a = to_finding("a")
    assert FindingChanges(opened=(a,))
    assert FindingChanges(closed=(a,))
    assert not FindingChanges(news=(a,))


def test_options_are_as_they_are_documented() -> None:
    assert Options(superusers_at_most=3, password_days=365) == DEFAULT_OPTIONS
    assert not DEFAULT_OPTIONS.superusers | DEFAULT_OPTIONS.ignore
