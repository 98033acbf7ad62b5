"""`whalefall who-can`: who can do something, by any way, and by which."""

from collections.abc import Mapping
from typing import Annotated

import typer

from whalefall_pipeline.cli.answers import AnswerRow, print_unseen, show_answers, to_row
from whalefall_pipeline.cli.arguments import AsOfOption, InstanceOption
from whalefall_pipeline.cli.asking import Case, find_asked, find_cases, load_cases, parse_question
from whalefall_pipeline.cli.known import check_instance
from whalefall_pipeline.cli.labels import LabelOption, find_labelled
from whalefall_pipeline.cli.moments import parse_moment
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption
from whalefall_pipeline.cli.workplace import open_reader
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Population, Verdict
from whalefall_pipeline.core.exclusions import OF_ACCOUNT, find_names
from whalefall_pipeline.core.model import Unseen
from whalefall_pipeline.sync.interpreter import tuned

USAGE = "whalefall who-can PRIVILEGE ON [KIND] OBJECT"
OnArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="ON [KIND] OBJECT",
        help='table, schema.table, database.schema.table; "with.dot".table; role NAME, column TABLE.COLUMN; server.',
    ),
]
PrivilegeArgument = Annotated[str, typer.Argument(help="In the server's own words: SELECT, EXECUTE, MEMBER, OWNER, ….")]
PredefinedOption = Annotated[bool, typer.Option("--predefined", help="The engine's own roles too.")]


def who_can(
    *,
    privilege: PrivilegeArgument,
    on: OnArgument,
    instance: InstanceOption = None,
    label: LabelOption = None,
    as_of: AsOfOption = None,
    removed: Annotated[bool, typer.Option("--removed", help="On removed instances too.")] = False,
    predefined: PredefinedOption = False,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List who can do something, by roles and wider grants too.

    Each account has its shortest way; `why` has all. Exit code 1 where nobody can, as far as was observed.
    """
    asking = parse_question(privilege, on, USAGE)
    moment = parse_moment(as_of) if as_of else None
    rows: list[AnswerRow] = []
    unseen: dict[str, set[str]] = {}
    known: dict[str, Mapping[str, Unseen]] = {}
    with tuned():
        with open_reader() as reader:
            check_instance(reader, instance)
            chosen = find_labelled(reader, label, removed=removed)
            asked = find_asked(reader, instance, moment, removed=removed, chosen=chosen)
            known |= {item.name: item.unseen for item in asked}
            cases = find_cases(reader, asked, asking, moment, named=instance is not None) if asked else []
            for case, population in load_cases(reader, cases, moment):
                found, not_seen = _decide(case, population, predefined=predefined)
                rows += found
                if not_seen:
                    unseen[case.asked.name] = not_seen
        rows.sort(key=lambda row: (row.instance, row.object, row.verdict is Verdict.AFTER_STEP, row.username))
        show_answers(rows, form, raw=raw, limit=limit)
    print_unseen(unseen, known)
    if not rows:
        raise typer.Exit(1)


def _decide(case: Case, population: Population, *, predefined: bool) -> tuple[list[AnswerRow], set[str]]:
    """Return who can, and what was not observed that might say that others can."""
    decider = Decider(case.access, population)
    excluded = decider.find_excluded(find_names(population.unseen, OF_ACCOUNT))
    rows: list[AnswerRow] = []
    unseen: set[str] = set()
    for question in case.questions:
        answers = decider.find_who_can(question, first_only=True)
        rows += [to_row(case.asked.name, answer) for answer in answers if predefined or answer.kind.is_counted]
        able = {f"{OF_ACCOUNT}{answer.username}" for answer in answers}
        unseen |= {*decider.find_unseen(question), *excluded} - able
    return rows, unseen
