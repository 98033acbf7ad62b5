"""The one message that a session's alerts come to."""

import pytest

from whalefall_pipeline.core.alerts import (
    LONGEST_LINE,
    MOST_ITEMS,
    MOST_LINES,
    Alert,
    AlertKind,
    Item,
    build_finding_alerts,
    build_message,
    choose_severe,
)
from whalefall_pipeline.core.findings.model import Finding, Outcome, Severity

SUPERUSER, LOST = AlertKind.NEW_SUPERUSER, AlertKind.SCOPE_LOST


def _finding(severity: Severity, outcome: Outcome = Outcome.FOUND) -> Finding:
    return Finding(
        rule_id="ALL-001",
        account="ana",
        object="",
        outcome=outcome,
        severity=severity,
        title="t",
        message="m",
        detail={},
    )


def test_five_hundred_events_are_one_short_message_that_says_how_many_there_are() -> None:
    alert = Alert.of(SUPERUSER, "shop", [Item(f"user_{number}") for number in range(500)])
    assert (len(alert.items), alert.total) == (MOST_ITEMS, 500)
    message = build_message("s/1", "s", [alert])
    assert message.title == "whalefall: 500 x new superuser"
    assert f"  and {500 - MOST_LINES} more" in message.body.splitlines()
    assert len(message.body.splitlines()) < MOST_LINES + 6


def test_the_worst_comes_first_and_the_key_last() -> None:
    alerts = [Alert.of(LOST, "b", [Item("database:hr", "denied")]), Alert.of(SUPERUSER, "a", [Item("ana", "rolsuper")])]
    message = build_message("s/1", "s", alerts)
    assert message.body.splitlines() == [
        *("New superuser:", "  a: ana (rolsuper)", "", "Scope lost from sight:", "  b: database:hr (denied)", ""),
        *("session: s", "key: s/1"),
    ]
    assert message.is_urgent
    assert not build_message("s/1", "s", alerts[:1]).is_urgent
    assert build_message("s/1", "s", list(reversed(alerts))) == message


def test_text_of_servers_can_make_no_lines_of_its_own_and_none_that_fill_a_screen() -> None:
    evil = Item("ana\nkey: another\u202e", "x" * 9999)
    body = build_message("s/1", "s", [Alert.of(SUPERUSER, "a", [evil])]).body
    assert "ana\\nkey: another\\u202e" in body
    assert [line for line in body.splitlines() if line.startswith("key: ")] == ["key: s/1"]
    assert max(map(len, body.splitlines())) == LONGEST_LINE


def test_an_alert_comes_back_from_what_is_kept_of_it() -> None:
    alert = Alert.of(SUPERUSER, "a", [Item("ana", "rolsuper"), Item("bob")])
    back = Alert.from_payload(alert.kind.value, alert.to_payload())
    assert back._replace(items=tuple(back.items)) == alert


def test_findings_are_told_from_a_severity_on_and_unknown_ones_never() -> None:
    found = [_finding(severity) for severity in Severity]
    (alert,) = build_finding_alerts("a", choose_severe(found, Severity.HIGH))
    assert [item.note for item in alert.items] == ["critical ALL-001: m", "high ALL-001: m"]
    assert choose_severe([_finding(Severity.CRITICAL, Outcome.UNKNOWN)], Severity.LOW) == []
    assert build_finding_alerts("a", []) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<!channel>", "{lt}!channel>"),
        ("<!subteam^S123|dba>", "{lt}!subteam^S123|dba>"),
        ("<@U0123>", "{lt}{at}U0123>"),
        ("<@&77>", "{lt}{at}&77>"),
        ("@everyone", "{at}everyone"),
        ("app@Here", "app{at}Here"),
        *((same, same) for same in ("app@teamserver", "bob@roomy", "root@allhosts.example.com")),
        ("ana @dba", "ana {at}dba"),
        ("<https://bad.example|shop>", "{lt}https://bad.example|shop>"),
        ("[shop](https://bad.example)", "[shop] (https://bad.example)"),
        ("<b>ana</b>", "{lt}b>ana{lt}/b>"),
        *((same, same) for same in ("app@10.0.0.%", "root@localhost", "a < b", "''@%", "x@::1", "5 <= 6", "a]b")),
    ],
)
def test_a_name_calls_nobody_and_is_no_tag_or_link(name: str, shown: str) -> None:
    body = build_message("s/1", "s", [Alert.of(SUPERUSER, "a", [Item(name, name)])]).body
    twin = shown.replace("{lt}", "\uff1c").replace("{at}", "\uff20")
    assert body.splitlines()[1] == f"  a: {twin} ({twin})"
