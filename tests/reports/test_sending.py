"""The outbox is emptied to real receivers: once where all goes well, again where it does not, and nothing is lost."""

import threading

import psycopg
from sqlalchemy import text

from tests.engines.scripted import Fleet
from tests.ledger.rows import read
from tests.reports.outbox import age, be_due, make_superusers, send, to_targets
from tests.servers.receivers import Hook, Mailbox, find_key, start_hook
from whalefall_pipeline.ledger.alerts import (
    FIRST_PAUSE_SECONDS,
    GIVEN_UP_DAYS,
    GIVEN_UP_TRIES,
    LOCK_SPACE,
    LONGEST_PAUSE_SECONDS,
)
from whalefall_pipeline.reports.sending import MOST_FAILURES, Sent


def test_a_session_is_one_message_and_is_sent_once(fleet: Fleet, hook: Hook) -> None:
    session_id = make_superusers(fleet, "ana", "bob")
    targets = to_targets(hook.url)
    assert send(fleet, targets) == Sent(1, [])
    assert send(fleet, targets) == Sent(0, [])
    (message,) = hook.taken
    assert message["title"] == "whalefall: 4 x new superuser"
    assert message["type"] == "failure"
    assert [line for line in message["message"].splitlines() if line.startswith("  ")] == [
        f"  {instance}: {name} (rolsuper)" for instance in ("one", "two") for name in ("ana", "bob")
    ]
    assert hook.keys == [f"{session_id}/1"]
    rows = read(fleet.engine, "select attempts, sent_at is not null as sent, last_error from alert")
    assert [tuple(row.values()) for row in rows] == [(1, True, None)] * 2


def test_a_mail_says_it_too(fleet: Fleet, mailbox: Mailbox) -> None:
    session_id = make_superusers(fleet, "ana")
    assert send(fleet, to_targets(mailbox.url)) == Sent(1, [])
    (mail,) = mailbox.mails
    assert (mail["Subject"], mail["To"]) == ("whalefall: 2 x new superuser", "dba@example.org")
    body = mail.get_body(("plain",))
    assert body is not None
    assert find_key(body.get_content()) == f"{session_id}/1"


def test_a_session_that_still_runs_waits_for_its_others_but_not_for_long(fleet: Fleet, hook: Hook) -> None:
    session_id = make_superusers(fleet, "ana")
    targets = to_targets(hook.url)
    with fleet.engine.begin() as connection:
        connection.execute(
            text("update sync_sessions set status = 'running' where session_id = :id"), {"id": session_id}
        )
    assert send(fleet, targets) == Sent(0, [])
    with fleet.engine.begin() as connection:
        connection.execute(text("update alert set created_at = created_at - interval '6 minutes'"))
    assert send(fleet, targets) == Sent(1, [])


def test_an_outage_loses_nothing_and_is_waited_through(fleet: Fleet, dead_port: int) -> None:
    port = dead_port
    targets = to_targets(f"json://127.0.0.1:{port}/hook")
    sessions = [make_superusers(fleet, "ana"), make_superusers(fleet, "bob")]
    failed = send(fleet, targets)
    assert (failed.messages, len(failed.failures)) == (0, 2)
    assert "target 1 (json)" in failed.failures[0]
    pauses = "select extract(epoch from due_at - tried_at) as pause from alert_delivery where attempts = :n"
    (first,) = {round(float(row["pause"])) for row in read(fleet.engine, pauses, n=1)}
    assert first == FIRST_PAUSE_SECONDS
    with fleet.engine.begin() as connection:
        connection.execute(text("update alert_delivery set attempts = 20, due_at = now()"))
    send(fleet, targets)
    assert {round(float(row["pause"])) for row in read(fleet.engine, pauses, n=21)} == {LONGEST_PAUSE_SECONDS}
    be_due(fleet)
    with start_hook(port) as hook:
        assert send(fleet, targets) == Sent(2, [])
        assert hook.keys == [f"{session_id}/1" for session_id in sessions]
    assert read(fleet.engine, "select from alert where sent_at is null or last_error is not null") == []


def test_one_that_is_refused_holds_up_no_other_for_long(fleet: Fleet, hook: Hook) -> None:
    targets = to_targets(hook.url)
    first = make_superusers(fleet, "ana")
    hook.status = 400
    assert len(send(fleet, targets).failures) == 1
    hook.status = 200
    second = make_superusers(fleet, "bob")
    assert send(fleet, targets) == Sent(1, [])
    assert hook.keys == [f"{second}/1"]
    assert send(fleet, targets, every=True) == Sent(1, [])
    assert hook.keys == [f"{second}/1", f"{first}/1"]


def test_who_has_taken_it_does_not_get_it_again_for_one_who_has_not(fleet: Fleet, hook: Hook, mailbox: Mailbox) -> None:
    make_superusers(fleet, "ana")
    targets = to_targets(hook.url, mailbox.url)
    hook.status = 503
    (failure,) = send(fleet, targets).failures
    assert "503" in failure
    hook.status = 200
    assert read(fleet.engine, "select distinct sent_at from alert") == [{"sent_at": None}]
    assert send(fleet, targets, every=True) == Sent(1, [])
    assert (len(hook.taken), len(mailbox.mails)) == (1, 1)
    assert read(fleet.engine, "select from alert where sent_at is null or last_error is not null") == []


