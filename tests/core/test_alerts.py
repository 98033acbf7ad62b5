"""The one message that a session's alerts come to."""

import pytest

from whalefall_pipeline.core.alerts import (
    LONGEST_LINE,
    MOST_ITEMS,
    MOST_LINES,
    Alert,
    AlertKind,
    Item,
    build_alerts,
    build_finding_alerts,
    build_message,
    choose_severe,
)
from whalefall_pipeline.core.changes import Changes, NewSuperuser
from whalefall_pipeline.core.findings.model import Finding, Outcome, Severity
from whalefall_pipeline.core.model import Seen, Unseen

SUPERUSER, LOST = AlertKind.NEW_SUPERUSER, AlertKind.SCOPE_LOST


def _finding(severity: Severity, outcome: Outcome = Outcome.FOUND, *, account: str = "ana", on: str = "") -> Finding:
    return Finding(
        rule_id="ALL-001",
        account=account,
        object=on,
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
    assert "  and 480 more" in message.body.splitlines()
    assert len(message.body.splitlines()) < MOST_LINES + 6


def test_the_worst_comes_first_and_the_key_last() -> None:
    alerts = [
        Alert.of(LOST, "a", [Item("database:hr", "denied")]),
        *(Alert.of(SUPERUSER, instance, [Item("ana", "rolsuper")]) for instance in ("c", "b")),
    ]
    message = build_message("s/1", "s", alerts)
    assert message.title == "whalefall: 2 x new superuser, 1 x scope lost from sight"
    assert message.body.splitlines() == [
        *("New superuser:", "  b: ana (rolsuper)", "  c: ana (rolsuper)", ""),
        *("Scope lost from sight:", "  a: database:hr (denied)", "", "session: s", "key: s/1"),
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


@pytest.mark.parametrize(("more", "ending"), [(0, "xx"), (1, "x…")])
def test_only_a_line_that_is_too_long_is_cut(more: int, ending: str) -> None:
    name = "x" * (LONGEST_LINE - len("  a: ") + more)
    line = build_message("s/1", "s", [Alert.of(SUPERUSER, "a", [Item(name)])]).body.splitlines()[1]
    assert (len(line), line[-2:]) == (LONGEST_LINE, ending)


def test_what_a_sync_changed_is_an_alert_of_each_kind_that_there_is() -> None:
    changes = Changes(
        returned=["back"],
        recreated=["again"],
        superusers=[NewSuperuser("ana", ("rolsuper", "member of admins"))],
        lost=[Unseen("database:hr", Seen.DENIED, "no CONNECT", None)],
    )
    assert build_alerts("a", changes, recreated=["by id"]) == [
        Alert.of(SUPERUSER, "a", [Item("ana", "rolsuper; member of admins")]),
        Alert.of(
            AlertKind.ACCOUNT_RECREATED,
            "a",
            [
                Item("back", "it was gone, and is back"),
                Item("again", "its name is held by another account than before"),
                Item("by id", "its name is held by another account than before"),
            ],
        ),
        Alert.of(LOST, "a", [Item("database:hr", "denied: no CONNECT")]),
    ]
    assert [alert.kind for alert in build_alerts("a", Changes(lost=changes.lost))] == [LOST]
    assert build_alerts("a", Changes(new=["ana"])) == []


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


def test_a_finding_is_about_an_account_or_an_object_or_else_the_instance() -> None:
    found = [_finding(Severity.LOW, account=account, on=on) for account in ("ana", "") for on in ("orders", "")]
    (alert,) = build_finding_alerts("a", found)
    assert [item.name for item in alert.items] == ["ana", "ana", "orders", "a"]


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
