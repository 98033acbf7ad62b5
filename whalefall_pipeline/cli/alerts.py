"""`whalefall alerts`: what people were called for, whether they can be, and sending without the daemon."""

from typing import Annotated

import typer

from whalefall_pipeline.cli.arguments import InstanceOption
from whalefall_pipeline.cli.known import check_instance
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.output import print_line, warn
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption, choose_limit, show_rows
from whalefall_pipeline.cli.workplace import find_user, open_reader, open_workplace
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.ledger.queries import read_alerts
from whalefall_pipeline.reports.targets import AlertTarget, read_targets
from whalefall_pipeline.settings import get_settings

COLUMNS = ("created_at", "kind", "instance", "count", "status", "attempts", "sent_at", "last_error")


def list_alerts(
    *,
    instance: InstanceOption = None,
    label: LabelOption = None,
    unsent: Annotated[bool, typer.Option("--unsent", help="Only those that are not sent yet.")] = False,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List alerts, the newest first."""
    at_most = choose_limit(limit, form)
    with open_reader() as reader:
        check_instance(reader, instance)
        chosen, more = find_labelled(reader, label, removed=True), at_most and at_most + 1
        rows = read_alerts(reader, unsent=unsent, instance=instance, chosen=chosen, at_most=more)
    data = () if form is Format.TABLE else ("message_key", "session_id", "key", "items", "targets")
    show_rows(rows, (*COLUMNS, *data), form, raw=raw, at_most=at_most)


def test() -> None:
    """Send each target a message that says it is a test.

    Exit code 1 where one did not take it.
    """
    from whalefall_pipeline.reports.sending import send_test  # noqa: PLC0415 - only where it is needed

    targets = _find_targets()
    failed = 0
    for label, reason in send_test(targets, find_user()).items():
        failed += bool(reason)
        if reason:
            warn(f"{label}: not sent: {reason}")
        else:
            print_line(f"{label}: sent")
    if failed:
        raise typer.Exit(1)


def send() -> None:
    """Send the alerts that wait, without the daemon.

    Those that failed just now too. Exit code 1 where one was not taken; it is kept, and can be sent again.
    """
    from whalefall_pipeline.reports.sending import send_alerts  # noqa: PLC0415 - only where it is needed

    targets = _find_targets()
    with open_workplace() as workplace:
        sent = send_alerts(workplace.engine, targets, workplace.store.digest_key, every=True)
    if sent.is_busy:
        raise InvalidInputError("another process sends alerts just now; see: whalefall alerts list")
    print_line(f"{sent.messages} messages taken by targets")
    for failure in sent.failures:
        warn(f"not sent: {failure}")
    if sent.failures:
        raise typer.Exit(1)


def _find_targets() -> list[AlertTarget]:
    targets = read_targets(get_settings())
    if not targets:
        raise InvalidInputError("nobody is to be told: set WHALEFALL_ALERT_URLS, or WHALEFALL_ALERT_URLS_FILE")
    return targets
