"""`whalefall changes`: what changed, when, and in which session it was found."""

from typing import Annotated, get_args

import typer

from whalefall_pipeline.cli.arguments import (
    AccountOption,
    InstanceOption,
    SinceOption,
    UntilOption,
    complete_session,
)
from whalefall_pipeline.cli.known import check_account, check_instance
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.moments import parse_moment
from whalefall_pipeline.cli.output import warn
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption, choose_limit, show_rows
from whalefall_pipeline.cli.sessions import find_sessions
from whalefall_pipeline.cli.workplace import open_reader
from whalefall_pipeline.core.diff import ChangeType, InstanceChangeType
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.ledger.queries import read_changes

CHANGE_TYPES: tuple[str, ...] = (*get_args(ChangeType), *get_args(InstanceChangeType))
COLUMNS = ("id", "change_time", "instance", "username", "change_type", "message")


def show_changes(
    *,
    instance: InstanceOption = None,
    account: AccountOption = None,
    label: LabelOption = None,
    change_type: Annotated[str | None, typer.Option("--type", help=f"One of {', '.join(CHANGE_TYPES)}.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    session: Annotated[
        str | None, typer.Option(autocompletion=complete_session, help="Only what this session found.")
    ] = None,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List changes of accounts, the newest first.

    And changes of what instances are set to.
    """
    if change_type and change_type not in CHANGE_TYPES:
        raise InvalidInputError(f"no change is of type {change_type!r}; types are {', '.join(CHANGE_TYPES)}")
    begin, end = (parse_moment(text) if text else None for text in (since, until))
    if begin and end and begin >= end:
        raise InvalidInputError(f"--since {since} is not before --until {until}")
    at_most = choose_limit(limit, form)
    with open_reader() as reader:
        check_instance(reader, instance)
        check_account(reader, account, instance)
        if session:
            find_sessions(reader, session)
        rows = read_changes(
            reader,
            chosen=find_labelled(reader, label, removed=True),
            instance=instance,
            username=account,
            change_type=change_type,
            since=begin,
            until=end,
            session_id=session,
            at_most=at_most and at_most + 1,
        )
    more = () if form is Format.TABLE else ("session_id", "privilege_diff", "other_diff")
    if at_most and len(rows) > at_most:
        warn(f"these are the newest {at_most}; there are more: --limit N, or a later --since")
        rows = rows[:at_most]
    show_rows(rows, (*COLUMNS, *more), form, raw=raw)
