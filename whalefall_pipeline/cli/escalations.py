"""`whalefall escalations`: who could become a superuser, or another account, and by which steps."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import typer

from whalefall_pipeline import __version__
from whalefall_pipeline.cli.answers import AnswerRow, print_unseen, show_answers
from whalefall_pipeline.cli.arguments import AsOfOption, InstanceOption
from whalefall_pipeline.cli.asking import AT_ONCE, find_access, find_asked
from whalefall_pipeline.cli.known import check_instance
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.moments import parse_moment
from whalefall_pipeline.cli.output import warn
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption
from whalefall_pipeline.cli.who_can import PredefinedOption
from whalefall_pipeline.cli.workplace import open_reader
from whalefall_pipeline.core.access.danger_summary import to_maker
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.access.model import Escalation, Escalations, Population, Verdict
from whalefall_pipeline.core.rules import SUPERUSER
from whalefall_pipeline.ledger.access import Asked, read_populations, read_without_ways
from whalefall_pipeline.ledger.reader import Reader

BECOME = "BECOME"
NAMED = 5
"""Superusers that a line names."""


def show_escalations(
    *,
    instance: InstanceOption = None,
    label: LabelOption = None,
    as_of: AsOfOption = None,
    predefined: PredefinedOption = False,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List who could become a superuser or another account.

    The most dangerous first, each with its steps; superusers are told apart. Exit code 1 where nobody could, as far as
    was observed.
    """
    moment = parse_moment(as_of) if as_of else None
    found: list[tuple[int, AnswerRow]] = []
    superusers: dict[str, Sequence[str]] = {}
    unseen: dict[str, Sequence[str]] = {}
    with open_reader() as reader:
        check_instance(reader, instance)
        all_asked = find_asked(reader, instance, moment, chosen=find_labelled(reader, label))
        without = _find_without_ways(reader, all_asked) if moment is None else {}
        superusers |= {item.name: without.get(item.id, ()) for item in all_asked}
        for asked, population in _load(reader, [item for item in all_asked if item.id not in without], moment):
            told = find_escalations(find_access(asked.db_type), population)
            kinds = {name: state.account.kind for name, state in population.accounts.items()}
            superusers[asked.name] = [name for name in told.superusers if predefined or kinds[name].is_counted]
            unseen[asked.name] = told.unseen
            found += [
                (way.danger.rank, _to_row(asked.name, population, way, told))
                for way in told.ways
                if predefined or kinds[way.username].is_counted
            ]
    found.sort(key=lambda item: (item[0], len(item[1].steps)))
    show_answers([row for _, row in found], form, raw=raw, limit=limit)
    _print_superusers(superusers)
    print_unseen(unseen, {item.name: item.unseen for item in all_asked})
    if not found:
        raise typer.Exit(1)


def _find_without_ways(reader: Reader, asked: Sequence[Asked]) -> dict[int, list[str]]:
    """Return the superusers of instances that need not be loaded: nobody else there can become more."""
    seen = [item for item in asked if not find_access(item.db_type).find_unseen(_to_empty(item), None)]
    return read_without_ways(reader, seen, to_maker(__version__))


def _to_empty(asked: Asked) -> Population:
    return Population({}, unseen=asked.unseen, attributes=asked.attributes, version=asked.version)


def _load(reader: Reader, asked: Sequence[Asked], at: datetime | None) -> Iterator[tuple[Asked, Population]]:
    for start in range(0, len(asked), AT_ONCE):
        part = asked[start : start + AT_ONCE]
        wanted = {item.id: find_access(item.db_type).find_dangerous() for item in part}
        populations = read_populations(reader, part, wanted, at=at)
        for item in part:
            yield item, populations.pop(item.id)


def _to_row(instance: str, population: Population, way: Escalation, told: Escalations) -> AnswerRow:
    becomes = way.danger.becomes
    return AnswerRow(
        instance,
        way.username,
        population.accounts[way.username].account.kind,
        BECOME if becomes else SUPERUSER,
        f"account {becomes}" if becomes else "server",
        Verdict.AFTER_STEP,
        f"{way.username}: {way}",
        way.steps,
        (),
        told.unseen,
        way.since,
    )


def _print_superusers(superusers: dict[str, Sequence[str]]) -> None:
    names = [f"{name} on {instance}" for instance, found in superusers.items() for name in found]
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        warn(f"superusers already: {', '.join(names[:NAMED])}{more}; see: whalefall accounts --superuser")
