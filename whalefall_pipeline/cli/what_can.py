"""`whalefall what-can`: all that an account can do, by its roles and by wider grants too."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import typer

from whalefall_pipeline.cli.answers import AnswerRow, print_unseen, show_answers, to_row
from whalefall_pipeline.cli.arguments import AsOfOption, InstanceArgument
from whalefall_pipeline.cli.asking import Case, find_access, find_asked, find_cases, load_cases, parse_object
from whalefall_pipeline.cli.known import check_account, check_instance
from whalefall_pipeline.cli.moments import parse_moment
from whalefall_pipeline.cli.rows import Format, FormatOption, LimitOption, RawOption
from whalefall_pipeline.cli.why import AccountArgument, check_there
from whalefall_pipeline.cli.workplace import open_reader
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.everything import find_everything, find_missing, find_superuser
from whalefall_pipeline.core.access.model import Answer, Population
from whalefall_pipeline.core.model import Unseen
from whalefall_pipeline.ledger.access import Asked, read_closure, read_holdings, read_securables
from whalefall_pipeline.ledger.reader import Reader

USAGE = "whalefall what-can INSTANCE ACCOUNT [ON [KIND] OBJECT]"


def what_can(
    *,
    instance: InstanceArgument,
    username: AccountArgument,
    on: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ON [KIND] OBJECT]", help="On this alone, such as ON app.orders, or ON server."),
    ] = None,
    as_of: AsOfOption = None,
    limit: LimitOption = None,
    form: FormatOption = Format.TABLE,
    raw: RawOption = False,
) -> None:
    """List what an account can do, on all or on one object.

    By its roles, by wider grants and by steps that it may take. Exit code 1 where it can do nothing of that.
    """
    asking = parse_object(on, USAGE) if on else None
    moment = parse_moment(as_of) if as_of else None
    rows: list[AnswerRow] = []
    unseen: dict[str, Sequence[str]] = {}
    known: dict[str, Mapping[str, Unseen]] = {}
    with open_reader() as reader:
        check_instance(reader, instance)
        check_account(reader, username, instance)
        for asked in find_asked(reader, instance, moment):
            known[instance] = asked.unseen
            if asking:
                cases = find_cases(reader, [asked], asking, moment, named=True)
                found = [
                    answer
                    for case, population in load_cases(reader, cases, moment, also=username)
                    for answer in _decide(case, population, username)
                ]
            else:
                found = _decide_all(reader, asked, username, moment)
            rows = [to_row(instance, answer) for answer in found if answer.paths]
            unseen = {instance: sorted({scope for answer in found for scope in answer.unseen})}
    show_answers(rows, form, raw=raw, limit=limit, of_one=True)
    print_unseen(unseen, known)
    if not rows:
        raise typer.Exit(1)


def _decide(case: Case, population: Population, username: str) -> list[Answer]:
    check_there(population, case.asked.name, username)
    decider = Decider(case.access, population)
    return [decider.decide(username, question) for question in case.questions]


def _decide_all(reader: Reader, asked: Asked, username: str, at: datetime | None) -> Sequence[Answer]:
    """Return what an account can do on all that is known; of a superuser, that it is one."""
    access = find_access(asked.db_type)
    population = read_closure(reader, asked, [username], at=at)
    check_there(population, asked.name, username)
    superuser = find_superuser(access, population, username)
    if superuser:
        return [superuser]
    population = _complete(reader, asked, population, at)
    return list(find_everything(access, population, username, read_securables(reader, asked, at)))


def _complete(reader: Reader, asked: Asked, population: Population, at: datetime | None) -> Population:
    """Return the population with all accounts that its own may come to, be that all of the instance."""
    access = find_access(asked.db_type)
    tried: frozenset[str] = frozenset()
    while (missing := find_missing(access, population)) is not None:
        if missing <= tried:  # what is left is no account of the inventory
            return population
        tried |= missing
        population = read_closure(reader, asked, {*population.accounts, *missing}, at=at)
    return read_holdings(reader, asked, at)
