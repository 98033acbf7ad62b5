"""Who alerts go to: what is read of their addresses, and what is shown of them."""

import json
import logging
import os
import re
from pathlib import Path

import pytest

from tests.engines.scripted import Fleet, user
from tests.ledger.rows import read
from tests.reports.outbox import NO_RULES, make_superusers, send, to_targets
from tests.servers.ports import HOST
from tests.servers.receivers import Hook, Mailbox
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.reports.sending import Sent, send_test
from whalefall_pipeline.reports.targets import read_targets
from whalefall_pipeline.settings import Settings, read_settings
from whalefall_pipeline.sync.plan import Alerting


def test_no_part_of_a_url_is_in_what_is_kept_or_logged_or_shown(
    fleet: Fleet, dead_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = ("SuperUser77", "hunter2hunter2", "T0KENinPATH", "valueinquery")
    url = f"json://{secrets[0]}:{secrets[1]}@127.0.0.1:{dead_port}/{secrets[2]}?+x={secrets[3]}"
    targets = to_targets(url)
    make_superusers(fleet, "ana")
    with caplog.at_level(logging.DEBUG):
        sent = send(fleet, targets)
    assert sent.failures
    kept = read(fleet.engine, "select cast(alert as text) as whole from alert")[0]["whole"]
    for said in (kept, str(sent), repr(targets), caplog.text, str(Settings(alert_urls=None))):
        assert not [secret for secret in secrets if secret in said]


def test_urls_come_from_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "urls"
    path.write_text("# the night shift\njson://a.example/x\n\nmailto://b.example\n")
    settings = read_settings({"WHALEFALL_ALERT_URLS": "json://a.example/x", "WHALEFALL_ALERT_URLS_FILE": str(path)})
    assert [target.label for target in read_targets(settings)] == ["target 1 (json)", "target 2 (mailto)"]
    path.unlink()
    with pytest.raises(InvalidInputError, match="can't be read: No such file"):
        read_targets(settings)


def test_a_file_of_urls_is_a_plain_one_of_a_sensible_size(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    large.write_bytes(b"#" * 1_000_001)
    for path, reason in ((Path("/dev/zero"), "no plain file"), (pipe, "no plain file"), (large, "more than 1,000,000")):
        with pytest.raises(InvalidInputError, match=f"{path} of the alert URLs can't be read: it .*{reason}"):
            read_targets(read_settings({"WHALEFALL_ALERT_URLS_FILE": str(path)}))


def test_a_url_that_is_none_is_a_failed_attempt_and_others_are_told(fleet: Fleet, hook: Hook) -> None:
    make_superusers(fleet, "ana")
    targets = to_targets("nonsense-with-a-secret", hook.url)
    reason = "target 1 (unknown): it is no URL that Apprise knows how to use"
    (failure,) = send(fleet, targets).failures
    assert failure.endswith(f": {reason}")
    assert len(hook.taken) == 1
    rows = read(fleet.engine, "select distinct attempts, last_error from alert")
    assert [tuple(row.values()) for row in rows] == [(1, reason)]
    assert send_test(targets, "ana") == {
        "target 1 (unknown)": "it is no URL that Apprise knows how to use",
        "target 2 (json)": "",
    }


def test_a_test_goes_to_each_target(hook: Hook, mailbox: Mailbox) -> None:
    hook.status = 404
    said = send_test(to_targets(hook.url, mailbox.url), "ana")
    assert list(said) == ["target 1 (json)", "target 2 (mailto)"]
    assert "404" in said["target 1 (json)"]
    assert said["target 2 (mailto)"] == ""
    assert "this is a test" in mailbox.mails[0]["Subject"]


def test_names_are_text_to_chats_and_mails(
    fleet: Fleet, hook: Hook, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack's and Discord's addresses are fixed, so the classes that post to them are pointed at the receiver."""
    place = f"http://{HOST}:{hook.port}"
    monkeypatch.setattr("apprise.plugins.slack.NotifySlack.webhook_url", f"{place}/slack")
    monkeypatch.setattr("apprise.plugins.discord.NotifyDiscord.notify_url", f"{place}/discord")
    slack = f"slack://T1JJ3T3L2/A1BRTD4JD/{'T' * 24}"
    discord = f"discord://{'4' * 18}/{'T' * 60}"
    targets = to_targets(
        *(slack, f"{slack}?blocks=yes", f"{slack}?format=markdown"),
        *(discord, f"{discord}?format=markdown"),
        *(f"mmost://{HOST}:{hook.port}/{'t' * 24}", mailbox.url, f"{mailbox.url}&format=html"),
    )
    names = ["<!channel>", "<@U0123456>", "@everyone", "<b>ana</b>", "[ana](https://bad.example)"]
    fleet.adapter.accounts = [user(name) for name in names]
    fleet.sync()
    fleet.adapter.accounts = [user(name, rolsuper=True) for name in names]
    fleet.run(fleet.plan(alerting=Alerting(), rulebook=NO_RULES))
    assert send(fleet, targets) == Sent(len(targets), [])
    texts = [part for mail in mailbox.mails for part in mail.walk() if part.get_content_maintype() == "text"]
    parts = [str(part.get_content()) for part in texts]
    sent = [*(json.dumps(posted, ensure_ascii=False) for posted in hook.taken), *parts]
    assert len(sent) >= len(targets)
    assert [part for part in parts if "<br" in part], "one of the mails is HTML"
    for text_of_one in sent:
        assert "ana" in text_of_one
        assert not re.search(r"<!|<@|@everyone|<b>|\]\(", text_of_one), text_of_one