def test_a_target_that_takes_nothing_holds_up_no_other(fleet: Fleet, hook: Hook, mailbox: Mailbox) -> None:
    sessions = [make_superusers(fleet, name) for name in ("ana", "bob", "ana", "bob", "ana")]
    keys = [f"{session_id}/1" for session_id in sessions]
    hook.status = 410
    targets = to_targets("nonsense://nowhere", hook.url, mailbox.url)
    sent = send(fleet, targets)
    assert [str(mail["Subject"]) for mail in mailbox.mails] == ["whalefall: 2 x new superuser"] * 5
    assert (sent.messages, len(sent.failures)) == (5, 2 * MOST_FAILURES)
    assert hook.refused == MOST_FAILURES, "a target that fails is not tried with all that waits"
    hook.status = 200
    assert send(fleet, targets).messages == len(keys) - MOST_FAILURES, "those that were not tried yet are due"
    be_due(fleet)
    send(fleet, targets)
    assert sorted(hook.keys) == sorted(keys)
    assert len(mailbox.mails) == len(keys)


def test_who_failed_last_is_tried_last(fleet: Fleet, hook: Hook, mailbox: Mailbox) -> None:
    targets = to_targets(hook.url, mailbox.url)
    make_superusers(fleet, "ana")
    hook.status = 500
    send(fleet, targets)
    hook.status = 200
    session_id = make_superusers(fleet, "bob")
    assert send(fleet, targets) == Sent(2, [])
    tried = read(
        fleet.engine,
        "select label from alert_delivery where message_key = :key order by tried_at",
        key=f"{session_id}/1",
    )
    assert [row["label"] for row in tried] == ["target 2 (mailto)", "target 1 (json)"]


def test_a_target_is_given_up_after_long_and_many_tries_and_that_is_kept(
    fleet: Fleet, hook: Hook, mailbox: Mailbox
) -> None:
    make_superusers(fleet, "ana")
    targets = to_targets(hook.url, mailbox.url)
    hook.status = 410
    send(fleet, targets)
    for days, attempts in ((GIVEN_UP_DAYS - 1, 99), (GIVEN_UP_DAYS, GIVEN_UP_TRIES - 2)):
        age(fleet, days=days, attempts=attempts)
        send(fleet, targets)
        assert read(fleet.engine, "select from alert where given_up_at is not null") == []
    age(fleet, days=GIVEN_UP_DAYS, attempts=GIVEN_UP_TRIES - 1)
    assert len(send(fleet, targets).failures) == 1
    (row,) = read(fleet.engine, "select distinct sent_at, given_up_at is not null as given_up, last_error from alert")
    assert (row["sent_at"], row["given_up"]) == (None, True)
    assert row["last_error"].startswith("target 1 (json): ")
    assert row["last_error"].endswith(f" (given up after {GIVEN_UP_TRIES} tries)")
    hook.status = 200
    be_due(fleet)
    assert send(fleet, targets) == Sent(0, [])
    assert send(fleet, targets, every=True) == Sent(1, []), "a person can have it tried again"
    assert (len(hook.taken), len(mailbox.mails)) == (1, 1)
    assert read(fleet.engine, "select from alert where sent_at is null or given_up_at is not null") == []


def test_a_target_that_is_none_any_more_holds_nothing_open_and_a_new_one_gets_what_waits(
    fleet: Fleet, dead_port: int, hook: Hook, mailbox: Mailbox
) -> None:
    dead = f"json://127.0.0.1:{dead_port}/hook"
    make_superusers(fleet, "ana")
    send(fleet, to_targets(dead, mailbox.url))
    assert send(fleet, to_targets(mailbox.url)) == Sent(0, [])
    assert read(fleet.engine, "select from alert where sent_at is null") == []
    session_id = make_superusers(fleet, "bob")
    send(fleet, to_targets(dead))
    assert send(fleet, to_targets(hook.url)) == Sent(1, [])
    assert hook.keys == [f"{session_id}/1"]


def test_what_is_repeated_is_the_same_message(fleet: Fleet, hook: Hook) -> None:
    """A process that dies after a message was taken, and before that is written, is the same as one that never was."""
    session_id = make_superusers(fleet, "ana")
    targets = to_targets(hook.url)
    send(fleet, targets)
    with fleet.engine.begin() as connection:
        connection.execute(text("update alert set sent_at = null, attempts = 0"))
        connection.execute(text("delete from alert_delivery"))
        # What comes later of the same session goes with a message of its own.
        connection.execute(
            text(
                "insert into alert (key, kind, instance_id, session_id, payload) "
                "select 'late', 'scope_lost', instance_id, session_id, payload from alert limit 1"
            )
        )
    send(fleet, targets)
    assert hook.keys == [f"{session_id}/1", f"{session_id}/1", f"{session_id}/2"]
    assert hook.taken[0]["message"] == hook.taken[1]["message"]


def test_only_one_process_sends(fleet: Fleet, hook: Hook, ledger_url: str) -> None:
    make_superusers(fleet, "ana")
    targets = to_targets(hook.url)
    with psycopg.connect(ledger_url) as other:
        other.execute("select pg_advisory_lock(%s, 1)", [LOCK_SPACE])
        assert send(fleet, targets).is_busy
        other.execute("select pg_advisory_unlock(%s, 1)", [LOCK_SPACE])
    assert send(fleet, targets) == Sent(1, [])


def test_two_that_send_at_once_send_it_once(fleet: Fleet, hook: Hook) -> None:
    make_superusers(fleet, "ana")
    targets = to_targets(hook.url)
    threads = [threading.Thread(target=send, args=(fleet, targets)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hook.taken) == 1
