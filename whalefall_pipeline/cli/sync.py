"""`whalefall sync`: sync instances, and watch."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from whalefall_pipeline.cli.arguments import complete_instance, complete_session
from whalefall_pipeline.cli.choosing import choose_instances
from whalefall_pipeline.cli.graphql import Webserver
from whalefall_pipeline.cli.interrupts import held_back
from whalefall_pipeline.cli.labels import LabelOption, parse_labels
from whalefall_pipeline.cli.launching import Launch, launch_locally, launch_remotely
from whalefall_pipeline.cli.output import errors, print_line
from whalefall_pipeline.cli.progress import follow, print_sessions
from whalefall_pipeline.cli.sessions import find_sessions, show_records
from whalefall_pipeline.cli.workplace import Workplace, find_user, open_workplace
from whalefall_pipeline.core.errors import InvalidInputError, WhalefallError
from whalefall_pipeline.core.sessions import ACCEPT_COLLAPSE_TAG, CREATED_BY_TAG, SYNC_TYPE_TAG, to_sync_type
from whalefall_pipeline.ledger.database import reading
from whalefall_pipeline.ledger.instances import read_instances
from whalefall_pipeline.ledger.queries import read_records
from whalefall_pipeline.ledger.sessions import read_incomplete
from whalefall_pipeline.services import find_webserver

CANCELLED_EXIT = 130


def sync(
    *,
    names: Annotated[
        list[str] | None, typer.Argument(autocompletion=complete_instance, help="The instances to sync.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All active instances.")] = False,
    retry: Annotated[
        str | None,
        typer.Option(autocompletion=complete_session, help="What this session or batch did not complete."),
    ] = None,
    label: LabelOption = None,
    local: Annotated[bool, typer.Option("--local", help="Run here; no webserver is needed.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the outcome, and show it.")] = True,
    accept_collapse: Annotated[
        bool, typer.Option("--accept-collapse", help="Believe an account list that lost more than the safety limit.")
    ] = False,
) -> None:
    """Sync the accounts and permissions of instances.

    Exit code 0: all completed; 1: some failed; 130: cancelled. With --no-wait 0 says that they were started.
    """
    if sum((bool(names), every, retry is not None, bool(label))) != 1:
        raise InvalidInputError(
            "say which instances to sync: names, or --all, or --label KEY=VALUE, or --retry SESSION"
        )
    if local and not wait:
        raise InvalidInputError("--local runs here, and ends with this command; leave out --no-wait")
    with open_workplace() as workplace:
        chosen, active = _choose(workplace, names, retry, parse_labels(label))
        tags = _build_tags(chosen, active, accept_collapse=accept_collapse)
        with held_back() as interrupts:
            # A run whose id is not known yet can't be cancelled.
            launch = _launch(workplace, chosen, tags, local=local)
        print_sessions(launch.session_ids)
        if wait or interrupts.heard:
            _wait(workplace, launch, len(chosen), cancelled=interrupts.heard)


def _choose(
    workplace: Workplace, names: Sequence[str] | None, retry: str | None, labels: Mapping[str, str]
) -> tuple[list[str], int]:
    if retry is not None:
        with workplace.reading() as reader:
            found = find_sessions(reader, retry)
        retry = str(found[0]["session_id"] if len(found) == 1 else found[0]["batch_id"])
    with reading(workplace.engine) as connection:
        active = read_instances(connection)
        if retry:
            names = sorted(set(read_incomplete(connection, retry) or ()))
            if not names:
                print_line(f"session {retry} completed every instance; there is nothing to retry")
                raise typer.Exit(0)
    return [instance.name for instance in choose_instances(active, names, labels)], len(active)


def _build_tags(chosen: Sequence[str], active: int, *, accept_collapse: bool) -> dict[str, str]:
    tags = {SYNC_TYPE_TAG: to_sync_type({}, len(chosen), active), CREATED_BY_TAG: find_user()}
    return {**tags, ACCEPT_COLLAPSE_TAG: "true"} if accept_collapse else tags


def _launch(workplace: Workplace, chosen: Sequence[str], tags: dict[str, str], *, local: bool) -> Launch:
    if local:
        return launch_locally(workplace, chosen, tags)
    url = workplace.settings.webserver_url or find_webserver(workplace.home)
    if url is None:
        raise WhalefallError("no webserver is running; start one with `whalefall up`, or add --local to run here")
    return launch_remotely(Webserver(url), chosen, tags, workplace.settings.partitions_per_run)


def _wait(workplace: Workplace, launch: Launch, total: int, *, cancelled: bool) -> None:
    sessions = follow(workplace, launch, total, cancelled=cancelled)
    with workplace.reading() as reader:
        records = read_records(reader, launch.session_ids)
    show_records(records)
    if len(sessions) < len(launch.session_ids) and not cancelled:
        errors.print(f"some runs ended before their session began; look at {launch.find_log()}")
        raise typer.Exit(1)
    if any(row["status"] == "running" for row in sessions):
        errors.print(f"the run's process died; its session is ended by the next sweep; look at {launch.find_log()}")
    if cancelled or any(row["status"] == "cancelled" for row in sessions):
        raise typer.Exit(CANCELLED_EXIT)
    if any(row["status"] != "completed" for row in sessions):
        raise typer.Exit(1)
