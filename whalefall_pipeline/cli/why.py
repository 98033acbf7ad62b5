"""`whalefall why`: by which ways an account can do something, or what it lacks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from whalefall_pipeline.cli.answers import describe_scope, format_gate, show_answers, to_row
from whalefall_pipeline.cli.arguments import AsOfOption, InstanceArgument, complete_account
from whalefall_pipeline.cli.asking import Case, find_asked, find_cases, load_cases, parse_question
from whalefall_pipeline.cli.known import check_account, check_instance
from whalefall_pipeline.cli.moments import format_moment, parse_moment
from whalefall_pipeline.cli.output import console, warn
from whalefall_pipeline.cli.rows import Format, FormatOption, RawOption
from whalefall_pipeline.cli.trees import show_tree
from whalefall_pipeline.cli.who_can import OnArgument, PrivilegeArgument
from whalefall_pipeline.cli.workplace import open_reader
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Answer, Path, Population, Verdict
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.model import Unseen

USAGE = "whalefall why INSTANCE ACCOUNT PRIVILEGE ON [KIND] OBJECT"
AccountArgument = Annotated[
    str, typer.Argument(autocompletion=complete_account, metavar="ACCOUNT", help="The account; on MySQL user@host.")
]


def why(
    *,
    instance: InstanceArgument,
    username: AccountArgument,
    privilege: PrivilegeArgument,
    on: OnArgument,
    as_of: AsOfOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """Show every way by which an account can do something.

    The shortest first; where it can't, what comes closest, and what is missing. Exit code 1 where it can't.
    """
    asking = parse_question(privilege, on, USAGE)
    moment = parse_moment(as_of) if as_of else None
    answers: list[Answer] = []
    known: Mapping[str, Unseen] = {}
    with open_reader() as reader:
        check_instance(reader, instance)
        check_account(reader, username, instance)
        asked = find_asked(reader, instance, moment)
        known = asked[0].unseen if asked else known
        cases = find_cases(reader, asked, asking, moment, named=True) if asked else []
        for case, population in load_cases(reader, cases, moment, also=username):
            check_there(population, instance, username)
            answers += _decide(case, population, username)
    if form is Format.TABLE:
        for answer in answers:
            _show(instance, answer)
    else:
        rows = [to_row(instance, answer, path) for answer in answers for path in answer.paths or (None,)]
        show_answers(rows, form, raw=raw, limit=None)
        for answer in answers:
            if answer.nearest:
                warn(f"{_to_title(instance, answer)}: {answer.nearest}")
    for answer in answers:
        if not answer.complete:
            warn(f"{answer.question.securable}: there are more ways than are listed")
        if answer.verdict is Verdict.UNKNOWN:
            not_seen = "; ".join(describe_scope(scope, known).words for scope in answer.unseen)
            warn(f"{instance}: {not_seen}: whether {username} can is not known")
    if not any(answer.paths for answer in answers):
        raise typer.Exit(1)


def check_there(population: Population, instance: str, username: str) -> None:
    """Raise InvalidInputError unless an account was there at the moment."""
    if username not in population.accounts:
        raise InvalidInputError(
            f"{instance} had no account {username!r} at that moment; see: whalefall changes --instance {instance}"
        )


def _decide(case: Case, population: Population, username: str) -> list[Answer]:
    decider = Decider(case.access, population)
    return [decider.decide(username, question, every_path=True) for question in case.questions]


def _to_title(instance: str, answer: Answer) -> str:
    question = answer.question
    return f"{answer.username} on {instance}: {question.privilege} on {question.securable}: {answer.verdict.value}"


def _show(instance: str, answer: Answer) -> None:
    tree: dict[str, Any] = {}
    for path in answer.paths:
        _add(tree, path)
    if answer.nearest:
        tree["nearest"] = answer.nearest
    gates = [format_gate(gate) for gate in answer.gates]
    show_tree(console, _to_title(instance, answer), tree | {"gates": gates, "not observed": list(answer.unseen)})


def _add(tree: dict[str, Any], path: Path) -> None:
    """Add a path to a tree; paths that begin alike share their branch."""
    for link in path.links:
        tree = tree.setdefault(_to_label(link.words, link.step, link.since), {})
    tree.setdefault(_to_label(path.source.words, path.source.step, None), _format_since(path))


def _to_label(words: str, step: str, since: datetime | None) -> str:
    told = f" (since {format_moment(since)})" if since else ""
    return f"{words}{told}{f', after {step}' if step else ''}"


def _format_since(path: Path) -> str:
    return f"all of it since {format_moment(path.since)}" if path.since else "no moment is known"
